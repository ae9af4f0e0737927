"""Every sampling option changes what is said."""

from __future__ import annotations

from typing import Any

import pytest

from backends.llamacpp.backend import LlamaCppBackend
from tests.backends.requests import complete, run, text_of

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
