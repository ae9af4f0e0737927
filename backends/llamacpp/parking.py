"""Sequences that nobody computes leave the KV cache for the host's memory, so that others need not look past them, and come back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backends.free_memory import free_memory
from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.kv_cache import KvCache, Slot, common_length
from backends.media_tokens import whole_beginning

_WORTH_PARKING, _WORTH_A_STATE = 8, 32
"""Tokens that a sequence must have to be moved, and that one must have more than the cache to be moved back: fewer are sooner read. The
second is for layers with a state, which is as large for few tokens as for many."""
_MOST_PARKED = 128
"""Sequences that are looked through for each request at most."""
_FREE_MEMORY = 1024**3
"""Bytes of free memory that parking leaves: what would be swapped to disk is better read again."""
_ASK_AGAIN = 1.0
_EARLY_BYTES = 8 * 1024 * 1024
"""Bytes of copies that are made before anybody needs them: a millisecond or two of work, which may turn out to be for nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Parked:
    """A sequence outside the cache: its tokens, the adapters that computed it, whose it is, and its state as the cache gave it."""

    tokens: list[int]
    adapters: AdapterSet
    owner: str
    state: memoryview


class Parking:
    """Holds as many tokens as the cache itself at most, those used last. One thread, the engine's.

    A row that is computed looks at every cell up to the last used one, also at those of other sequences, whose scores are thrown
    away: 1.4 ns a cell, head and layer on a processor, a tenth of the time of reading where two prompts of 500 tokens lie beside. Nine
    tokens of somebody's greeting are enough to move a prompt of 200 against the tiles of 64 that attention is computed in: it looks at
    13 tiles then instead of 10, and the starter reads it seven in a hundred more slowly. A copy in memory costs what a few rows cost.
    Only for caches that all sequences share, in the host's memory.
    """

    def __init__(self, cache: KvCache, *, can_park: bool) -> None:
        self._cache = cache
        self._can_park = can_park
        self._parked: list[Parked] = []
        self._early: dict[int, Parked] = {}
        """Copies of idle sequences that are still in the cache, by their slots: who pushes one out need not wait for its copy."""
        self._asked_at = float("-inf")
        self._available = 0

    def __iter__(self) -> Iterator[Parked]:
        """What is parked, the sequence used last first."""
        return reversed(self._parked)

    @property
    def _least(self) -> int:
        return _WORTH_PARKING if self._cache.can_rewind else _WORTH_A_STATE

    @property
    def token_count(self) -> int:
        """Tokens of all that is parked."""
        return sum(len(parked.tokens) for parked in self._parked)

    def match(self, tokens: Sequence[int], adapters: AdapterSet) -> tuple[Parked | None, int]:
        """The parked sequence with the longest reusable beginning of ``tokens``, and its length."""
        best, longest = None, 0
        for parked in self:
            if parked.adapters == adapters:
                common = whole_beginning(tokens, common_length(parked.tokens, tokens, len(tokens) - 1))
                if common > longest and (common == len(parked.tokens) or self._cache.can_rewind):
                    best, longest = parked, common
        return best, longest

    def longest_match(self, tokens: Sequence[int], adapters: AdapterSet) -> int:
        """Tokens of the longest beginning that is in the cache or parked."""
        return max(self._cache.match(tokens, adapters)[1], self.match(tokens, adapters)[1])

    def make_way(self, tokens: Sequence[int], reserved: int, adapters: AdapterSet) -> None:
        """Before a request takes a slot: bring back what it can go on with, and move away the idle sequences that it cannot use."""
        if not self._can_park:
            return
        source, held = self._cache.match(tokens, adapters)
        parked, common = self.match(tokens, adapters)
        if parked is None or common - held < self._least:
            self.clear_away(source)
            return
        self._parked.remove(parked)  # what is moved away for it shall not push it out
        self.clear_away()
        if not self._cache.restore(parked.tokens, reserved, parked.state, adapters, parked.owner):
            self._parked.append(parked)

    def clear_away(self, keep: Slot | None = None) -> None:
        """Move every idle sequence away, but for ``keep`` and those whose cells a busy one needs for the greater part anyway.

        Where each has its own cache it stays there, until none is empty for the next one.
        """
        if not self._can_park:
            return
        idle = [slot for slot in self._cache.slots if slot.tokens and not slot.is_busy and slot is not keep]
        if not idle:
            return
        if not self._cache.is_unified:
            if all(slot.tokens for slot in self._cache.slots if not slot.is_busy):
                self.put_away(min(idle, key=lambda slot: slot.used_at), needed=False)
            return
        needed = {cell for slot in self._cache.slots if slot.is_busy for cell in slot.cells}
        for slot in sorted(idle, key=lambda slot: slot.used_at):
            own = sum(cell not in needed for cell in slot.cells) if needed else len(slot.cells)
            is_short = len(slot.cells) < self._least
            if own > len(slot.cells) // 2 and (self._cache.can_rewind if is_short else self._park(slot)):
                self._cache.clear(slot)

    def settle(self) -> bool:
        """Copy one small idle sequence before a request needs its place; false where no other is to be copied."""
        if not self._can_park:
            return False
        idle = [
            slot for slot in self._cache.slots if not slot.is_busy and not slot.is_shifted and len(slot.tokens) >= self._least
        ]
        self._early = {slot.id: copy for slot in idle if (copy := self._copy_of(slot)) is not None}
        room = _EARLY_BYTES - sum(len(copy.state) for copy in self._early.values())
        for slot in sorted(idle, key=lambda slot: slot.used_at):
            if slot.id not in self._early and self._cache.size_of(slot) <= room and (copy := self._make_copy(slot)):
                self._early[slot.id] = copy
                return True
        return False

    def put_away(self, slot: Slot, *, needed: bool) -> bool:
        """Empty an idle slot; what is worth it can come back. Where that is ``needed`` and there is no memory: false, and it stays."""
        is_worth_it = len(slot.tokens) >= self._least and not slot.is_shifted
        if is_worth_it and not self._park(slot) and needed:
            return False
        self._cache.clear(slot)
        return True

    def forget(self, owner: str) -> None:
        """Forget the sequences of an owner."""
        self._parked = [parked for parked in self._parked if parked.owner != owner]
        self._early = {place: copy for place, copy in self._early.items() if copy.owner != owner}

    def clear(self) -> None:
        """Forget everything."""
        self._parked.clear()
        self._early.clear()

    def _park(self, slot: Slot) -> bool:
        """Copy a sequence; false where there is no memory for it, and it stays where it is."""
        copy = self._copy_of(slot) or self._make_copy(slot)
        self._early.pop(slot.id, None)
        if copy is None:
            return False
        self._parked = [other for other in self._parked if not _is_beginning(other, slot)]
        self._parked.append(copy)
        while self.token_count > self._cache.room or len(self._parked) > _MOST_PARKED:
            del self._parked[0]
        return True

    def _copy_of(self, slot: Slot) -> Parked | None:
        """The copy that was made of a sequence as it is now, if there is one."""
        copy = self._early.get(slot.id)
        is_same = copy is not None and (copy.owner, copy.adapters, copy.tokens) == (slot.owner, slot.adapters, slot.tokens)
        return copy if is_same else None

    def _make_copy(self, slot: Slot) -> Parked | None:
        state = self.copy(slot)
        return Parked(list(slot.tokens), slot.adapters, slot.owner, state) if state else None

    def copy(self, slot: Slot) -> memoryview | None:
        """The state of a sequence; None where there is no memory for it."""
        if not self._has_memory(self._cache.size_of(slot)):
            return None
        try:
            return self._cache.export(slot) or None
        except MemoryError:
            return None

    def _has_memory(self, size: int) -> bool:
        """Whether so many bytes more may be taken; the machine is asked once a second, because the answer takes longer than a copy."""
        now = time.monotonic()
        if now - self._asked_at > _ASK_AGAIN:
            self._asked_at, self._available = now, free_memory()
        if self._available < size + _FREE_MEMORY:
            return False
        self._available -= size
        return True


def _is_beginning(parked: Parked, slot: Slot) -> bool:
    return parked.adapters == slot.adapters and slot.tokens[: len(parked.tokens)] == parked.tokens
