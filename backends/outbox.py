"""What a worker process says, on its way into the pipe: joined, in order, written by whoever says it or by a thread of its own."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from backends.events import Failed, Finished, GenerationEvent, PromptToken, ReasoningDelta, TextDelta, TokenChosen
from backends.worker_protocol import Events, Report, pack

_SEND_INTERVAL = 0.012
"""Seconds between two messages: a window repaints every 33 ms, and each message wakes another process."""


class Outbox:
    """Writes reports in order; neighbouring pieces of one reply travel as one.

    Who says something writes it, where it is time and the pipe has room: to hand it to another thread takes up to 5 ms beside an
    engine of many short steps, longer than a small model's prompt. The thread ``sender`` writes what waits for company, what is said
    before a long step, where the engine's thread would lose a fiftieth of its time by it, and where the parent does not read.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._has_room = _make_room_check(connection)
        self._condition = threading.Condition()
        self._reports: list[Report] = []
        self._pairs: list[tuple[int, GenerationEvent]] = []
        self._is_writing = False
        self._is_urgent = False
        self._is_long = False
        self._is_sender_awake = False
        self._flushing = 0
        self._written_at = 0.0
        self._last_kinds: dict[int, type[GenerationEvent]] = {}
        self._last_places: dict[int, int] = {}
        threading.Thread(target=self._write_in_time, name="sender", daemon=True).start()

    def put_event(self, request_id: int, event: GenerationEvent) -> None:
        """Add an event."""
        self.put_events(((request_id, event),))

    def put_events(self, pairs: Sequence[tuple[int, GenerationEvent]], *, beside: bool = False) -> None:
        """Add events, pairs of request id and event; they travel together, neighbouring pieces of one reply as one.

        ``beside`` leaves the writing to the sender: what the caller does next takes long, and needs no Python.
        """
        if not pairs:
            return
        with self._condition:
            for request_id, event in pairs:
                self._add(request_id, event)
            if not self._must_write(beside or self._is_long or bool(self._reports)):
                return
            reports, pairs = self._take()
        self._write(reports, pairs)

    def put_report(self, report: Report) -> None:
        """Add anything else."""
        with self._condition:
            self._reports.append(report)
            self._is_urgent = True
            if not self._must_write():
                return
            reports, pairs = self._take()
        self._write(reports, pairs)

    def flush(self, timeout: float) -> None:
        """Wait until everything is written; ``timeout`` in seconds."""
        with self._condition:
            self._flushing += 1
            self._condition.wait_for(lambda: not (self._has_news or self._is_writing), timeout)
            self._flushing -= 1

    @property
    def _has_news(self) -> bool:
        return bool(self._reports or self._pairs)

    def _time_left(self) -> float:
        """Seconds until what waits has waited for company long enough."""
        return 0.0 if self._is_urgent else self._written_at + _SEND_INTERVAL - time.monotonic()

    def _must_write(self, beside: bool = False) -> bool:
        """Whether the caller writes now; otherwise the sender knows that there is something.

        ``beside`` is also what can be too long for the room that there is: likelihoods, and the answers of other threads.
        """
        if self._time_left() <= 0:
            if not beside and not self._is_writing and self._has_room():
                return True
            self._condition.notify_all()
        elif not self._is_sender_awake:  # to wake it for nothing costs more than a small model's step
            self._condition.notify_all()
        return False

    def _add(self, request_id: int, event: GenerationEvent) -> None:
        place = self._last_places.get(request_id)
        if place is not None:
            match event, self._pairs[place][1]:
                case TextDelta(text, count), TextDelta(before, earlier):
                    self._pairs[place] = (request_id, TextDelta(before + text, earlier + count))
                    return
                case ReasoningDelta(text, count), ReasoningDelta(before, earlier):
                    self._pairs[place] = (request_id, ReasoningDelta(before + text, earlier + count))
                    return
        self._last_places[request_id] = len(self._pairs)
        self._pairs.append((request_id, event))
        self._is_long = self._is_long or isinstance(event, TokenChosen | PromptToken)
        if isinstance(event, TokenChosen):
            return  # it belongs to the text beside it
        # The first piece of a reply, its end, and whatever is rare should not wait for company.
        kind = type(event)
        self._is_urgent = self._is_urgent or kind is not self._last_kinds.get(request_id)
        self._last_kinds[request_id] = kind
        if isinstance(event, Finished | Failed):
            del self._last_kinds[request_id]

    def _take(self) -> tuple[list[Report], list[tuple[int, GenerationEvent]]]:
        """Everything that is there; who takes it writes it before anybody else writes."""
        reports, self._reports = self._reports, []
        pairs, self._pairs = self._pairs, []
        self._last_places.clear()
        self._is_urgent = self._is_long = False
        self._is_writing = True
        return reports, pairs

    def _write(self, reports: list[Report], pairs: Sequence[tuple[int, GenerationEvent]]) -> None:
        try:
            for report in reports:
                self._connection.send_bytes(pack(report))
            if pairs:
                self._connection.send_bytes(pack(Events(tuple(pairs))))
        except (OSError, ValueError):
            os._exit(0)  # the parent is gone
        finally:
            with self._condition:
                self._is_writing = False
                self._written_at = time.monotonic()
                if self._has_news or self._flushing:
                    self._condition.notify_all()

    def _write_in_time(self) -> None:
        """The body of the thread ``sender``."""
        while True:
            with self._condition:
                while True:
                    self._is_sender_awake = self._has_news and not self._is_writing
                    left = self._time_left() if self._is_sender_awake else None
                    if left is not None and left <= 0:
                        break
                    self._condition.wait(left)
                reports, pairs = self._take()
            self._write(reports, pairs)


def _make_room_check(connection: Connection) -> Callable[[], bool]:
    """Whether a message can be written without waiting for the reader; no where the system cannot tell (pipes of Windows)."""
    if not hasattr(select, "poll"):
        return lambda: False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLOUT)
    return lambda: bool(poll.poll(0))
