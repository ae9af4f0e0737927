"""The sequences of one context and the tokens that each holds in the KV cache: shared beginnings, branches, eviction."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.c_memory import point_to
from backends.llamacpp.state_form import join_parts, split_parts, take_memory
from backends.media_tokens import count_gap, whole_beginning

_SMALL_LOSS = 32
"""Tokens that a continued sequence may lose at its end without being worth a sequence of their own."""
_BLOCK = 256


@dataclass(eq=False, slots=True)
class Slot:
    """One sequence of the context. ``tokens`` equals what the cache holds for it; ``cells`` says which of them are shared.

    ``adapters`` computed it: for other ones it is of no use. ``owner`` is whose text it is, empty for nobody's.
    ``gap`` is how many places it has more than positions: a picture's places can share one (M-RoPE).
    What ``is_shifted`` was computed with tokens before it that are gone, so it is no beginning for anybody else. Of one that
    ``is_taken_back`` the engine still holds the later state, until something follows.
    """

    id: int
    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    is_busy: bool = False
    used_at: int = 0
    adapters: AdapterSet = ()
    owner: str = ""
    is_shifted: bool = False
    is_taken_back: bool = False
    gap: int = 0

    @property
    def position(self) -> int:
        """Where its next token stands."""
        return len(self.tokens) - self.gap


class KvCache:
    """All sequences of a context. One thread at a time.

    ``capacity`` counts the cells that all sequences share (``unified``) or that each has for itself. A cell holds one token's
    keys and values; a beginning that several sequences share lies in it once. A model that cannot step back (``can_rewind``
    false: recurrent layers keep only their last state) reuses a sequence whole or not at all; what the last decode put there as
    guesses it can take back where its context keeps a few states more. What :meth:`export` gives of a ``plain`` model (attention alone,
    without sliding windows) :meth:`restore` takes in either layout.
    """

    def __init__(
        self,
        api: Any,
        context: Any,
        slots: int,
        capacity: int,
        *,
        unified: bool,
        can_rewind: bool,
        has_gaps: bool = False,
        can_shift: bool = True,
        plain: bool = False,
    ) -> None:
        self._api = api
        self.can_rewind = can_rewind
        self._has_gaps = has_gaps
        self._is_plain = plain
        self._next_cell = 0
        self._clock = itertools.count(1)
        self.lay_out(context, slots, capacity, unified=unified)
        self._can_shift = can_shift and can_rewind and bool(api.llama_memory_can_shift(self._memory))

    def lay_out(self, context: Any, slots: int, capacity: int, *, unified: bool) -> None:
        """Begin anew with a context that holds nothing."""
        self._context = context
        self._memory = self._api.llama_get_memory(context)
        self.is_unified = unified
        self.capacity = capacity
        self._held = 0
        self._shared: dict[int, int] = {}
        """How many cells hold something, and of those that hold it for more than one sequence, for how many."""
        self.slots = [Slot(number) for number in range(slots)]

    @property
    def room(self) -> int:
        """Cells in all."""
        return self.capacity if self.is_unified else self.capacity * len(self.slots)

    @property
    def free(self) -> int:
        """Cells that no sequence holds; where each sequence has its own, see :meth:`left_for`."""
        return self.capacity - self._held if self.is_unified else self.room

    def left_for(self, slot: Slot) -> int:
        """Tokens that a sequence may still take, as far as the cells go."""
        return self.free if self.is_unified else self.capacity - len(slot.tokens)

    def match(self, tokens: Sequence[int], adapters: AdapterSet = ()) -> tuple[Slot | None, int]:
        """The sequence with the longest reusable beginning of ``tokens``, and its length; the last token is always read anew."""
        best, longest = None, 0
        for slot in self.slots:
            if slot.adapters != adapters or slot.is_shifted or (slot.is_taken_back and slot.is_busy):
                continue
            common = whole_beginning(tokens, common_length(slot.tokens, tokens, len(tokens) - 1))
            if common < len(slot.tokens) and not self.can_rewind:
                continue
            is_better = common > longest or (best is not None and common == longest and best.is_busy and not slot.is_busy)
            if common and is_better:
                best, longest = slot, common
        return best, longest

    def take(self, tokens: Sequence[int], reserved: int, *, force: bool, adapters: AdapterSet = ()) -> Slot | None:
        """A busy slot that already holds the longest cached beginning of ``tokens``; None where there is no room now.

        ``reserved`` cells are promised to others. With ``force`` room is not asked for: there is nobody to wait for.
        """
        if all(slot.is_busy for slot in self.slots):
            return None
        source, common = self.match(tokens, adapters)
        needed = len(tokens) - common + 1 + reserved
        if not force and needed > self._free_at_most(source, common):
            return None
        self._evict_until(needed, keep=source)
        if self.free < needed and source is not None and not source.is_busy:
            self.trim(source, common)
        target = self._choose_target(source, common)
        if target is not source:
            self.clear(target)
            if source is not None and common:
                self._branch(source, target, common)
        else:
            self.trim(target, common)
        target.is_busy, target.adapters = True, adapters
        return target

    def size_of(self, slot: Slot) -> int:
        """Bytes that :meth:`export` would give."""
        return int(self._api.llama_state_seq_get_size(self._context, slot.id))

    def export(self, slot: Slot) -> memoryview:
        """The state of a sequence, as :meth:`restore` takes it; empty where the engine cannot give it."""
        room = self.size_of(slot)
        buffer = take_memory(room)
        written = int(self._api.llama_state_seq_get_data(self._context, point_to(buffer, ctypes.c_uint8), room, slot.id))
        if written and self._has_own_form:
            return join_parts(buffer, written, slot.id, len(self.slots)).toreadonly()
        return memoryview(buffer.data[:written]).toreadonly()

    @property
    def _has_own_form(self) -> bool:
        """Whether the engine's form of a state is another than that of one cache for all."""
        return self._is_plain and not self.is_unified and len(self.slots) > 1

    def restore(
        self,
        tokens: Sequence[int],
        reserved: int,
        state: bytes | memoryview,
        adapters: AdapterSet = (),
        owner: str = "",
    ) -> Slot | None:
        """Put a saved sequence into an idle slot, and give that; None where there is no room or the engine refuses it.

        ``reserved`` cells are promised to others.
        """
        idle = [slot for slot in self.slots if not slot.is_busy]
        fits = len(tokens) + reserved <= self._free_at_most(None, 0) and (self.is_unified or len(tokens) <= self.capacity)
        if not idle or not fits:
            return None
        slot = self._choose_target(None, 0)
        self.clear(slot)
        self._evict_until(len(tokens) + reserved, keep=None)
        if not self._write_state(slot, tokens, state):
            return None
        slot.used_at, slot.adapters, slot.owner = next(self._clock), adapters, owner
        return slot

    def _write_state(self, slot: Slot, tokens: Sequence[int], state: bytes | memoryview) -> bool:
        """Have the engine read a state into an empty slot; false, and it stays empty, where it does not hold these tokens."""
        import numpy

        data = numpy.frombuffer(state, numpy.uint8)
        if self._has_own_form:
            try:
                data = split_parts(data, len(self.slots))
            except MemoryError:
                return False
        is_read = int(self._api.llama_state_seq_set_data(self._context, point_to(data, ctypes.c_uint8), len(data), slot.id)) > 0
        last = len(tokens) - 1 - self._gap_of(tokens)
        if not is_read or self.positions(slot) != (0 if self.can_rewind else last, last):
            self._api.llama_memory_seq_rm(self._memory, slot.id, -1, -1)
            return False
        self.extend(slot, tokens)
        return True

    def forget(self, owner: str) -> None:
        """Forget the idle sequences of an owner; a busy one becomes nobody's."""
        for slot in self.slots:
            if slot.owner == owner:
                slot.owner = ""
                if not slot.is_busy:
                    self.clear(slot)

    def release(self, slot: Slot) -> None:
        """The request is done; what it read stays for the next until room is needed."""
        slot.is_busy = False
        slot.used_at = next(self._clock)
        if slot.is_shifted:
            self.clear(slot)

    def extend(self, slot: Slot, tokens: Sequence[int]) -> None:
        """Note that a decode put these tokens into the cache."""
        slot.tokens.extend(tokens)
        first, self._next_cell = self._next_cell, self._next_cell + len(tokens)
        slot.cells.extend(range(first, self._next_cell))
        self._held += len(tokens)
        slot.gap += self._gap_of(tokens)
        slot.is_taken_back = False

    def trim(self, slot: Slot, length: int) -> None:
        """Forget everything after the first ``length`` tokens; where the model cannot step back, everything. No picture is cut."""
        length = whole_beginning(slot.tokens, length)
        if length >= len(slot.tokens):
            return
        removed = length > 0 and self.can_rewind and self._remove_after(slot, length)
        # A sliding window may have dropped the beginning already: what is left would be no prefix.
        if not removed or int(self._api.llama_memory_seq_pos_min(self._memory, slot.id)) != 0:
            self._remove_all(slot)
            length = 0
        self._forget(slot, length)

    def take_back(self, slot: Slot, length: int) -> None:
        """Forget the guesses after the first ``length`` tokens, which the last decode computed together with the token before them."""
        if self.can_rewind or length >= len(slot.tokens):
            self.trim(slot, length)
        elif self._remove_after(slot, length):
            self._forget(slot, length)
            slot.is_taken_back = True
        else:
            self.clear(slot)

    def shift(self, slot: Slot, start: int, count: int) -> bool:
        """Forget ``count`` tokens from ``start`` on and move what follows to their place; false, and nothing done, where that cannot be."""
        is_shared = not self._shared.keys().isdisjoint(slot.cells[start:])
        if is_shared or slot.gap or not self._can_shift:
            return False
        if not self._api.llama_memory_seq_rm(self._memory, slot.id, start, start + count):
            return False
        self._api.llama_memory_seq_add(self._memory, slot.id, start + count, -1, -count)
        self._held -= len(slot.cells[start : start + count])
        del slot.tokens[start : start + count], slot.cells[start : start + count]
        slot.is_shifted = True
        return True

    def clear(self, slot: Slot) -> None:
        """Forget a sequence."""
        self.trim(slot, 0)

    def clear_all(self) -> None:
        """Forget everything, whatever state the memory is in."""
        self._api.llama_memory_clear(self._memory, True)
        for slot in self.slots:
            slot.tokens.clear()
            slot.cells.clear()
            slot.is_shifted, slot.gap = False, 0
        self._held = 0
        self._shared.clear()

    def evict_one(self) -> bool:
        """Forget the idle sequence used least recently; false where every other is busy or empty."""
        victim = self._oldest_idle(None)
        if victim is None:
            return False
        self.clear(victim)
        return True

    def take_stock(self, slot: Slot, tokens: Sequence[int]) -> None:
        """After an abort whole ubatches of ``tokens`` may be in the cache: ask it, and believe only what it says.

        Layers with a state may be left with half of a ubatch, and do not say so.
        """
        held = int(self._api.llama_memory_seq_pos_max(self._memory, slot.id)) + 1
        if slot.gap and slot.tokens[-1] < 0:
            held = max(held, slot.position)  # a picture's places can all lie at the position where it begins
        if held < slot.position or not self.can_rewind:
            self._api.llama_memory_seq_rm(self._memory, slot.id, -1, -1)
            self._forget(slot, 0)
            return
        self.extend(slot, tokens[: held - slot.position])

    def undo(self, slot: Slot) -> None:
        """Take what a decode that did not end well may have added to a sequence out of the cache."""
        is_whole = self.can_rewind or self.positions(slot)[1] < slot.position
        held = len(slot.tokens) > 0 and is_whole and self._remove_after(slot, len(slot.tokens))
        if not held:
            self._api.llama_memory_seq_rm(self._memory, slot.id, -1, -1)
            self._forget(slot, 0)

    def positions(self, slot: Slot) -> tuple[int, int]:
        """The first and last position that the cache really holds for a sequence; -1 where it holds none."""
        first = int(self._api.llama_memory_seq_pos_min(self._memory, slot.id))
        return first, int(self._api.llama_memory_seq_pos_max(self._memory, slot.id))

    def _remove_all(self, slot: Slot) -> None:
        if len(slot.cells) == self._held and not self._shared:  # nobody else holds any, and C need not look at one after another
            self._api.llama_memory_clear(self._memory, False)
        else:
            self._api.llama_memory_seq_rm(self._memory, slot.id, -1, -1)

    def _remove_after(self, slot: Slot, length: int) -> bool:
        position = length - self._gap_of(slot.tokens[:length])
        return bool(self._api.llama_memory_seq_rm(self._memory, slot.id, position, -1))

    def _branch(self, source: Slot, target: Slot, length: int) -> None:
        """Share the first ``length`` tokens of a sequence with an empty one."""
        if self._has_own_form:  # the engine's own copy of a whole cache would wait for the next decode
            with contextlib.suppress(MemoryError):  # then the beginning is read again
                if self._write_state(target, list(source.tokens), self.export(source)):
                    self.trim(target, length)
            return
        if self.is_unified:
            self._api.llama_memory_seq_cp(self._memory, source.id, target.id, 0, length - self._gap_of(source.tokens[:length]))
        else:  # another stream: only whole sequences can be copied
            self._api.llama_memory_seq_cp(self._memory, source.id, target.id, -1, -1)
        target.tokens.extend(source.tokens)
        target.cells.extend(source.cells)
        target.gap = source.gap
        for cell in source.cells:
            self._shared[cell] = self._shared.get(cell, 1) + 1
        if self.is_unified:
            self._forget(target, length)
        else:
            self.trim(target, length)

    def _forget(self, slot: Slot, length: int) -> None:
        cells, shared = slot.cells[length:], self._shared
        if shared.keys().isdisjoint(cells):
            self._held -= len(cells)
        else:
            for cell in cells:
                if (left := shared.pop(cell, 1) - 1) > 1:
                    shared[cell] = left
                self._held -= not left
        slot.gap -= self._gap_of(slot.tokens[length:])
        del slot.tokens[length:], slot.cells[length:]
        slot.is_shifted = slot.is_shifted and length > 0
        slot.is_taken_back = slot.is_taken_back and length > 0

    def _gap_of(self, tokens: Sequence[int]) -> int:
        return count_gap(tokens) if self._has_gaps else 0

    def _choose_target(self, source: Slot | None, common: int) -> Slot:
        """Where to go on: the matching sequence itself, or another, if that one is busy or its end may be wanted again."""
        idle = [slot for slot in self.slots if not slot.is_busy]
        if source is not None and source in idle and len(source.tokens) - common <= _SMALL_LOSS:
            return source
        empty = next((slot for slot in idle if not slot.tokens), None)
        return empty or min(idle, key=lambda slot: slot.used_at)

    def _oldest_idle(self, keep: Slot | None) -> Slot | None:
        held = [slot for slot in self.slots if not slot.is_busy and slot.tokens and slot is not keep]
        return min(held, key=lambda slot: slot.used_at, default=None)

    def _evict_until(self, needed: int, keep: Slot | None) -> None:
        while self.free < needed and (victim := self._oldest_idle(keep)) is not None:
            self.clear(victim)

    def _free_at_most(self, source: Slot | None, common: int) -> int:
        """Cells that would be free if every idle sequence were forgotten but for the beginning that is to be reused."""
        if not self.is_unified or self.free >= self.capacity:
            return self.free
        kept = {cell for slot in self.slots if slot.is_busy for cell in slot.cells}
        kept.update(source.cells[:common] if source is not None else ())
        return self.capacity - len(kept)


def common_length(held: Sequence[int], wanted: Sequence[int], limit: int) -> int:
    """How many tokens both begin with, ``limit`` at most; compared a block at a time, at C's speed."""
    limit = max(0, min(limit, len(held), len(wanted)))
    start = 0
    while start < limit:
        end = min(start + _BLOCK, limit)
        if held[start:end] != wanted[start:end]:
            return next(index for index in range(start, end) if held[index] != wanted[index])
        start = end
    return limit
