"""Where requests wait for a place: in order, while the forms of their replies are compiled and saved beginnings are read from disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from backends.llamacpp.archive import WORTH_SAVING, Archive, SavedSequence
from backends.llamacpp.kv_cache import KvCache, common_length
from backends.llamacpp.parking import Parking
from backends.llamacpp.reply import Reply

_PATIENCE = 0.02
"""Seconds that the engine waits for a request's preparations where there is nothing else to do."""
_WORTH_WAITING = 32
"""Tokens of a common beginning that another request is reading right now, for which a request waits some steps."""


@dataclass(frozen=True, slots=True)
class _Recall:
    """A saved sequence on its way from the disk."""

    saved: SavedSequence
    state: Future[bytes | None]


class WaitingRoom:
    """Those who wait, first come first. One thread; what takes long is done in others, so that replies with a place go on."""

    def __init__(self, cache: KvCache, parking: Parking, archive: Archive | None) -> None:
        self._cache = cache
        self._parking = parking
        self._archive = archive
        self._replies: deque[Reply] = deque()
        self._recalls: dict[int, _Recall | None] = {}
        self._reader = ThreadPoolExecutor(1, "recall")

    def __len__(self) -> int:
        return len(self._replies)

    def __iter__(self) -> Iterator[Reply]:
        return iter(list(self._replies))

    def add(self, reply: Reply, *, first: bool = False) -> None:
        """Queue a request; ``first`` for one that had a place before."""
        if first:
            self._replies.appendleft(reply)
        else:
            self._replies.append(reply)

    def remove(self, reply: Reply) -> bool:
        """Let one go; false where it does not wait here."""
        self._recalls.pop(reply.id, None)
        if reply not in self._replies:
            return False
        self._replies.remove(reply)
        return True

    def clear(self) -> None:
        """Forget them all."""
        self._replies.clear()
        self._recalls.clear()

    def is_being_read(self, reply: Reply, active: Sequence[Reply]) -> bool:
        """Whether one of those with a place is reading a longer beginning of this prompt than the cache holds."""
        return is_being_read(reply, active, lambda: self._parking.longest_match(reply.tokens, reply.adapters))

    def is_prepared(self, reply: Reply) -> bool:
        """Whether all is there that the reply needs before its first token.

        Raises:
            UserFacingError: its form cannot be followed.
        """
        if not reply.take_form():
            return False
        if reply.id not in self._recalls:
            self._recalls[reply.id] = self._begin_recall(reply)
        recall = self._recalls[reply.id]
        return recall is None or recall.state.done()

    def put_recalled(self, reply: Reply, reserved: int) -> None:
        """Put what was read for a request into the cache, where it is still longer than what is there."""
        recall = self._recalls.pop(reply.id, None)
        if recall is None or (state := recall.state.result()) is None:
            return
        if self._parking.longest_match(reply.tokens, reply.adapters) < len(recall.saved.tokens):
            self._parking.clear_away()
            self._cache.restore(recall.saved.tokens, reserved, state, reply.adapters)

    def wait_a_moment(self) -> None:
        """Wait until something is prepared, for a fraction of a second. For an engine that has nothing else to do."""
        awaited: list[Future[Any]] = [reply.form for reply in self._replies if reply.form is not None]
        awaited += [recall.state for recall in self._recalls.values() if recall is not None and not recall.state.done()]
        if awaited:
            wait(awaited, timeout=_PATIENCE, return_when="FIRST_COMPLETED")

    def close(self) -> None:
        """End the thread that reads. Safe to call twice."""
        self._reader.shutdown(wait=True, cancel_futures=True)

    def _begin_recall(self, reply: Reply) -> _Recall | None:
        """Begin to read a saved beginning of a new request's prompt, where it is longer than what the cache holds."""
        if self._archive is None or reply.has_begun or not reply.is_usual or reply.tells_prompt:
            return None
        saved, common = self._archive.match(reply.tokens)
        if saved is None or common - self._parking.longest_match(reply.tokens, reply.adapters) < WORTH_SAVING:
            return None
        if not self._cache.can_rewind and common < len(saved.tokens):
            return None
        return _Recall(saved, self._reader.submit(self._archive.read, saved))


def is_being_read(reply: Reply, active: Sequence[Reply], find_held: Callable[[], int]) -> bool:
    """Whether one of the active replies is reading a beginning of this prompt that is longer than what ``find_held`` says is there."""
    readers = [other for other in active if other.is_reading and other.adapters == reply.adapters]
    coming = max((common_length(other.tokens, reply.tokens, len(reply.tokens) - 1) for other in readers), default=0)
    return coming >= _WORTH_WAITING and coming - find_held() >= _WORTH_WAITING
