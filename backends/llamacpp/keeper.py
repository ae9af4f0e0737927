"""Brings what a context holds onto the disk, a sequence at a time, in moments in which nobody waits."""

from __future__ import annotations

from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.archive import WORTH_SAVING, Archive
from backends.llamacpp.kv_cache import KvCache, Slot

_COVERED = 0.75
"""A sequence of which so much is saved already is saved again only at the end: each time all of it is written."""


class Keeper:
    """Saves what belongs to somebody, was computed with the usual adapters, and is whole."""

    def __init__(self, archive: Archive, cache: KvCache, usual: AdapterSet) -> None:
        self._archive = archive
        self._cache = cache
        self._usual = usual
        self._offered: dict[int, int] = {}

    def keep_one(self, *, is_final: bool = False) -> bool:
        """Save the sequence used last that is not on disk yet; false where there is none. ``is_final`` before the engine closes."""
        for slot in sorted(self._cache.slots, key=lambda slot: -slot.used_at):
            if not self._is_worth_it(slot) or self._offered.get(slot.id) == slot.used_at:
                continue
            if self._archive.is_writing:
                return True
            if not is_final and self._archive.match(slot.tokens)[1] >= _COVERED * len(slot.tokens):
                continue
            self._offered[slot.id] = slot.used_at
            if not self._archive.holds(slot.tokens) and self._archive.takes(self._cache.size_of(slot)):
                self._archive.save(slot.tokens, self._cache.export(slot), slot.owner)
                return True
        return False

    def _is_worth_it(self, slot: Slot) -> bool:
        is_kept = bool(slot.owner) and not slot.is_busy and not slot.is_shifted
        return is_kept and slot.adapters == self._usual and len(slot.tokens) >= WORTH_SAVING
