"""Every sampling option changes what is said."""

from __future__ import annotations

import math
from typing import Any

import pytest

from backends.events import TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.options import SAMPLER_STEPS, GenerationOptions, generation_options_from_json
from models.errors import InvalidOption
from tests.backends.requests import complete, finish_of, make_options, run, text_of

PROMPT = "the hell the hell the hell the "
WIDE = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.5}


def say(backend: LlamaCppBackend, **options: Any) -> str:
    return text_of(run(backend, complete(PROMPT, max_tokens=60, seed=4, **{**WIDE, **options})))


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.3},
        {"top_k": 2},
        {"top_p": 0.3},
        {"min_p": 0.5},
        {"typical_p": 0.2},
        {"repeat_penalty": 2.5, "repeat_last_n": -1},
        {"presence_penalty": 2.0},
        {"frequency_penalty": 2.0},
        {"dry_multiplier": 5.0, "dry_allowed_length": 1, "dry_base": 4.0},
        {"xtc_probability": 1.0, "xtc_threshold": 0.01},
        {"mirostat": 1, "mirostat_tau": 2.0},
        {"mirostat": 2, "mirostat_tau": 2.0},
        {"mirostat": 2, "mirostat_tau": 2.0, "mirostat_eta": 0.9},
        {"temperature_range": 1.4},
        {"temperature_range": 1.4, "temperature_exponent": 3.0},
        {"top_n_sigma": 0.5},
        {"logit_bias": ((ord("A"), 8.0),)},
        {"temperature": 4.0, "top_p": 0.5, "sampler_order": ("temperature", "top_p")},
    ],
    ids=str,
)
def test_the_option_takes_effect(backend: LlamaCppBackend, options: dict[str, Any]) -> None:
    changed = say(backend, **options)
    assert changed != say(backend)
    assert changed == say(backend, **options)


def test_temperature_zero_ignores_the_seed(backend: LlamaCppBackend) -> None:
    texts = {text_of(run(backend, complete(PROMPT, max_tokens=20, seed=seed, temperature=0.0))) for seed in (1, 2, 3)}
    assert len(texts) == 1


def test_top_k_of_one_is_greedy(backend: LlamaCppBackend) -> None:
    assert say(backend, top_k=1, temperature=0.8) == say(backend, temperature=0.0)


def test_penalties_see_the_prompt(backend: LlamaCppBackend) -> None:
    plain = text_of(run(backend, complete("aaaa" + PROMPT, max_tokens=1, temperature=0.0)))
    strong = {"repeat_penalty": 3.0, "presence_penalty": 2.0, "frequency_penalty": 2.0, "repeat_last_n": -1}
    seen = text_of(run(backend, complete("aaaa" + PROMPT + plain * 20, max_tokens=1, temperature=0.0, **strong)))
    assert seen != plain


def test_the_largest_seed_is_a_seed_like_any_other(backend: LlamaCppBackend) -> None:
    texts = {text_of(run(backend, complete("x", max_tokens=30, seed=0xFFFFFFFF, **WIDE))) for _ in range(3)}
    assert len(texts) == 1


def test_the_order_of_the_steps_matters_and_what_is_left_out_is_off(backend: LlamaCppBackend) -> None:
    hot = {"temperature": 4.0, "top_p": 0.4}
    first, last = ("temperature", "top_p"), ("top_p", "temperature")
    assert say(backend, **hot, sampler_order=first) != say(backend, **hot, sampler_order=last)
    assert say(backend, top_k=1, sampler_order=("temperature",)) == say(backend)
    assert say(backend, **hot, sampler_order=SAMPLER_STEPS) == say(backend, **hot)


def test_a_bias_forces_and_forbids_a_token(backend: LlamaCppBackend) -> None:
    forced = text_of(run(backend, complete("x", max_tokens=5, temperature=0.0, logit_bias=((ord("A") - 33, 100.0),))))
    assert forced == forced[0] * 5
    token = ord("A") - 33
    events = run(backend, complete("x", max_tokens=40, temperature=0.0, logprobs=0, logit_bias=((token, -100.0),)))
    assert all(event.token != token for event in events if isinstance(event, TokenChosen))


def test_a_bias_on_a_token_that_does_not_exist_is_refused(backend: LlamaCppBackend) -> None:
    with pytest.raises(InvalidOption):
        run(backend, complete("x", max_tokens=1, logit_bias=((10**6, 1.0),)))


@pytest.mark.parametrize(
    "options",
    [
        {"sampler_order": ("top_k", "top_k")},
        {"sampler_order": ("nonsense",)},
        {"logit_bias": ((-1, 1.0),)},
        {"logit_bias": ((1, float("nan")),)},
        {"logprobs": -1},
        {"logprobs": 1000},
        {"schema": "{}", "grammar": "start: /x/"},
        {"schema": "x" * 2_000_000},
        {"top_n_sigma": -1.0},
        {"temperature_range": 6.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        make_options(**options)


def test_settings_survive_the_store() -> None:
    options = make_options(
        logit_bias=((5, 1.5),), sampler_order=("top_k", "temperature"), logprobs=3, schema="{}", top_n_sigma=2.0
    )
    assert generation_options_from_json(options.to_json()) == options
    assert generation_options_from_json({}) == GenerationOptions()


def test_probabilities_are_told_with_the_best_first_and_the_chosen_one_in_its_place(backend: LlamaCppBackend) -> None:
    events = run(backend, complete(PROMPT, max_tokens=12, temperature=0.0, logprobs=4))
    chosen = [event for event in events if isinstance(event, TokenChosen)]
    assert len(chosen) == finish_of(events).usage.output_tokens
    assert b"".join(event.text for event in chosen).decode("utf-8", "replace") == text_of(events)
    for event in chosen:
        values = [value for _, _, value in event.alternatives]
        assert len(values) == 4
        assert values == sorted(values, reverse=True)
        token, text, logprob = event.alternatives[0]
        assert (token, logprob) == (event.token, event.logprob)
        assert event.text in (text, b"")  # a control token adds nothing to the reply
        assert sum(math.exp(value) for value in values) <= 1.0 + 1e-9


def test_all_probabilities_together_are_one(backend: LlamaCppBackend) -> None:
    events = run(backend, complete(PROMPT, max_tokens=1, logprobs=100))
    chosen = next(event for event in events if isinstance(event, TokenChosen))
    assert 0.5 < sum(math.exp(value) for _, _, value in chosen.alternatives) <= 1.0 + 1e-9


def test_nothing_is_told_of_probabilities_unless_asked(backend: LlamaCppBackend) -> None:
    assert not any(isinstance(event, TokenChosen) for event in run(backend, complete(PROMPT, max_tokens=5)))
