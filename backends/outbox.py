"""What a worker process says, on its way into the pipe: joined, in order, from a thread of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection

from backends.events import Failed, Finished, GenerationEvent, ReasoningDelta, TextDelta, TokenChosen
from backends.worker_protocol import Events, Report

_SEND_INTERVAL = 0.012
"""Seconds between two messages: a window repaints every 33 ms, and each message wakes another process."""


class Outbox:
    """Writes reports in order from a thread of its own; neighbouring pieces of one reply travel as one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._condition = threading.Condition()
        self._reports: list[Report] = []
        self._pairs: list[tuple[int, GenerationEvent]] = []
        self._is_writing = False
        self._is_urgent = False
        self._is_pausing = False
        self._last_kinds: dict[int, type[GenerationEvent]] = {}
        self._last_places: dict[int, int] = {}
        threading.Thread(target=self._write, name="sender", daemon=True).start()

    def put_event(self, request_id: int, event: GenerationEvent) -> None:
        """Add an event."""
        self.put_events(((request_id, event),))

    def put_events(self, pairs: Sequence[tuple[int, GenerationEvent]]) -> None:
        """Add events, pairs of request id and event; they travel together, neighbouring pieces of one reply as one."""
        if not pairs:
            return
        with self._condition:
            for request_id, event in pairs:
                self._add(request_id, event)
            if self._is_urgent or not self._is_pausing:  # to wake the writer for nothing costs more than a small model's step
                self._condition.notify_all()

    def put_report(self, report: Report) -> None:
        """Add anything else."""
        with self._condition:
            self._reports.append(report)
            self._is_urgent = True
            self._condition.notify_all()

    def flush(self, timeout: float) -> None:
        """Wait until everything is written; ``timeout`` in seconds."""
        with self._condition:
            self._condition.wait_for(lambda: not (self._reports or self._pairs or self._is_writing), timeout)

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
        if isinstance(event, TokenChosen):
            return  # it belongs to the text beside it
        # The first piece of a reply, its end, and whatever is rare should not wait for company.
        kind = type(event)
        self._is_urgent = self._is_urgent or kind is not self._last_kinds.get(request_id)
        self._last_kinds[request_id] = kind
        if isinstance(event, Finished | Failed):
            del self._last_kinds[request_id]

    def _write(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._reports or self._pairs)
                reports, self._reports = self._reports, []
                pairs, self._pairs = self._pairs, []
                self._last_places.clear()
                self._is_urgent = False
                self._is_writing = True
            try:
                for report in reports:
                    self._connection.send(report)
                if pairs:
                    self._connection.send(Events(tuple(pairs)))
            except (OSError, ValueError):
                os._exit(0)  # the parent is gone
            with self._condition:
                self._is_writing = False
                self._condition.notify_all()
                self._is_pausing = True
                self._condition.wait_for(lambda: self._is_urgent, _SEND_INTERVAL)
                self._is_pausing = False
