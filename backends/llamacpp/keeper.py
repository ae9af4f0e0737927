"""Brings what a context holds onto the disk, a sequence at a time, in moments in which nobody waits."""

from __future__ import annotations

from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.archive import WORTH_SAVING, Archive
from backends.llamacpp.kv_cache import KvCache, Slot
from backends.llamacpp.parking import Parked, Parking

_COVERED = 0.75
"""A sequence of which so much is saved already is saved again only at the end: each time all of it is written."""


class Keeper:
    """Saves what belongs to somebody, was computed with the usual adapters, and is whole."""

    def __init__(self, archive: Archive, cache: KvCache, parking: Parking, usual: AdapterSet) -> None:
        self._archive = archive
        self._cache = cache
        self._parking = parking
        self._usual = usual
        self._offered: dict[int, int] = {}
        self._offered_parked: set[Parked] = set()

    def keep_one(self, *, is_final: bool = False) -> bool:
        """Save the sequence used last that is not on disk yet; false where there is none. ``is_final`` before the engine closes."""
        for slot in sorted(self._cache.slots, key=lambda slot: -slot.used_at):
            if slot.is_busy or slot.is_shifted or self._offered.get(slot.id) == slot.used_at or not self._is_worth_it(slot):
                continue
            if self._archive.is_writing:
                return True
            if is_final or not self._is_covered(slot):
                self._offered[slot.id] = slot.used_at
                if not self._archive.holds(slot.tokens) and self._archive.takes(self._cache.size_of(slot)):
                    self._archive.save(slot.tokens, self._cache.export(slot), slot.owner)
                    return True
        return self._keep_one_parked(is_final)

    def _keep_one_parked(self, is_final: bool) -> bool:
        self._offered_parked.intersection_update(self._parking)
        for parked in self._parking:
            if parked in self._offered_parked or not self._is_worth_it(parked):
                continue
            if self._archive.is_writing:
                return True
            if is_final or not self._is_covered(parked):
                self._offered_parked.add(parked)
                if not self._archive.holds(parked.tokens) and self._archive.takes(len(parked.state)):
                    self._archive.save(parked.tokens, parked.state, parked.owner)
                    return True
        return False

    def _is_worth_it(self, held: Slot | Parked) -> bool:
        return bool(held.owner) and held.adapters == self._usual and len(held.tokens) >= WORTH_SAVING

    def _is_covered(self, held: Slot | Parked) -> bool:
        return self._archive.match(held.tokens)[1] >= _COVERED * len(held.tokens)
