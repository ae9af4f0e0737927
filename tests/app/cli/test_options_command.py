"""``yanmo options`` as a shell sees it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from tests.tiny_models import make_tiny_adapter, make_tiny_model


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


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
        ("use_mmap=2", "true or false"),
        ("adapters=style.gguf", "list"),
        ("flash_attention=7", "null"),
    ],
)
def test_wrong_usage_is_told(yanmo: Any, tmp_path: Path, change: str, word: str) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    status, _, error = yanmo("options", model, change)
    assert status == 2
    assert word in error


@pytest.mark.parametrize("change", ["context_length=-4", "split_mode=sideways", 'adapters=[["a", 1], ["a", 2]]'])
def test_a_value_out_of_range_is_refused_and_nothing_is_kept(yanmo: Any, tmp_path: Path, change: str) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf"))
    assert yanmo("options", model, change)[0] == 1
    assert "(chosen)" not in yanmo("options", model)[1]
