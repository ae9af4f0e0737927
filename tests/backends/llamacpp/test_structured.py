"""Replies of a prescribed form, from a model that would write noise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.events import Failed, ReasoningDelta, TextDelta, TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from models.errors import FormRefused
from tests.backends.requests import ask, complete, finish_of, run, text_of

pytest.importorskip("llguidance")

PERSON = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 3, "maximum": 12}, "kind": {"enum": ["cat", "dog"]}},
    "required": ["age", "kind"],
    "additionalProperties": False,
}
NOISY = {"temperature": 3.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "sampling",
    [{}, NOISY, {"temperature": 0.0}, {"typical_p": 0.3}, {"mirostat": 1}, {"mirostat": 2}, {"top_n_sigma": 1.0}],
    ids=lambda sampling: "+".join(sampling) or "default",
)
def test_the_reply_is_what_the_schema_says(backend: LlamaCppBackend, seed: int, sampling: dict[str, Any]) -> None:
    events = run(backend, complete("a pet: ", schema=json.dumps(PERSON), max_tokens=200, seed=seed, **sampling))
    value = json.loads(text_of(events))
    assert finish_of(events).reason == "stop"
    assert set(value) == {"age", "kind"}
    assert 3 <= value["age"] <= 12
    assert value["kind"] in ("cat", "dog")


def test_a_grammar_is_followed(backend: LlamaCppBackend) -> None:
    grammar = 'start: answer ("," answer)*\nanswer: "yes" | "no"\n'
    text = text_of(run(backend, complete("x", grammar=grammar, max_tokens=30, **NOISY)))
    assert text.replace("yes", "no").replace(",", "").replace("no", "") in ("", "y", "ye", "n")


def test_replies_of_several_forms_run_together(backend: LlamaCppBackend) -> None:
    schemas = [{"enum": [number, f"number {number}"]} for number in range(4)]
    running = [backend.generate(ask("?", schema=json.dumps(schema), **NOISY), lambda: False) for schema in schemas]
    texts = ["".join(getattr(event, "text", "") for event in events) for events in running]
    assert all(json.loads(text) in schema["enum"] for text, schema in zip(texts, schemas, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"schema": "no json"},
        {"schema": "[1]"},
        {"schema": "true"},
        {"schema": '{"type": "nonsense"}'},
        {"schema": '{"$ref": "#/nowhere"}'},
        {"schema": "[" * 100_000},
        {"schema": '{"pattern": "(", "type": "string"}'},
        {"grammar": "start: nowhere"},
        {"grammar": "start: " + "(" * 50_000 + '"a"' + ")" * 50_000},
        {"grammar": "not a grammar at all ]["},
        {"schema": '{"type": "integer", "minimum": 5, "maximum": 2}'},
    ],
    ids=lambda options: next(iter(options.values()))[:30],
)
def test_a_bad_form_is_an_error_in_words_and_the_model_lives_on(backend: LlamaCppBackend, options: dict[str, str]) -> None:
    with pytest.raises(FormRefused) as caught:
        run(backend, complete("x", max_tokens=20, **options))
    assert caught.value.facts["reason"]
    assert finish_of(run(backend, complete("x", max_tokens=2))).usage.output_tokens == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schema": '{"pattern": "(", "type": "string"}'}, "regex parse error in (: unclosed group."),
        ({"schema": '{"pattern": "(?<=a)b", "type": "string"}'}, "look-behind, is not supported."),
        ({"grammar": "start: /[z-a]/"}, 'invalid regex "[z-a]" (in regex): regex parse error: invalid character class range'),
        ({"grammar": "start: nowhere"}, 'at 1(8): unknown name: "nowhere".'),
        ({"schema": '{"pattern": "a\\nb(", "type": "string"}'}, "unclosed group."),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_form_is_told_in_one_line(backend: LlamaCppBackend, options: dict[str, str], words: str) -> None:
    with pytest.raises(FormRefused) as caught:
        run(backend, complete("x", max_tokens=20, **options))
    reason = caught.value.facts["reason"]
    assert words in reason
    assert reason.startswith("The engine says: ") and reason.endswith(".") and "\n" not in reason
    assert ":." not in reason and ".." not in reason


def test_probabilities_are_those_of_the_model_not_of_the_mask(backend: LlamaCppBackend) -> None:
    events = run(backend, complete("x", schema='{"const": "abc"}', logprobs=2, temperature=0.0))
    chosen = [event for event in events if isinstance(event, TokenChosen)]
    assert b"".join(event.text for event in chosen) == b'"abc"'
    assert any(event.alternatives[0][0] != event.token for event in chosen)


@pytest.mark.parametrize("text", ["<think>", "a<think>b", "<think><think>", "<|im_end|>", "x</s>"])
def test_a_form_may_hold_the_text_of_a_special_token(backend: LlamaCppBackend, text: str) -> None:
    assert json.loads(text_of(run(backend, complete("x", schema=json.dumps({"const": text}), **NOISY)))) == text
    events = run(backend, complete("x", grammar=f'root ::= "({text})"', max_tokens=40, **NOISY))
    said = "".join(event.text for event in events if isinstance(event, TextDelta | ReasoningDelta))
    assert said == f"({text})"


JSON_GRAMMAR = r"""
root   ::= object   # as in llama.cpp's json.gbnf
value  ::= object | "[" (value ("," value)*)? "]" | string | [0-9]{1,3} | "true" | "null"
object ::= "{" (string ":" value ("," string ":" value)*)? "}"
string ::= "\"" [^"\\\x7F\x00-\x1F]{0,8} "\""
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_grammar_in_the_notation_of_llama_cpp_is_followed(backend: LlamaCppBackend, seed: int) -> None:
    events = run(backend, complete("x", grammar=JSON_GRAMMAR, max_tokens=400, seed=seed, **NOISY))
    if finish_of(events).reason == "stop":
        assert isinstance(json.loads(text_of(events)), dict)
    text = text_of(
        run(backend, complete("x", grammar='root ::= . [\\u4e00-\\u9fff]{2} "\\u00e9" my-end\nmy-end ::= "!" | "?"', **NOISY))
    )
    assert len(text) == 5
    assert all("\u4e00" <= character <= "\u9fff" for character in text[1:3])
    assert text[3] == "\u00e9"
    assert text[4] in "!?"


@pytest.mark.parametrize(
    "grammar",
    [
        'other ::= "a"',
        "root ::= missing",
        'root ::= "open',
        'root ::= "a\\',
        "root ::= " + "(" * 100_000 + '"a"' + ")" * 100_000,
        'root ::= "\\ud800"',
        "root ::= [\\U7fffffff]",
        "root ::= [b-a]",
    ],
    ids=["no root", "missing rule", "open text", "open escape", "nested", "surrogate", "too large", "backwards"],
)
def test_a_wrong_grammar_in_that_notation_is_refused_with_a_reason(backend: LlamaCppBackend, grammar: str) -> None:
    with pytest.raises(FormRefused):
        run(backend, complete("x", grammar=grammar))
    assert text_of(run(backend, complete("x", grammar='root ::= "still there"'))) == "still there"


def test_other_replies_go_on_while_a_form_is_compiled(backend: LlamaCppBackend) -> None:
    fields = {f"field{number}": {"enum": [f"value {other} of {number}" for other in range(300)]} for number in range(60)}
    schema = json.dumps({"type": "object", "properties": fields, "required": ["field0"], "additionalProperties": False})
    run(backend, complete("x", schema='{"enum": ["a"]}'))
    backend.submit(1, complete("Once", max_tokens=900, temperature=0.0, logit_bias=((255 + 5 + 4, -1000.0),)), lambda: False)
    while not any(isinstance(event, TextDelta) for _, event in backend.step()):
        pass
    backend.submit(2, complete("x", schema=schema, max_tokens=5, **NOISY), lambda: False)
    before = 0
    while True:
        events = backend.step()
        if any(number == 2 for number, _ in events):
            break
        before += sum(1 for number, event in events if number == 1 and isinstance(event, TextDelta))
    assert before >= 3  # tokens of the other reply that came between the request and its form
    assert not any(isinstance(event, Failed) for _, event in events)


def test_a_request_can_be_cancelled_while_its_form_is_compiled(backend: LlamaCppBackend) -> None:
    schema = json.dumps({"enum": [f"value {number}" for number in range(20_000)]})
    backend.submit(1, complete("x", schema=schema), lambda: True)
    events = [event for _, event in backend.step()]
    assert finish_of(events).reason == "cancelled"
    assert backend.is_idle
