"""A model that is not loaded as wished says so on the command line, once and beside the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.notices import make_notice
from backends.events import LoadedModel
from tests.app.cli.test_serve_command import serving
from tests.tiny_models import make_tiny_model

GONE = "CUDA9"


@pytest.fixture
def model(yanmo: Any, tmp_path: Path) -> str:
    """A model that is set to a device which is not there."""
    path = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096))
    assert yanmo("options", path, f"device={GONE}")[0] == 0
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("chat", "{model}", "-p", "hi", "--max-tokens", "2", "--json"),
        ("complete", "{model}", "-p", "hi", "-n", "2", "--json"),
        ("bench", "{model}", "--prompt", "20", "--output", "2", "--depth", "0", "--streams", "1", "--repeat", "1", "--json"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_device_that_is_gone_is_told_once_and_apart_from_the_answer(yanmo: Any, model: str, arguments: Any) -> None:
    status, out, error = yanmo(*(one.format(model=model) for one in arguments))
    assert status == 0
    assert json.loads(out)
    assert error.count(GONE) == 1
    assert GONE not in json.dumps(json.loads(out).get("text", ""))


def test_a_conversation_tells_it_once_however_long_it_is(yanmo: Any, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["hello", "again"])
    monkeypatch.setattr("app.cli.chat._read_prompt", lambda arguments: None)

    def read(_: Any) -> str:
        if (line := next(lines, None)) is None:
            raise EOFError
        return line

    monkeypatch.setattr("app.cli.repl.Repl._read", read)
    status, _, error = yanmo("chat", model, "--max-tokens", "2")
    assert status == 0
    assert error.count(GONE) == 1


def test_a_server_tells_it_of_its_own_model_and_of_one_that_a_request_loads(yanmo: Any, tmp_path: Path) -> None:
    (tmp_path / "data" / "models").mkdir(parents=True)
    model = str(make_tiny_model(tmp_path / "data" / "models" / "tiny.gguf", context=4096))
    assert yanmo("options", model, f"device={GONE}")[0] == 0
    for named in (("--model", model), ()):
        with serving(tmp_path / "data", "--port", "0", *named) as (address, said, process):
            assert process.stdout is not None
            if not named:
                body = {"model": "tiny", "prompt": "x", "max_tokens": 1}
                assert httpx.post(f"{address}/v1/completions", json=body, timeout=120).status_code == 200
            while GONE not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            assert said.count(GONE) == 1


def test_several_sentences_are_one_line_and_none_are_nothing() -> None:
    facts = LoadedModel("M", "llama", "", 1, 1, 1, "llamacpp", "CPU", "1", notice="One thing.\nAnother.")
    assert make_notice(facts) == "(M: One thing. Another.)"
    assert make_notice(None) == ""
