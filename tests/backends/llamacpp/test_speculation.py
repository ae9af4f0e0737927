"""Guessed tokens change how long a reply takes, never what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.events import Finished, Usage
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.speculation import PromptLookup
from backends.options import LoadOptions
from tests.backends.llamacpp.batched import Bench, Plain
from tests.backends.requests import complete, finish_of, run, text_of


@pytest.fixture(scope="module")
def bench(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=1024, parallel=2, lookup_tokens=8)
    yield bench
    bench.close()


def usage_of(bench: Bench, number: int) -> Usage:
    end = bench.end(number)
    assert isinstance(end, Finished)
    return end.usage


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(1, 20), st.integers(1, 60))
def test_repetitive_prompts_are_continued_as_without_guesses(
    bench: Bench, plain: Plain, motif: list[int], times: int, length: int
) -> None:
    number = bench.ask(motif * times, length)
    bench.run()
    plain.compare(motif * times, bench.output(number), whole=length)
    usage = usage_of(bench, number)
    assert 0 <= usage.accepted_tokens <= usage.drafted_tokens
    assert usage.output_tokens == len(bench.output(number))
    bench.reset()


def test_right_guesses_save_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever such a model repeats was said before: a bias makes it say one thing over and over."""
    monkeypatch.setattr("backends.llamacpp.speculation._PATIENCE", 1e12)  # a busy machine may make any step look dear
    bench.reset()
    bench.ask([1, 2, 3], 20)  # so that the cost of a plain step is known
    bench.run()
    before = bench.decodes
    number = bench.ask([7] * 10, 100, logit_bias=((7, 100.0),))
    bench.run()
    usage = usage_of(bench, number)
    assert bench.output(number) == [7] * 100
    assert usage.acceptance == 1.0
    assert usage.drafted_tokens > 60
    assert bench.decodes - before < 60


def test_a_limit_and_a_full_context_are_kept_although_more_was_guessed(bench: Bench) -> None:
    for length in range(1, 12):
        number = bench.ask([7] * 10, length, logit_bias=((7, 100.0),))
        bench.run()
        assert bench.output(number) == [7] * length
    number = bench.ask([7] * 1000, 0, logit_bias=((7, 100.0),))
    bench.run()
    usage = usage_of(bench, number)
    assert usage.prompt_tokens + usage.output_tokens == 1025
    bench.reset()


def test_the_draw_is_the_same_with_guesses(tiny_model: Path) -> None:
    texts = []
    for lookup in (0, 8):
        backend = LlamaCppBackend()
        backend.load(str(tiny_model), LoadOptions(threads=1, lookup_tokens=lookup), lambda fraction: True)
        run(backend, complete("warm up", max_tokens=10))
        events = run(backend, complete("abcabcabc", max_tokens=200, seed=5, top_k=3, temperature=0.7, stop=("zzz",)))
        texts.append(text_of(events))
        drafted = finish_of(events).usage.drafted_tokens
        backend.close()
    assert drafted > 0
    assert texts[0][:20] == texts[1][:20]


def test_nothing_is_guessed_beside_others(bench: Bench) -> None:
    bench.reset()
    numbers = [bench.ask([7] * 10 + [other], 30, logit_bias=((7, 100.0),)) for other in (7, 8)]
    for _ in range(20):
        bench.step()
    assert all(reply.drafted == 0 for reply in bench.replies.values())
    bench.run()
    assert [bench.output(number) for number in numbers] == [[7] * 30] * 2


def test_a_guess_is_what_followed_the_last_time() -> None:
    tokens = [1, 2, 3, 4, 5, 6, 1, 2, 3, 9, 9, 1, 2, 3]
    assert PromptLookup(tokens, 8).guess(8) == [9, 9, 1, 2]
    assert PromptLookup([5, 6, 5, 6, 5, 6], 8).guess(8) == [5, 6, 5, 6]
    assert PromptLookup(tokens, 2).guess(8) == [9, 9]
    assert PromptLookup(tokens, 8).guess(1) == [9]
    assert PromptLookup(tokens, 8).guess(0) == []
    assert PromptLookup([1, 2, 3], 8).guess(8) == []
    assert PromptLookup([1], 8).guess(8) == []


def test_guesses_grow_while_they_are_right_and_shrink_when_not() -> None:
    tokens = [1, 2, 3, 4] * 20
    lookup = PromptLookup(tokens, 16)
    lengths = []
    for right in (True, True, True, False, True):
        drafted = len(lookup.guess(100))
        lengths.append(drafted)
        lookup.note(drafted, drafted if right else 0, 1.0, 1.0)
    assert lengths == [4, 8, 16, 16, 2]


def test_what_does_not_pay_pauses_twice_as_long_each_time() -> None:
    tokens = [1, 2, 3, 4] * 20
    lookup = PromptLookup(tokens, 8)
    pauses, waited = [], 0
    while len(pauses) < 3:
        if drafted := len(lookup.guess(8)):
            if waited:
                pauses.append(waited)
            waited = 0
            lookup.note(drafted, 0, 3.0, 1.0)
        else:
            waited += 1
        tokens.append(tokens[-4])
    assert pauses[0] >= 60
    assert pauses[1] >= 2 * pauses[0] - 8


def test_what_pays_never_pauses() -> None:
    tokens = [1, 2, 3, 4] * 20
    lookup = PromptLookup(tokens, 8)
    for _ in range(200):
        drafted = len(lookup.guess(8))
        assert drafted
        lookup.note(drafted, drafted - 1, 1.5, 1.0)
        tokens.append(tokens[-4])
    assert not lookup.is_paused
