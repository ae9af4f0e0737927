"""One request at a time on top of an engine that advances many: what both engines' ``generate`` is made of."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from backends.backend import CancelCheck
from backends.events import Failed, Finished, GenerationEvent


class Stepping(Protocol):
    """A scheduler: every step advances all of its requests."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do."""

    def step(self) -> list[tuple[int, GenerationEvent]]:
        """What the requests say, each with its id."""


class OwnReplies:
    """Requests that are read here, by negative ids, beside those of others, whose events are kept until they are fetched."""

    def __init__(self) -> None:
        self._ids = itertools.count(-1, -1)
        self._own: dict[int, deque[GenerationEvent]] = {}
        self._others: list[tuple[int, GenerationEvent]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether events of others are to be fetched."""
        return bool(self._others)

    @property
    def are_read(self) -> bool:
        """Whether somebody reads one here."""
        return bool(self._own)

    def step(self, scheduler: Stepping | None) -> Sequence[tuple[int, GenerationEvent]]:
        """Advance everything; what others' requests say."""
        self._advance(scheduler)
        pairs, self._others = self._others, []
        return pairs

    def read(
        self, submit: Callable[[int, CancelCheck], None], find_scheduler: Callable[[], Stepping | None], is_cancelled: CancelCheck
    ) -> Iterator[GenerationEvent]:
        """The events of one request, as :meth:`backends.backend.Backend.generate` promises; each that is read advances all of them."""
        request_id = next(self._ids)
        events = self._own[request_id] = deque()
        is_abandoned = False
        try:
            submit(request_id, lambda: is_abandoned or is_cancelled())
            while True:
                while not events:
                    self._advance(find_scheduler())
                event = events.popleft()
                if isinstance(event, Failed):
                    raise event.error
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            is_abandoned = True
            del self._own[request_id]

    def clear(self) -> None:
        """Forget all events."""
        self._own.clear()
        self._others.clear()

    def _advance(self, scheduler: Stepping | None) -> None:
        for request_id, event in scheduler.step() if scheduler is not None else ():
            if request_id >= 0:
                self._others.append((request_id, event))
            elif (events := self._own.get(request_id)) is not None:
                events.append(event)
