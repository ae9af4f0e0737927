"""Conversion without torch: files as they should be, cut into parts where asked, and every fault of a checkpoint explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.errors import UnsupportedArchitecture, UserFacingError
from models.gguf_header import read_header
from quantize.gguf.convert import convert_checkpoint
from quantize.gguf.model_card import read_model_card, size_label
from resources import resource_folder

CHECKPOINT = resource_folder() / "starter" / "checkpoint"
TEXT = "Hello 你好 wörld 123 — def f(x): return x\n\n  <|im_start|>user 😀 it's"


def test_the_starter_converts_to_the_very_tensors_that_ship(tmp_path: Path) -> None:
    made = convert_checkpoint(CHECKPOINT, tmp_path / "s.gguf", "Q8_0")
    shipped = CHECKPOINT.parent / "yanmo-starter-Q8_0.gguf"
    ours, theirs = read_header(made), read_header(shipped)
    assert {t.name: (t.shape, t.type.name) for t in ours.tensors} == {t.name: (t.shape, t.type.name) for t in theirs.tensors}


def test_tokens_are_those_of_the_hugging_face_tokenizer(tmp_path: Path) -> None:
    from llama_cpp import Llama
    from tokenizers import Tokenizer

    made = convert_checkpoint(CHECKPOINT, tmp_path / "t.gguf", "Q8_0")
    model = Llama(str(made), vocab_only=True, verbose=False)
    tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    for text in (TEXT, "中文，标点。", "a\tb\r\n c   d", "1234567 3.14", "'s 't don't", "🙂🙂", ""):
        assert model.tokenize(text.encode(), add_bos=False, special=True) == tokenizer.encode(text, add_special_tokens=False).ids
    model.close()


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    shutil.copytree(CHECKPOINT, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "architectures": ["NovelForCausalLM"]}))
    with pytest.raises(UnsupportedArchitecture, match="NovelForCausalLM"):
        convert_checkpoint(tmp_path / "m", tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()


def spoil(folder: Path, what: str) -> None:
    if what == "no config":
        (folder / "config.json").unlink()
    elif what == "cut shard":
        path = next(folder.glob("*.safetensors"))
        path.write_bytes(path.read_bytes()[:-500])
    elif what == "missing shard":
        index = {
            "weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors", "model.other": "model-00009.safetensors"}
        }
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    elif what == "NaN":
        path = next(folder.glob("*.safetensors"))
        data = bytearray(path.read_bytes())
        data[-4:] = b"\xc0\x7f\xc0\x7f"
        path.write_bytes(bytes(data))
    elif what == "other tokenizer":
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        tokenizer["model"]["type"] = "WordLevel"
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    elif what == "other cut":
        text = (folder / "tokenizer.json").read_text().replace("p{N}", "p{Nd}")
        (folder / "tokenizer.json").write_text(text)


@pytest.mark.parametrize("what", ["no config", "cut shard", "missing shard", "NaN", "other tokenizer", "other cut"])
def test_a_broken_checkpoint_is_explained_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "m"
    shutil.copytree(CHECKPOINT, folder)
    spoil(folder, what)
    with pytest.raises(UserFacingError) as caught:
        convert_checkpoint(folder, tmp_path / "x.gguf")
    assert caught.value.facts.get("reason") and "unexpected" not in caught.value.facts["reason"]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_the_front_matter_of_a_model_card_is_read() -> None:
    card = read_model_card("---\nlicense: mit\nlanguage:\n- en\n- zh\ntags: [a, 'b']\n---\n# Card\nlicense: no\n")
    assert card == {"license": ["mit"], "language": ["en", "zh"], "tags": ["a", "b"]}


def test_a_model_is_cut_into_parts_that_llama_cpp_reads_as_one(tmp_path: Path) -> None:
    from llama_cpp import Llama

    made = convert_checkpoint(CHECKPOINT, tmp_path / "s.gguf", "Q8_0", split_bytes=1_000_000)
    parts = sorted(path.name for path in tmp_path.iterdir())
    assert made.name == parts[0] and len(parts) > 2 and parts[0].endswith(f"-00001-of-{len(parts):05d}.gguf")
    model = Llama(str(made), n_ctx=64, verbose=False)
    assert model.n_vocab() == 4096
    model.close()


def test_the_metadata_say_what_the_card_says(tmp_path: Path) -> None:
    shutil.copytree(CHECKPOINT, tmp_path / "My-Model")
    card = "---\nlicense: apache-2.0\nlanguage: [en, zh]\nbase_model:\n- someone/Base-7B\ntags: [chat]\n---\n"
    (tmp_path / "My-Model" / "README.md").write_text(card)
    header = read_header(convert_checkpoint(tmp_path / "My-Model", tmp_path / "m.gguf", "F16"))
    assert header.text("general.name") == "My-Model" and header.text("general.license") == "apache-2.0"
    assert header.text("general.base_model.0.name") == "Base 7B" and header.text("general.base_model.0.organization") == "someone"
    assert "chat_template" in "".join(header.metadata) and header.text("general.size_label").endswith(("M", "K"))


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserFacingError, match="could not be written"):
        convert_checkpoint(CHECKPOINT, tmp_path / "file" / "x.gguf")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=7))
    with pytest.raises(UserFacingError, match="disk is full"):
        convert_checkpoint(CHECKPOINT, tmp_path / "x.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_already_quantized_checkpoint_is_named(tmp_path: Path) -> None:
    shutil.copytree(CHECKPOINT, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(UserFacingError, match="gptq"):
        convert_checkpoint(tmp_path / "m", tmp_path / "x.gguf")


def test_sizes_are_written_as_people_write_them() -> None:
    assert [size_label(n) for n in (999, 360_000_000, 1_540_000_000, 7_000_000_000, 70_600_000_000)] == [
        "999", "360M", "1.5B", "7B", "71B",
    ]  # fmt: skip
