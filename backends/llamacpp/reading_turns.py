"""Whose turn the next step is where prompts and replies do not share a batch: words beside a crowd cost all of it time."""

from __future__ import annotations

import time

from backends.llamacpp.pace import Pace

_LONGEST_SILENCE = 10.0
"""Seconds after which every reply gets a word, whatever it costs: nobody waits longer for something that has begun
(Nielsen, Usability Engineering, 1993)."""


class ReadingTurns:
    """One prompt and the replies take turns, step by step. Several prompts are read for a while, then all replies get a word; what can be
    read to its end soon is, with words only of as many replies as cost a small share of that time, the oldest first: a conversation
    goes on while a crowd arrives, and who has only just begun waits until the others have begun too.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._is_writing = self._all_wrote = True
        self._reading_since = self._silent_since = self._asked_at = 0.0

    def choose(self, readers: int, writers: int, tokens: int) -> int:
        """How many of the replies write in the next step, the oldest first; none where prompts are read instead.

        So many prompts wait with so many tokens in all, beside so many replies; where only one of both is there, ``readers`` is 0.
        """
        now = time.perf_counter()
        step, self._asked_at = now - self._asked_at, now
        if readers and self._is_writing:  # a new prompt comes first
            self._is_writing, self._reading_since = False, now
            if self._all_wrote:
                self._silent_since = now
            return 0
        count = self._count(readers, writers, tokens, now, step / 2)
        if count or not readers:
            self._is_writing, self._all_wrote = True, count == writers
        return count

    def _count(self, readers: int, writers: int, tokens: int, now: float, half: float) -> int:
        """What is worth it now; ``half`` a step, so that it comes as long before its time as after it."""
        if readers < 2 or now - self._silent_since + half >= _LONGEST_SILENCE:
            return writers
        read = now - self._reading_since + half
        if read < self._pace.crowd_seconds(readers):
            return 0
        is_long = self._pace.seconds_to_read(tokens) > _LONGEST_SILENCE
        return writers if is_long else min(writers, self._pace.rows_worth(read))
