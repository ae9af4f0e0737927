"""Whose turn it is where requests want different adapters: only equal ones fit one decode."""

from __future__ import annotations

import time

from backends.llamacpp.model import NativeModel
from backends.llamacpp.reply import Reply

_TURN_SECONDS = 0.25
"""How long replies of one set of adapters go on before those of another: a change takes some milliseconds."""


class AdapterTurns:
    """Lets the sets of adapters that are in use take turns of some time."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._in_turn = model.adapters.usual
        self._ends = 0.0

    def choose(self, active: list[Reply]) -> list[Reply]:
        """Those who compute in this step, with their adapters applied."""
        if not self._model.adapters.are_used:
            return active
        sets = list(dict.fromkeys(reply.adapters for reply in active))
        if self._in_turn not in sets or (len(sets) > 1 and time.perf_counter() >= self._ends):
            place = sets.index(self._in_turn) + 1 if self._in_turn in sets else 0
            self._in_turn = sets[place % len(sets)]
            self._ends = time.perf_counter() + _TURN_SECONDS
        self._model.adapters.apply(self._model.context, self._in_turn)
        return [reply for reply in active if reply.adapters == self._in_turn]
