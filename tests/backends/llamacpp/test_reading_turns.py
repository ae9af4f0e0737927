"""Who writes and who reads, by the clock: words beside a crowd of prompts are few and cheap, and nobody is silent for ever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import pytest

from backends.llamacpp import reading_turns
from backends.llamacpp.pace import Pace
from backends.llamacpp.reading_turns import ReadingTurns

Run = Callable[..., list[tuple[float, int]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Steps of reading that take so long, beside as many prompts and replies: when so many replies wrote."""
    clock = [100.0]
    monkeypatch.setattr(reading_turns, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def go(
        turns: ReadingTurns,
        seconds: float,
        readers: int,
        writers: Callable[[float], int],
        *,
        until: float,
        row: float,
        tokens: int = 100,
    ) -> list[tuple[float, int]]:
        begun, words = clock[0], []
        while clock[0] - begun < until:
            passed = clock[0] - begun
            count = turns.choose(readers, writers(passed), tokens)
            if count:
                words.append((round(passed, 2), count))
            clock[0] += count * row or seconds
        return words

    return go


def make(row: float) -> ReadingTurns:
    """Turns of a machine on which a reply's word takes so many seconds."""
    pace = Pace(2048)
    pace.note(1, row, reads=False)
    return ReadingTurns(pace)


@pytest.mark.parametrize(("seconds", "reads"), [(1.98, 1), (0.77, 3), (0.25, 8)])
def test_a_crowd_is_read_for_about_two_seconds_before_a_word(run: Run, seconds: float, reads: int) -> None:
    words = run(make(0.001), seconds, 8, lambda _: 3, until=9.5, row=0.001)
    gaps = [after - before for (before, _), (after, _) in pairwise(words)]
    assert all(count == 3 for _, count in words)
    assert all(gap == pytest.approx(reads * seconds, abs=0.02) for gap in gaps)


def test_where_words_take_long_the_oldest_reply_goes_on_and_who_has_just_begun_waits_for_the_crowd(run: Run) -> None:
    words = run(make(0.0165), 1.3, 8, lambda passed: 1 + int(passed / 1.3), until=9.9, row=0.0165)
    assert [count for _, count in words] == [1] * len(words)
    assert len(words) >= 3
    assert sum(count * 0.0165 for _, count in words) <= 0.01 * 9.9


def test_where_much_is_left_to_read_all_get_words_as_if_it_cost_nothing(run: Run) -> None:
    words = run(make(0.5), 0.9, 2, lambda _: 5, until=20.0, row=0.5, tokens=100_000)
    assert len(words) >= 4
    assert all(count == 5 for _, count in words)


def test_after_ten_seconds_all_get_a_word_whatever_it_costs(run: Run) -> None:
    words = run(make(0.5), 1.0, 8, lambda _: 5, until=30.0, row=0.5)
    assert all(count == 5 for _, count in words)
    assert [at for at, _ in words] == pytest.approx([10.0, 22.5], abs=1.0)


def test_some_words_do_not_end_the_silence_of_the_others(run: Run) -> None:
    words = run(make(0.02), 0.5, 8, lambda _: 5, until=24.0, row=0.02)
    assert [count for _, count in words if count > 1] == [5, 5]


def test_one_prompt_and_the_replies_alternate(run: Run) -> None:
    words = run(make(0.5), 0.1, 1, lambda _: 4, until=10.0, row=0.5)
    assert len(words) >= 4
    assert all(count == 4 for _, count in words)


def test_a_long_time_without_prompts_is_no_silence(run: Run) -> None:
    turns = make(0.5)
    run(turns, 60.0, 0, lambda _: 2, until=60.0, row=30.0)
    words = run(turns, 1.0, 8, lambda _: 2, until=9.0, row=0.5)
    assert words == []


def test_a_prompt_that_comes_is_read_first(run: Run) -> None:
    turns = make(0.001)
    assert [turns.choose(readers, 2, 100) for readers in (0, 1, 1, 1)] == [2, 0, 2, 0]
    assert turns.choose(0, 0, 0) == 0, "nobody is there"
