"""Every sampling option changes what is said."""

from __future__ import annotations

import math
from typing import Any

import llama_cpp
import numpy
import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers, permutations, sampled_from

from backends.events import TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.sampler import Sampler
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


@settings(max_examples=150, deadline=None)
@given(
    seed=integers(0, 2**32 - 2),
    temperature=sampled_from([0.0, 0.7, 1.5]),
    top_k=sampled_from([1, 5, 40, 300]),
    penalties=sampled_from(
        [{}, {"repeat_penalty": 1.3}, {"repeat_penalty": 0.5, "presence_penalty": 1.0}, {"frequency_penalty": -2.0}]
    ),
    bias=sampled_from([(), ((7, 30.0), (39_999, -100.0))]),
    order=permutations(["penalties", "top_k", "top_p", "temperature"]),
    ties=booleans(),
)
def test_the_best_of_a_large_vocabulary_are_found_before_c_sees_them(
    seed: int, temperature: float, top_k: int, penalties: dict[str, float], bias: Any, order: list[str], ties: bool
) -> None:
    random = numpy.random.default_rng(seed)
    options = make_options(
        seed=seed,
        temperature=temperature,
        top_k=top_k,
        logit_bias=bias,
        sampler_order=tuple(order),
        top_p=0.9,
        min_p=0.0,
        **penalties,
    )
    samplers = [Sampler(llama_cpp, None, 100_000, 512, options, seed) for _ in range(2)]
    everything = numpy.arange(100_000)
    prompt = random.integers(0, 100_000, 100).tolist()
    for sampler in samplers:
        sampler.feed(prompt)
    for _ in range(8):
        logits = random.normal(0, 3, 100_000).astype(numpy.float32)
        if ties:
            logits[random.integers(0, 100_000, 3)] = logits.max()
            logits[random.integers(0, 100_000, 3000)] = -numpy.inf
        whole = samplers[0].choose_among(logits, everything)
        allowed = samplers[1].shorten(logits) if samplers[1].has_shortlist else None
        chosen = samplers[1].choose_among(logits, everything if allowed is None else allowed)
        assert chosen == whole or (ties and logits[chosen] == logits[whole])
        if chosen != whole:
            break  # of two that are exactly as good either may come; what follows then differs
    assert samplers[1].has_shortlist is (temperature == 0 or order.index("top_k") < order.index("top_p"))
    for sampler in samplers:
        sampler.close()


def test_logits_that_are_no_numbers_are_left_to_c() -> None:
    sampler = Sampler(llama_cpp, None, 100_000, 512, make_options(top_k=40), 1)
    assert sampler.shorten(numpy.full(100_000, numpy.nan, numpy.float32)) is None
    sampler.close()


@pytest.mark.parametrize(
    ("size", "temperature", "looks"), [(100_000, 0.8, True), (40_000, 0.8, False), (40_000, 0.0, True), (4096, 0.0, False)]
)
def test_for_one_token_a_look_before_c_pays_sooner_than_for_many(size: int, temperature: float, looks: bool) -> None:
    sampler = Sampler(llama_cpp, None, size, 512, make_options(temperature=temperature), 1)
    assert sampler.has_shortlist is looks
    sampler.close()
