"""One cache for all sequences, or a part of it for each: which costs less is known only once it is known who is computed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from backends.llamacpp.kv_cache import KvCache, Slot
from backends.llamacpp.model import NativeModel
from backends.llamacpp.parking import Parking
from backends.llamacpp.reply import Reply
from models.errors import OutOfMemory

_log = logging.getLogger(__name__)

_LENGTH_TO_COME = 256
"""Tokens that a reply is taken to write at most when a layout is chosen; one that writes more is given more room when it needs it."""
_SECONDS_PAST_A_CELL = 1e-9
"""What it costs to look past a cell of another sequence: for one row, head and layer, on a processor (0.8 to 1.4 ns measured)."""
LAYOUT_WORTH = 0.1
"""A layout is changed where one crowd saves so many times what the change costs: it stays, and the next crowds find it as it should be."""
_REST = 50.0
"""After one cache for all was needed it stays for so many times what a change costs: two kinds of requests must not make it a habit."""
_WITHOUT_MEMORY = 10.0
"""Seconds until parts are thought of again where the machine had no memory for the copies."""
_FEW_LEFT = 16
"""Tokens from which on it is worth moving a reply so that all lie side by side."""


class Layout:
    """Lays out the cells of a context for those who are computed. One thread, the engine's.

    In one cache for all, every row that is computed looks past the cells of all other sequences, to find that it must not see them:
    with sixteen short requests at once that is a fifth of a step of 0.5 billion parameters, and with long ones most of it. With a part
    of the cells for each nobody does, but nobody may hold more than the part. So the parts are made when a crowd comes that fits
    them, and given up as soon as somebody needs more. For that the context is made anew, and the sequences are copied out and in.
    """

    def __init__(
        self, model: NativeModel, cache: KvCache, parking: Parking, attach: Callable[[Any], None], *, worth: float = LAYOUT_WORTH
    ) -> None:
        """``attach`` is told of a new context; ``worth`` 0 changes the layout whenever it saves anything."""
        self._model = model
        self._cache = cache
        self._parking = parking
        self._attach = attach
        self._worth = worth
        self._parts = model.parts
        size = int(model.api.llama_model_n_layer(model.model)) * int(model.api.llama_model_n_head(model.model))
        self._cell_seconds = size * _SECONDS_PAST_A_CELL
        self._cost = model.context_seconds
        self._not_before = 0.0
        self._looked_at: list[int] = []
        self.changes = 0

    def welcome(self, reply: Reply, active: Sequence[Reply]) -> None:
        """Before a request is given a place: see that there is one of its length."""
        if self._cache.is_unified or not self._parts:
            return
        has_place = any(not slot.is_busy for slot in self._cache.slots)
        if not has_place or len(reply.tokens) >= self._cache.capacity:
            self._unite(active)

    def review(self, active: Sequence[Reply]) -> None:
        """Before a step: the layout that suits those who compute."""
        if not self._parts or not active:
            return
        if self._cache.is_unified:
            if len(active) > 1 and time.monotonic() >= self._not_before:
                self._part(active)
        elif max(len(reply.tokens) for reply in active) > self._cache.capacity:
            self._unite(active)
        elif max(reply.place for reply in active) >= len(active):
            self._close_ranks(active)

    def _part(self, active: Sequence[Reply]) -> None:
        """Give each a part where that is worth it, and nothing is lost by it. Those who were looked at are not looked at again."""
        if (ids := [reply.id for reply in active]) == self._looked_at:
            return
        self._looked_at = ids
        if (parts := self._choose(active)) and not self._change(parts, active):
            self._not_before = time.monotonic() + _WITHOUT_MEMORY

    def _choose(self, active: Sequence[Reply]) -> int:
        """The most parts of which each holds the longest request, where parts are worth it; 0 where they are not."""
        longest = max(len(reply.tokens) + _to_come(reply) for reply in active)
        fitting = [parts for parts in self._parts if parts >= len(active) and self._model.part_length(parts) >= longest]
        if not fitting or self._saved(active) <= self._worth * self._cost:
            return 0
        return fitting[-1]

    def _saved(self, active: Sequence[Reply]) -> float:
        """Seconds that these need less where nobody looks past the others."""
        lengths = [len(reply.tokens) + _to_come(reply) // 2 for reply in active]
        total = sum(lengths)
        rows = [reply.pending // 2 + _to_come(reply) for reply in active]
        return self._cell_seconds * sum(count * (total - length) for count, length in zip(rows, lengths, strict=True))

    def _unite(self, active: Sequence[Reply]) -> None:
        self._change(1, active)
        self._not_before = time.monotonic() + _REST * self._cost * bool(self._worth)

    def _change(self, parts: int, active: Sequence[Reply]) -> bool:
        """Make the context anew. Without memory for copies parts are not made (false), and what must be united is read again."""
        started = time.perf_counter()
        held = [(reply, reply.slot, self._parking.copy(reply.slot)) for reply in active if reply.slot is not None]
        if parts > 1 and any(state is None and old.tokens for _, old, state in held):
            return False
        for slot in sorted(self._cache.slots, key=lambda slot: slot.used_at):
            if slot.tokens and not slot.is_busy and not self._parking.put_away(slot, needed=parts > 1):
                return False
        self._open(parts)
        model, cache = self._model, self._cache
        cache.lay_out(model.context, model.sequences, model.capacity, unified=model.is_unified)
        self._attach(model.context)
        for reply, old, state in held:
            reply.slot = self._settle(old, state)
        self.changes += 1
        self._cost = max(model.context_seconds, time.perf_counter() - started)
        return True

    def _open(self, parts: int) -> None:
        """The new context; one cache for all, for good, where there is no memory for parts."""
        try:
            self._model.lay_out(parts)
        except OutOfMemory as error:
            if parts == 1:
                _log.exception("the context could not be made anew")
                raise SystemExit(1) from error  # nothing can be computed without one: the process ends, and whoever asked is told
            self._parts = []
            self._open(1)

    def _settle(self, old: Slot, state: memoryview | None) -> Slot:
        """A busy slot that holds what another did before, or nothing."""
        slot = self._cache.restore(old.tokens, 0, state, old.adapters, old.owner) if state is not None else None
        if slot is None:
            slot = self._cache.take((), 0, force=True, adapters=old.adapters)
            assert slot is not None, "as many places as requests"
            slot.owner = old.owner
        slot.is_busy, slot.is_shifted = True, old.is_shifted and bool(slot.tokens)
        return slot

    def _close_ranks(self, active: Sequence[Reply]) -> None:
        """Move the last reply into a gap: the engine computes only neighbours together, and each group costs a pass over the weights."""
        last = max(active, key=lambda reply: reply.place)
        assert last.slot is not None
        if len(active) < 2 or last.pending + last.room_to_write < _FEW_LEFT:
            return
        old = last.slot
        state = self._parking.copy(old) if old.tokens else None
        gap = next(slot for slot in self._cache.slots if not slot.is_busy)
        if (state is None and old.tokens) or not self._parking.put_away(gap, needed=True):
            return
        old.is_busy = False
        moved = self._settle(old, state)
        if moved is not old:
            self._cache.clear(old)
        last.slot = moved


def _to_come(reply: Reply) -> int:
    return max(1, min(reply.room_to_write, _LENGTH_TO_COME))
