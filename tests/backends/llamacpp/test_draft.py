"""A draft model changes how long a reply takes, never what it says; one that does not fit is refused, one that does not pay rests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.events import Finished, Usage
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.draft import DraftModel
from backends.llamacpp.guess_account import GuessAccount
from backends.options import LoadOptions
from models.errors import DraftRefused, WrongModelKind
from tests.backends.llamacpp.batched import Bench, Plain
from tests.backends.requests import complete, finish_of, run, text_of
from tests.tiny_models import make_tiny_adapter, make_tiny_model


@pytest.fixture(scope="module")
def sharp_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is sure of itself, so that there is something to guess."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "sharp.gguf", context=4096, scale=2.0)


@pytest.fixture(scope="module")
def twins(sharp_model: Path) -> Iterator[Bench]:
    """A model that guesses for itself: nearly every guess is right."""
    bench = Bench(sharp_model, context_length=1024, parallel=2, draft_model=str(sharp_model))
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def strangers(sharp_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A model and one of other weights: nearly every guess is wrong."""
    other = make_tiny_model(tmp_path_factory.mktemp("models") / "other.gguf", context=4096, seed=9, scale=2.0, layers=1)
    bench = Bench(sharp_model, context_length=1024, parallel=2, draft_model=str(other))
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def plain(sharp_model: Path) -> Iterator[Plain]:
    loop = Plain(sharp_model)
    yield loop
    loop.close()


def test_the_memory_of_the_draft_is_counted_with_the_models(sharp_model: Path) -> None:
    taken = {}
    for draft in ("", str(sharp_model)):
        backend = LlamaCppBackend()
        options = LoadOptions(context_length=1024, threads=1, draft_model=draft)
        taken[draft] = backend.load(str(sharp_model), options, lambda _: True).memory_bytes
        backend.close()
    alone, both = taken.values()
    assert both > 1.5 * alone


def usage_of(bench: Bench, number: int) -> Usage:
    end = bench.end(number)
    assert isinstance(end, Finished)
    return end.usage


def never_pause(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.llamacpp.guess_account._CAN_LOSE_STEPS", 1e12)


@pytest.mark.parametrize("kind", ["twins", "strangers"])
def test_replies_are_those_without_a_draft(
    kind: str, plain: Plain, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench: Bench = request.getfixturevalue(kind)
    never_pause(bench, monkeypatch)
    drafted = []

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(0, 255), min_size=1, max_size=300), st.integers(1, 60), st.booleans())
    def check(prompt: list[int], length: int, again: bool) -> None:
        for _ in range(2 if again else 1):
            number = bench.ask(prompt, length)
            bench.run()
            plain.compare(prompt, bench.output(number), whole=length)
            usage = usage_of(bench, number)
            assert 0 <= usage.accepted_tokens <= usage.drafted_tokens
            drafted.append((usage.drafted_tokens, usage.accepted_tokens))
        bench.reset()

    check()
    guesses, right = (sum(column) for column in zip(*drafted, strict=True))
    assert guesses > 100
    if kind == "twins":
        assert right / guesses > 0.8
    else:
        assert right / guesses < 0.5


def test_right_guesses_save_steps(twins: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    never_pause(twins, monkeypatch)
    number = twins.ask([1, 2, 3], 100, logit_bias=((260 + 3, -1000.0),))
    before = twins.decodes
    twins.run()
    usage = usage_of(twins, number)
    assert usage.acceptance > 0.8
    assert twins.decodes - before < 60
    twins.reset()


def test_draws_have_the_distribution_of_the_model(sharp_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chi-square over the pairs of the second and third token, drawn with and without a draft."""
    monkeypatch.setattr("backends.llamacpp.guess_account._CAN_LOSE_STEPS", 1e12)
    monkeypatch.setattr("backends.llamacpp.draft.SURE_ENOUGH", 0.0)
    counts: list[dict[tuple[int, ...], int]] = []
    drafted = 0
    for draft in ("", str(sharp_model)):
        bench = Bench(sharp_model, context_length=512, parallel=1, draft_model=draft)
        bench.ask([5], 8)
        bench.run()
        found: dict[tuple[int, ...], int] = {}
        for seed in range(1500):
            number = bench.ask([11, 12, 13], 4, seed=seed + 5000 * bool(draft), temperature=1.0, top_k=3, top_p=1.0, min_p=0.0)
            bench.run()
            drafted += usage_of(bench, number).drafted_tokens
            pair = tuple(bench.output(number)[1:3])
            found[pair] = found.get(pair, 0) + 1
        counts.append(found)
        bench.close()
    assert drafted > 500
    pairs = [pair for pair in {*counts[0], *counts[1]} if counts[0].get(pair, 0) + counts[1].get(pair, 0) >= 20]
    observed = np.array([[one.get(pair, 0) for pair in pairs] for one in counts], float)
    expected = observed.sum(0) * observed.sum(1, keepdims=True) / observed.sum()
    statistic = float(((observed - expected) ** 2 / expected).sum())
    freedom = len(pairs) - 1
    assert freedom >= 3
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5  # four standard deviations


def test_what_does_not_pay_rests_and_costs_only_a_small_share() -> None:
    draft = DraftModel.__new__(DraftModel)
    draft.account = GuessAccount(8)
    asked, wasted = 0, 0.0
    monkey: Any = draft
    monkey._catch_up, monkey._guess = lambda tokens: True, lambda tokens, most: [1] * most
    steps = 5000
    for _ in range(steps):
        if guess := draft.guess([1, 2, 3], 8, 1.0, lambda: False):
            asked += 1
            draft.account.spend(0.5)
            draft.note(len(guess), 0, 1.4, 1.0)
            wasted += 0.9
        else:
            draft.note(0, 0, 1.0, 1.0)
    assert asked > 3
    assert wasted / steps < 0.05


def test_what_pays_goes_on() -> None:
    draft = DraftModel.__new__(DraftModel)
    draft.account = GuessAccount(8)
    monkey: Any = draft
    monkey._catch_up, monkey._guess = lambda tokens: True, lambda tokens, most: [1] * most
    for _ in range(500):
        guess = draft.guess([1, 2, 3], 8, 1.0, lambda: False)
        assert guess
        draft.account.spend(0.5)
        draft.note(len(guess), len(guess), 1.4, 1.0)


def test_the_backend_guesses_with_a_draft_and_says_how_often_it_was_right(
    sharp_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.llamacpp.guess_account._CAN_LOSE_STEPS", 1e12)
    backend = LlamaCppBackend()
    options = LoadOptions(threads=1, context_length=512, draft_model=str(sharp_model))
    backend.load(str(sharp_model), options, lambda fraction: True)
    events = run(backend, complete("Once", max_tokens=60, temperature=0.0))
    usage = finish_of(events).usage
    assert text_of(events)
    assert usage.drafted_tokens >= usage.accepted_tokens > 0
    backend.close()


def test_a_draft_that_cannot_help_is_refused_by_name(tmp_path: Path, tiny_model: Path) -> None:
    other = make_tiny_model(tmp_path / "words.gguf", extra_words=("ll", "he", "hell", "th", "the"))
    make_tiny_adapter(tmp_path / "adapter.gguf", seed=1)
    backend = LlamaCppBackend()
    for draft, error in ((other, DraftRefused), (tmp_path / "adapter.gguf", WrongModelKind)):
        with pytest.raises(error):
            backend.load(str(tiny_model), LoadOptions(threads=1, draft_model=str(draft)), lambda fraction: True)
    backend.load(str(tiny_model), LoadOptions(threads=1), lambda fraction: True)
    assert text_of(run(backend, complete("Once", max_tokens=5)))
    backend.close()
