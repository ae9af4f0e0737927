"""What the first decode of a prompt need not wait for is done beside it, by another thread, and as well as before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from backends.events import Failed, Finished, PromptProgress, TextDelta
from backends.llamacpp import reply as reply_module
from backends.llamacpp.sampler import Sampler
from models.errors import InvalidOption
from tests.backends.llamacpp.batched import Bench
from tests.backends.requests import make_options


@pytest.fixture(scope="module")
def shared(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=1024, parallel=2, beside=10**8)
    yield bench
    bench.close()


@pytest.fixture
def bench(shared: Bench) -> Bench:
    shared.reset()
    shared.scheduler.burst.has_news = bool
    return shared


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that made samplers."""
    names: list[str] = []

    class Told(Sampler):
        def __init__(self, *arguments: Any) -> None:
            names.append(threading.current_thread().name)
            super().__init__(*arguments)

    monkeypatch.setattr(reply_module, "Sampler", Told)
    return names


def test_who_asked_hears_beside_the_first_decode_that_the_reading_begins(bench: Bench, makers: list[str]) -> None:
    number = bench.ask([*range(40, 90)], 3, logit_bias=((264, -1000.0),))
    said = bench.scheduler.step()
    assert bench.events[number] == [PromptProgress(0, 50, 0)], "told by the companion"
    assert any(isinstance(event, TextDelta) for _, event in said), "by the step in which the prompt was read"
    assert makers == ["companion"]
    assert bench.scheduler.interrupt.is_watched
    bench.events[number].extend(event for _, event in said)
    bench.run()
    assert isinstance(bench.end(number), Finished)
    assert not bench.scheduler.interrupt.is_watched


def test_where_somebody_comes_at_the_same_time_nothing_is_computed_before_he_is_let_in(bench: Bench) -> None:
    bench.scheduler.burst.has_news = lambda: True
    first = bench.ask([5, 6, 7], 3)
    assert bench.scheduler.step() == [(first, PromptProgress(0, 3, 0))]
    assert bench.scheduler.computes_long
    second = bench.ask([8, 9], 3)
    bench.events[first].append(PromptProgress(0, 3, 0))
    bench.run()
    assert [type(bench.end(number)) for number in (first, second)] == [Finished, Finished]


def test_the_same_is_said_as_where_nobody_listens(bench: Bench, tiny_model: Path) -> None:
    quiet = Bench(tiny_model, context_length=1024, parallel=2)
    settings = {"temperature": 1.5, "top_k": 0, "seed": 3, "repeat_penalty": 1.8, "repeat_last_n": -1, "dry_multiplier": 2.0}
    prompt = [*range(60, 120)] * 2
    said = []
    for one in (bench, quiet):
        number = one.ask(prompt, 40, **settings)
        one.run()
        said.append((one.output(number), [event for event in one.events[number] if isinstance(event, PromptProgress)]))
    assert said[0] == said[1]
    quiet.close()


def test_a_sampler_that_cannot_be_made_fails_its_request_and_no_other(bench: Bench) -> None:
    bad = bench.ask([5, 6, 7], 3, logit_bias=((10_000_000, 1.0),))
    good = bench.ask([8, 9], 3)
    bench.run()
    end = bench.end(bad)
    assert isinstance(end, Failed)
    assert isinstance(end.error, InvalidOption)
    assert isinstance(bench.end(good), Finished)


def test_a_cancel_that_is_announced_ends_a_decode_before_anybody_watches(bench: Bench) -> None:
    interrupt = bench.scheduler.interrupt
    interrupt.rest()
    interrupt.begin(watched=False)
    assert not interrupt.is_watched
    interrupt._is_wished = lambda: True
    try:
        interrupt.look()
        assert interrupt._flag[0] == b"\x01"
    finally:
        interrupt._is_wished = bench.scheduler._should_abort
        interrupt.rest()


def test_steps_of_a_sampler_that_was_not_finished_are_freed() -> None:
    class Counting:
        freed = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(llama_cpp, name)

        def llama_sampler_free(self, chain: Any) -> None:
            Counting.freed += 1
            llama_cpp.llama_sampler_free(chain)

    with pytest.raises(InvalidOption):
        Sampler(Counting(), None, 100, 512, make_options(logit_bias=((100, 1.0),)), 1)
    assert Counting.freed == 1
