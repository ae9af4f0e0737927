"""Sampler order, bias, forms and probabilities on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import make_tiny_model

ECHO = "echo:?text=Hello"


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(make_tiny_model(tmp_path / "tiny.gguf"))


def test_a_conversation_keeps_order_bias_and_form(yanmo: Any, model: str) -> None:
    said = (
        "--samplers",
        "top-k, temperature",
        "--logit-bias",
        "5=-100",
        "--logit-bias",
        "6=2.5",
        "--schema",
        '{"enum": ["cat"]}',
    )
    status, out, _ = yanmo("chat", model, "-p", "hi", "--json", *said)
    reply = json.loads(out)
    options = reply["run"]["options"]
    assert (status, reply["text"]) == (0, '"cat"')
    assert options["sampler_order"] == ["top_k", "temperature"]
    assert options["logit_bias"] == [[5, -100.0], [6, 2.5]]
    reply = json.loads(yanmo("chat", "--conversation", "last", "-p", "more", "--json", "--grammar", 'root ::= "yes"')[1])
    assert reply["text"] == "yes"  # a grammar takes the place of the schema
    assert reply["run"]["options"]["schema"] == ""
    assert reply["run"]["options"]["sampler_order"] == ["top_k", "temperature"]


def test_a_form_is_read_from_a_file(yanmo: Any, model: str, tmp_path: Path) -> None:
    (tmp_path / "pet.json").write_text('{"enum": ["dog"]}', encoding="utf-8-sig")
    (tmp_path / "answer.gbnf").write_text('root ::= "研墨"', encoding="utf-8")
    assert yanmo("complete", model, "-p", "x", "--schema", f"@{tmp_path / 'pet.json'}")[:2] == (0, '"dog"\n')
    assert yanmo("complete", model, "-p", "x", "--grammar", f"@{tmp_path / 'answer.gbnf'}")[:2] == (0, "研墨\n")


def test_a_bias_decides_and_a_step_that_is_left_out_does_nothing(yanmo: Any, model: str) -> None:
    token = ord("a")  # every byte is the token of its number
    status, out, _ = yanmo("complete", model, "-p", "x", "-n", "5", "--logit-bias", f"{token}=1000")
    assert (status, out) == (0, "aaaaa\n")
    always = ("complete", model, "-p", "x", "-n", "12", "--seed", "3", "--temperature", "3")
    surest = yanmo(*always, "--top-k", "1")[1]
    assert yanmo(*always, "--top-k", "1", "--samplers", "top_k,temperature")[1] == surest
    assert yanmo(*always, "--top-k", "1", "--samplers", "temperature")[1] != surest


def test_probabilities_are_told_in_json(yanmo: Any, model: str) -> None:
    status, out, _ = yanmo("complete", model, "-p", "x", "-n", "3", "--temperature", "0", "--logprobs", "2", "--json")
    told = json.loads(out)["logprobs"]
    assert status == 0
    assert len(told) == 3
    for one in told:
        assert one["top"][0]["token"] == one["token"]
        assert one["logprob"] == one["top"][0]["logprob"] >= one["top"][1]["logprob"]
        assert one["logprob"] <= 0
    assert "logprobs" not in json.loads(yanmo("complete", model, "-p", "x", "-n", "1", "--json")[1])
    status, _, error = yanmo("complete", model, "-p", "x", "--logprobs", "2")
    assert (status, "--json" in error) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--samplers", "top_k,nonsense"), "typical_p"),
        (("--samplers", "top_k,top_k"), "each once"),
        (("--samplers", " , "), "samplers"),
        (("--logit-bias", "a=1"), "logit_bias"),
        (("--logit-bias", "5"), "logit_bias"),
        (("--logit-bias=-5=1",), "logit_bias"),
        (("--logit-bias", "5=nan"), "logit_bias"),
        (("--schema", '{"type"'), "schema"),
        (("--schema", "[1]"), "schema"),
        (("--schema", "@nowhere.json"), "No such file"),
        (("--grammar", "@."), "grammar"),
        (("--grammar", "start: /a/", "--schema", "{}"), "grammar"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", [("chat", "--no-save"), ("complete",)], ids=str)
def test_what_makes_no_sense_is_refused_in_one_line(yanmo: Any, command: Any, arguments: Any, word: str) -> None:
    status, out, error = yanmo(command[0], ECHO, "-p", "hi", *command[1:], *arguments)
    assert (status, out, error.count("\n")) == (1, "", 1)
    assert word in error


def test_a_text_that_is_no_utf8_is_refused(yanmo: Any, tmp_path: Path) -> None:
    (tmp_path / "form").write_bytes(b"\xff\xfe\x00")
    status, _, error = yanmo("complete", ECHO, "-p", "hi", "--grammar", f"@{tmp_path / 'form'}")
    assert (status, "UTF-8" in error) == (1, True)
