"""How many threads write fastest: tried out on the first tokens of a load, for no table knows a machine's cores, caches and other work."""

from __future__ import annotations

import statistics
from collections.abc import Callable

_STEPS = 12
"""Steps with each number of threads; the first of each are not counted."""
_MOST_TRIALS = 4
"""Trials that other numbers of replies may end before their time; then the usual number stays."""
_WARM_UP = 2
_WORTH = 0.97
"""A number takes the place of the usual one only where it is so much faster."""


class ThreadChoice:
    """Tries numbers of threads one after another and keeps the fastest. ``use`` sets the number for steps in which replies write.

    ``usual`` is tried first and wins unless another is clearly faster. Only steps of as many replies can be compared.
    """

    def __init__(self, usual: int, cores: int, use: Callable[[int], None]) -> None:
        others = [cores, cores - 1, (cores + 1) // 2]
        self._numbers = list(dict.fromkeys(number for number in (usual, *others) if 1 <= number <= cores))
        self._use = use
        self._usual = usual
        self._rows = self._trials = 0
        self._candidates = list(self._numbers)
        self._seconds: dict[int, list[float]] = {}
        self.chosen = usual if len(self._candidates) == 1 else 0

    def begin_anew(self) -> None:
        """Tell a new context the number."""
        if self._candidates or self.chosen:
            self._use(self.chosen or self._candidates[0])

    def note(self, seconds: float, rows: int = 1) -> None:
        """A step in which so many replies wrote took ``seconds`` with the number in use."""
        if self.chosen:
            return
        if rows != self._rows:
            self._try_anew(rows)
            if self.chosen:
                return
        current = self._candidates[0]
        taken = self._seconds.setdefault(current, [])
        taken.append(seconds)
        if len(taken) < _STEPS:
            return
        self._candidates.pop(0)
        if self._candidates:
            self._use(self._candidates[0])
            return
        cost = {number: statistics.median(taken[_WARM_UP:]) for number, taken in self._seconds.items()}
        best = min(cost, key=lambda number: cost[number])
        self.chosen = best if cost[best] < cost[self._usual] * _WORTH else self._usual
        self._use(self.chosen)

    def _try_anew(self, rows: int) -> None:
        """So many replies write now: what was measured before says nothing of them."""
        in_use = self._candidates[0]
        self._rows, self._trials = rows, self._trials + 1
        self._candidates = list(self._numbers)
        self._seconds.clear()
        if self._trials > _MOST_TRIALS:
            self.chosen = self._usual
        if in_use != self._usual:
            self._use(self._usual)
