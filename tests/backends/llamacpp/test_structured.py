"""Replies of a prescribed form, from a model that would write noise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.events import TokenChosen
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


def test_probabilities_are_those_of_the_model_not_of_the_mask(backend: LlamaCppBackend) -> None:
    events = run(backend, complete("x", schema='{"const": "abc"}', logprobs=2, temperature=0.0))
    chosen = [event for event in events if isinstance(event, TokenChosen)]
    assert b"".join(event.text for event in chosen) == b'"abc"'
    assert any(event.alternatives[0][0] != event.token for event in chosen)
