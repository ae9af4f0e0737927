"""How much of the prompts is read in a step, so that replies that are being written go on, and those that wait begin soon."""

from __future__ import annotations

import time

_CHUNK_SECONDS, _QUIET_CHUNK_SECONDS = 0.15, 1.0
"""How long a step with prompt tokens should take, beside replies that are being written and where there are none."""
_GAP_SECONDS = 0.15
"""How long replies that are being written pause for each request that waits for its first word, where several do."""
_FIRST_RATE = 256 / _QUIET_CHUNK_SECONDS
_SMALLEST_CHUNK = 64
"""Tokens from which on more at once are hardly read faster; half as many cost a fifth more."""


class Pace:
    """Learns from every step how fast prompts are read. ``size`` is the most tokens that a step may take."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rate = _FIRST_RATE
        self._written_at = 0.0
        self.largest = size
        """The most tokens that fitted the cache at once lately."""

    def lets_read(self, readers: int) -> bool:
        """Whether the replies that are being written leave this step to the prompts, so that all begin sooner."""
        now = time.perf_counter()
        if readers > 1 and now - self._written_at < _GAP_SECONDS * readers:
            return True
        self._written_at = now
        return False

    def chunk(self, *, beside_writers: bool) -> int:
        """Tokens of prompts for this step."""
        chunk = max(_SMALLEST_CHUNK, int(self._rate * (_CHUNK_SECONDS if beside_writers else _QUIET_CHUNK_SECONDS)))
        return min(chunk, self.largest)

    def note(self, count: int, seconds: float) -> None:
        """A step with prompt tokens took so many, and so long."""
        self._rate = count / seconds
        self.largest = min(self._size, self.largest * 2)

    def halve(self, count: int) -> None:
        """So many tokens found no room at once."""
        self.largest = max(1, min(self.largest, count) // 2)
