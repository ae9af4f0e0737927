"""``yanmo models set`` and ``yanmo options`` as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gguf import PoolingType

from tests.quantize.test_lora import make_adapter
from tests.tiny_checkpoints import make_tiny_checkpoint
from tests.tiny_encoders import TinyEncoder
from tests.tiny_eyes import make_eyes
from tests.tiny_models import make_tiny_adapter, make_tiny_model


def test_what_was_chosen_is_shown_kept_and_used(yanmo: Any, tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096))
    make_tiny_adapter(tmp_path / "style.gguf", seed=4)
    adapter = json.dumps([[str(tmp_path / "style.gguf"), 0.5]])
    status, out, _ = yanmo("options", model, "context_length=512", "batch-size=128", f"adapters={adapter}", "use_mlock=false")
    assert status == 0
    assert "context_length" in out
    assert out.count("(chosen)") == 3
    values = json.loads(yanmo("options", model, "--json")[1])
    assert (values["context_length"], values["batch_size"], values["adapters"][0]["scale"]) == (512, 128, 0.5)
    assert "cache_folder" not in values
    status, out, _ = yanmo("chat", model, "-p", "hello", "--max-tokens", "3", "--json")
    assert status == 0
    assert json.loads(out)["run"]["context_length"] == 512
    assert yanmo("options", model, "--reset")[1].count("(chosen)") == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("nonsense=1", "there are"),
        ("threads", "there are"),
        ("threads=many", "whole number"),
        ("use_mmap=2", "null"),
        ("use_mlock=2", "true or false"),
        ("adapters=style.gguf", "list"),
        ("flash_attention=7", "null"),
        ("flash_attention=0", "null"),
        ("flash_attention=1", "null"),
        ("flash_attention=1.0", "null"),
    ],
)
def test_wrong_usage_is_told(yanmo: Any, tmp_path: Path, change: str, word: str) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    status, _, error = yanmo("options", model, change)
    assert status == 2
    assert word in error


@pytest.mark.parametrize(
    "change",
    [
        "context_length=-4",
        "split_mode=sideways",
        'adapters=[["a", 1], ["a", 2]]',
        "tensor_overrides=[1]",
        'tensor_overrides=["ab"]',
        'tensor_overrides=[["ab"]]',
        'tensor_overrides=[["(?i)ffn", "CPU"]]',
    ],
)
def test_a_value_out_of_range_is_refused_and_nothing_is_kept(yanmo: Any, tmp_path: Path, change: str) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    status, _, error = yanmo("options", model, change)
    assert (status, error.count("\n"), "inside Yanmo" in error) == (1, 1, False)
    assert change.partition("=")[0] in error
    assert "(chosen)" not in yanmo("options", model)[1]


def test_sampling_is_chosen_for_a_model_and_honoured_until_something_else_is_said(yanmo: Any, tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    status, out, _ = yanmo("models", "set", model, "temperature=0", "top_k=3", "context_length=256")
    assert status == 0
    assert out.count("(chosen)") == 3

    def run_of(*more: str) -> dict[str, Any]:
        run: dict[str, Any] = json.loads(yanmo("chat", model, "-p", "hi", "--max-tokens", "2", "--json", *more)[1])["run"]
        return run

    run = run_of()
    assert run["context_length"] == 256
    assert (run["options"]["sampling"]["temperature"], run["options"]["sampling"]["top_k"]) == (0.0, 3)
    run = run_of("--temperature", "0.7")
    assert (run["options"]["sampling"]["temperature"], run["options"]["sampling"]["top_k"]) == (0.7, 3)
    assert run_of("--no-save")["options"]["sampling"]["top_k"] == 3
    first, second = (json.loads(yanmo("complete", model, "-p", "abc", "-n", "8", "--json")[1])["text"] for _ in range(2))
    assert first == second  # without a seed: temperature 0 is the model's
    assert json.loads(yanmo("models", "show", model, "--json")[1])["defaults"]["top_k"] == 3
    assert "top_k=3" in yanmo("models", "show", model)[1]
    assert yanmo("models", "set", model, "top_k=")[1].count("(chosen)") == 2
    assert "(chosen)" not in yanmo("models", "set", model, "--reset")[1]


def test_a_template_of_ones_own_takes_the_place_of_the_models(yanmo: Any, tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    (tmp_path / "own.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}", encoding="utf-8")
    usual = json.loads(yanmo("chat", model, "-p", "hello", "--max-tokens", "1", "--json")[1])["run"]["prompt_tokens"]
    assert yanmo("models", "set", model, f"chat_template=@{tmp_path / 'own.jinja'}")[0] == 0
    own = json.loads(yanmo("chat", model, "-p", "hello", "--max-tokens", "1", "--json")[1])["run"]["prompt_tokens"]
    assert own < usual
    (tmp_path / "broken.jinja").write_text("{% for %}", encoding="utf-8")
    status, _, error = yanmo("models", "set", model, f"chat_template=@{tmp_path / 'broken.jinja'}")
    assert (status, "template" in error) == (1, True)
    status, _, error = yanmo("models", "set", model, "chat_template=@nowhere.jinja")
    assert (status, "cannot be read" in error) == (2, True)


def test_draft_model_adapter_and_engine_are_known_by_name_and_what_is_none_is_refused(yanmo: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    model = str(make_tiny_model(folder / "big.gguf", name="Big", context=512))
    make_tiny_model(folder / "small.gguf", name="Small", context=512)
    make_tiny_adapter(folder / "style.gguf", seed=4)
    status, _, error = yanmo("models", "set", model, "draft_model=Small", 'adapters=[["style.gguf", 0.5]]', "engine=llamacpp")
    assert (status, error) == (0, "")
    assert yanmo("chat", model, "-p", "hi", "--max-tokens", "2")[0] == 0
    make_tiny_model(folder / "foreign.gguf", name="Foreign", extra_words=("ab", "cd"))
    assert yanmo("models", "set", model, "draft_model=Foreign")[0] == 0
    status, _, error = yanmo("chat", model, "-p", "hi", "--max-tokens", "2")
    assert (status, "foreign.gguf" in error, "vocabular" in error) == (1, True, True)
    TinyEncoder().write(folder / "reader.gguf", PoolingType.MEAN)
    make_eyes(folder / "eye.gguf")
    for change in (
        "draft_model=style.gguf",
        "draft_model=nothing",
        'adapters=[["Small", 1]]',
        "engine=abacus",
        "engine=torch_transformers",
        "engine=echo",
        "draft_model=eye.gguf",
        "draft_model=reader.gguf",
        f"draft_model={model}",
    ):
        status, _, error = yanmo("models", "set", model, change)
        assert (status, error != "") == (1, True), change


def test_a_checkpoint_takes_folders_of_peft_and_answers_with_them(yanmo: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models"
    checkpoint = make_tiny_checkpoint(folder / "checkpoint")
    make_adapter(folder / "manners", checkpoint, ("q_proj", "v_proj"), lora_alpha=512)
    make_tiny_adapter(folder / "style.gguf", seed=4)
    model = str(make_tiny_model(folder / "big.gguf", name="Big", context=512))
    ask = ("chat", str(checkpoint), "-p", "hello", "--max-tokens", "12", "--temperature", "0")
    plain = yanmo(*ask)
    assert plain[0] == 0
    assert yanmo("models", "set", str(checkpoint), 'adapters=[["manners", 1]]')[0] == 0
    changed = yanmo(*ask)
    assert changed[0] == 0
    assert changed[1] != plain[1]
    status, _, error = yanmo("models", "set", str(checkpoint), 'adapters=[["style.gguf", 1]]')
    assert (status, "as PEFT saves them" in error) == (1, True)
    status, _, error = yanmo("models", "set", model, 'adapters=[["manners", 1]]')
    assert (status, "yanmo lora convert" in error) == (1, True)


def test_files_named_from_a_folder_are_found_from_every_other(
    yanmo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(make_tiny_model(tmp_path / "big.gguf", context=512))
    here = tmp_path / "here"
    here.mkdir()
    make_tiny_model(here / "small.gguf", context=512)
    make_tiny_adapter(here / "style.gguf", seed=4)
    monkeypatch.chdir(here)
    assert yanmo("options", model, "draft_model=small.gguf", 'adapters=[["./style.gguf", 0.5]]')[0] == 0
    monkeypatch.chdir(tmp_path)
    values = json.loads(yanmo("options", model, "--json")[1])
    assert values["draft_model"] == str(here / "small.gguf")
    assert values["adapters"] == [{"path": str(here / "style.gguf"), "scale": 0.5}]
    assert yanmo("chat", model, "-p", "hi", "--max-tokens", "2")[0] == 0
    assert yanmo("options", model, "draft_model=own")[0] == 0
    assert json.loads(yanmo("options", model, "--json")[1])["draft_model"] == "own"


@pytest.mark.parametrize("place", range(3))
def test_a_reset_with_new_values_forgets_all_others_wherever_it_stands(yanmo: Any, tmp_path: Path, place: int) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    assert yanmo("options", model, "context_length=512", "top_k=3")[1].count("(chosen)") == 2
    words = [model, "threads=2"]
    words.insert(place, "--reset")
    status, out, _ = yanmo("options", *words)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines() if "(chosen)" in line] == ["threads"]
    assert yanmo("models", "set", model, "--json", "top_k=5")[0] == 0
