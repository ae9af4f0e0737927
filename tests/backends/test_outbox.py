"""What a worker says reaches the parent soon, in order and joined, also where many threads speak or nobody reads."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from backends import outbox as module
from backends.events import Finished, PromptToken, TextDelta, TokenChosen, Usage
from backends.outbox import Outbox
from backends.worker_protocol import Answered, Events, Loading

_ENDS: list[Connection] = []
"""Kept open: a worker whose parent is gone ends its process, which is pytest's here."""


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Outbox]]:
    ours, theirs = multiprocessing.Pipe()
    _ENDS.append(ours)
    yield ours, Outbox(theirs)


def test_events_of_many_replies_travel_in_one_message_joined_by_reply(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends
    step = [(number, TextDelta("a")) for number in range(16)]
    outbox.put_events(step)
    assert ours.recv() == Events(tuple(step))
    for _ in range(5):
        outbox.put_events(step)
    said = dict.fromkeys(range(16), "")
    messages = 0
    while any(len(text) < 5 for text in said.values()):
        messages += 1
        for number, event in ours.recv().pairs:
            said[number] += event.text
    assert messages <= 3
    assert set(said.values()) == {"aaaaa"}


def test_the_first_word_and_the_end_are_in_the_pipe_before_the_engine_goes_on(
    ends: tuple[Connection, Outbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SEND_INTERVAL", 60.0)
    ours, outbox = ends
    outbox.put_event(1, TextDelta("first"))
    assert ours.poll(0)
    outbox.put_event(1, TextDelta(" second"))
    outbox.put_report(Answered(7, "an answer"))
    assert ours.poll(0)
    outbox.put_event(1, TextDelta(" third"))
    outbox.put_event(1, Finished("stop", Usage()))
    said = [ours.recv() for _ in range(4) if ours.poll(0)]
    assert said == [
        Events(((1, TextDelta("first")),)),
        Answered(7, "an answer"),
        Events(((1, TextDelta(" second")),)),
        Events(((1, TextDelta(" third")), (1, Finished("stop", Usage())))),
    ]


def test_what_is_said_before_a_long_step_is_written_beside_it(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends
    writers: list[str] = []
    send = outbox._connection.send_bytes

    class Watched:
        def send_bytes(self, message: bytes) -> None:
            writers.append(threading.current_thread().name)
            send(message)

    outbox._connection = Watched()  # type: ignore[assignment]
    outbox.put_events([(1, TextDelta("first"))], beside=True)
    assert ours.poll(5) and ours.recv() == Events(((1, TextDelta("first")),))
    outbox.flush(5.0)
    outbox.put_events([(2, TextDelta("first"))])
    assert writers == ["sender", threading.current_thread().name]


def test_a_word_after_which_nothing_comes_is_sent_all_the_same(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends
    for _ in range(3):
        outbox.put_event(1, TextDelta("a"))
        assert ours.poll(5) and ours.recv().pairs[0][1] == TextDelta("a")
        outbox.put_event(1, TextDelta("b"))
        assert ours.poll(5) and ours.recv().pairs[0][1] == TextDelta("b")
        time.sleep(0.03)  # the sender has gone to sleep


def test_an_engine_goes_on_while_the_parent_reads_nothing(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends
    text = "好" * 2000
    started = time.monotonic()
    for number in range(400):  # 2.4 MB, more than any pipe holds
        outbox.put_events([(number, TextDelta(text)), (number, Finished("stop", Usage()))])
    assert time.monotonic() - started < 5.0
    said: dict[int, str] = {}
    ended = 0
    while ended < 400:
        for number, event in ours.recv().pairs:
            if isinstance(event, Finished):
                ended += 1
            else:
                said[number] = said.get(number, "") + event.text
    assert list(said) == list(range(400)) and set(said.values()) == {text}
    outbox.flush(5.0)


def test_an_engine_that_tells_many_likelihoods_goes_on_while_the_parent_reads_nothing(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends
    alternatives = tuple((number, b"word", -1.0) for number in range(100))
    started = time.monotonic()
    for place in range(20):
        outbox.put_events([(1, PromptToken(place, b"word", -1.0, alternatives)) for place in range(200)])
        outbox.put_events([(2, TokenChosen(place, b"word", -1.0, alternatives)), (2, TextDelta("word"))])
    assert time.monotonic() - started < 5.0
    told = 0
    while told < 20 * 202:
        told += len(ours.recv().pairs)


def test_threads_that_speak_at_once_lose_nothing_and_each_keeps_its_order(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends

    def speak(number: int) -> None:
        for place in range(300):
            outbox.put_event(number, TextDelta(f"{place} "))
            if place % 50 == 0:
                outbox.put_report(Loading(number + place / 1000))
        outbox.put_event(number, Finished("stop", Usage()))

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    said, loading, ended = dict.fromkeys(range(6), ""), [], 0
    while ended < 6 or len(loading) < 36:
        assert ours.poll(20)
        report = ours.recv()
        if isinstance(report, Loading):
            loading.append(report.fraction)
            continue
        for number, event in report.pairs:
            if isinstance(event, Finished):
                ended += 1
            else:
                said[number] += event.text
    assert set(said.values()) == {"".join(f"{place} " for place in range(300))}
    assert sorted(loading) == sorted(number + place / 1000 for number in range(6) for place in range(0, 300, 50))
    for thread in threads:
        thread.join()
    outbox.flush(1.0)
    assert not ours.poll(0.05)


def test_flush_returns_when_everything_is_written(ends: tuple[Connection, Outbox]) -> None:
    ours, outbox = ends
    outbox.put_event(1, TextDelta("a"))
    outbox.put_event(1, TextDelta("b"))
    outbox.flush(5.0)
    assert "".join(ours.recv().pairs[0][1].text for _ in range(2)) == "ab"
    assert not ours.poll(0)
