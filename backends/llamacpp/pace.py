"""How much of the prompts is read in a step, so that replies that are being written go on, and those that wait begin soon."""

from __future__ import annotations

_CHUNK_SECONDS, _QUIET_CHUNK_SECONDS = 0.15, 2.0
"""How long a step with prompt tokens should take for each prompt that waits, beside replies that are being written, and where
there are none. Where several wait, every word beside their prompts makes all of them wait, and large pieces are read faster."""
_FIRST_RATE = 256 / _QUIET_CHUNK_SECONDS
_SMALLEST_CHUNK = 64
"""Tokens from which on more at once are hardly read faster; half as many cost a fifth more. Smaller steps tell little of the rate."""


class Pace:
    """Learns from every step how fast prompts are read. ``size`` is the most tokens that a step may take."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rate = _FIRST_RATE
        self.largest = size
        """The most tokens that fitted the cache at once lately."""

    def chunk(self, readers: int, *, beside_writers: bool) -> int:
        """Tokens of prompts for this step, of which ``readers`` wait to be read."""
        seconds = min(_CHUNK_SECONDS * max(1, readers), _QUIET_CHUNK_SECONDS) if beside_writers else _QUIET_CHUNK_SECONDS
        return min(max(_SMALLEST_CHUNK, int(self._rate * seconds)), self.largest)

    def note(self, count: int, seconds: float) -> None:
        """A step with prompt tokens took so many, and so long."""
        if count >= _SMALLEST_CHUNK:
            self._rate = count / seconds
        self.largest = min(self._size, self.largest * 2)

    def halve(self, count: int) -> None:
        """So many tokens found no room at once."""
        self.largest = max(1, min(self.largest, count) // 2)
