"""How much of the prompts is read in a step, so that replies that are being written go on, and those that wait begin soon."""

from __future__ import annotations

_CHUNK_SECONDS, _CROWD_SECONDS, _QUIET_CHUNK_SECONDS = 0.15, 0.5, 2.0
"""How long a step with prompt tokens should take beside replies that are being written: with one prompt, for each where several wait,
and where nothing is written. Where several wait, every word beside their prompts makes all of them wait."""
_FIRST_RATE = 256 / _QUIET_CHUNK_SECONDS
_SMALLEST_CHUNK = 96
"""Tokens from which on more at once are hardly read faster, also beside a few that are written; half as many cost a fifth more."""
_SMALLEST_QUIET_CHUNK = 256
"""The same where nothing is written, or several wait: a short prompt in two steps costs a slow machine a fifth more."""
_TELLING = 192
"""Tokens from which on a step tells how fast prompts are read; in smaller ones most of the time can be that of the words beside them."""
_WORDS_SHARE = 0.01
"""Of the time in which several prompts are read: what words in between may cost."""
_FIRST_ROW_SECONDS = 2.0 / _FIRST_RATE
LONG_SECONDS = 0.002
"""Of a step, from which on another thread works beside it: several times what it needs to begin and to send a message."""


class Pace:
    """Learns from every step how fast prompts are read. ``size`` is the most tokens that a step may take."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rate = _FIRST_RATE
        self.largest = size
        """The most tokens that fitted the cache at once lately."""
        self._writing_seconds = 0.0
        self._row_seconds = _FIRST_ROW_SECONDS

    def chunk(self, readers: int, *, beside_writers: bool) -> int:
        """Tokens of prompts for this step, of which ``readers`` wait to be read."""
        seconds, smallest = _QUIET_CHUNK_SECONDS, _SMALLEST_QUIET_CHUNK
        if beside_writers:
            seconds = _CHUNK_SECONDS if readers < 2 else self.crowd_seconds(readers)
            smallest = _SMALLEST_CHUNK if readers < 2 else smallest
        return min(max(smallest, int(self._rate * seconds)), self.largest)

    def crowd_seconds(self, readers: int) -> float:
        """How long several prompts are read at least before replies get a step: all of them begin sooner."""
        return min(_CROWD_SECONDS * readers, _QUIET_CHUNK_SECONDS)

    def seconds_to_read(self, tokens: int) -> float:
        """How long so much of prompts takes."""
        return tokens / self._rate

    def rows_worth(self, seconds: float) -> int:
        """Replies that may write a word each after prompts were read for so long."""
        return int(seconds * _WORDS_SHARE / self._row_seconds)

    def note(self, count: int, seconds: float, *, reads: bool) -> None:
        """A step took so many tokens, and so long; whether it ``reads``, so that prompt tokens were among them."""
        if not reads:
            self._writing_seconds, self._row_seconds = seconds, seconds / count
            return
        rate = count / seconds
        if count >= _TELLING or rate > self._rate:
            self._rate = rate
        self.largest = min(self._size, self.largest * 2)

    def note_burst(self, seconds: float, steps: int, rows: int) -> None:
        """Replies only wrote for ``seconds``, in so many steps of so many rows each."""
        if steps:
            self._writing_seconds = seconds / steps
            self._row_seconds = self._writing_seconds / rows

    @property
    def writes_long(self) -> bool:
        """Whether the last step in which replies only wrote was long enough for another thread to work beside it."""
        return self._writing_seconds >= LONG_SECONDS

    @property
    def rows_are_long(self) -> bool:
        """Whether a step of one row takes as long, as far as those tell in which replies only wrote."""
        return self._writing_seconds > 0 and self._row_seconds >= LONG_SECONDS

    def halve(self, count: int) -> None:
        """So many tokens found no room at once."""
        self.largest = max(1, min(self.largest, count) // 2)
