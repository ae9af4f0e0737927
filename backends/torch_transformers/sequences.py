"""The sequences that the engine remembers: a request takes the one that holds the longest beginning of its prompt, or a copy."""

from __future__ import annotations

import itertools

from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.kv_cache import common_length
from backends.media_tokens import whole_beginning
from backends.torch_transformers.attention import KeyValues
from backends.torch_transformers.reply import Sequence

_WORTH_KEEPING = 32
"""Tokens after a common beginning for which a sequence is left as it is and its beginning copied."""


class Sequences:
    """Busy and idle ones; idle ones go, least recently used first, where there are more than ``most`` or ``budget`` tokens."""

    def __init__(self, most: int, budget: int) -> None:
        self.all: list[Sequence] = []
        self._most, self._budget = most, budget
        self._clock = itertools.count(1)

    def match(self, tokens: list[int], adapters: AdapterSet = ()) -> tuple[Sequence | None, int]:
        """The one with the longest beginning of ``tokens`` that these ``adapters`` computed, and its length.

        The last token is always read anew.
        """
        best, longest = None, 0
        for sequence in self.all:
            if sequence.is_shifted or sequence.adapters != adapters:
                continue
            common = whole_beginning(tokens, common_length(sequence.tokens, tokens, len(tokens) - 1))
            if common > longest or (common and common == longest and best is not None and best.is_busy and not sequence.is_busy):
                best, longest = sequence, common
        return best, longest

    def take(self, tokens: list[int], adapters: AdapterSet = (), *, fresh: bool = False) -> Sequence:
        """A busy sequence that holds as much of the beginning of ``tokens`` as any does; nothing where it is to be ``fresh``."""
        source, common = (None, 0) if fresh else self.match(tokens, adapters)
        if source is None:
            taken = Sequence()
            self.all.append(taken)
        elif source.is_busy or len(source.tokens) - common > _WORTH_KEEPING:
            taken = Sequence(tokens[:common], source.cache.copy_of(common))
            self.all.append(taken)
        else:
            taken = source
            taken.trim(common)
        taken.is_busy, taken.adapters = True, adapters
        taken.used_at = next(self._clock)
        self.make_room(len(tokens) - common)
        return taken

    def release(self, sequence: Sequence) -> None:
        """Nobody uses it at the moment; what was shifted is no beginning for anybody."""
        sequence.is_busy = False
        sequence.used_at = next(self._clock)
        if sequence.is_shifted or not sequence.tokens:
            self.all.remove(sequence)
        self.make_room(0)

    def make_room(self, coming: int) -> None:
        """Forget idle sequences until the rest and what is coming are within the limits, or none is left."""
        while len(self.all) > self._most or coming + sum(len(one.tokens) for one in self.all) > self._budget:
            if not self.evict_one():
                return

    def evict_one(self) -> bool:
        """Forget the idle sequence used least recently; false where there is none."""
        idle = [one for one in self.all if not one.is_busy]
        if not idle:
            return False
        self.all.remove(min(idle, key=lambda one: one.used_at))
        return True

    def forget(self, owner: str) -> None:
        """Keep nothing of an owner; what is busy belongs to nobody from now on."""
        for one in [one for one in self.all if one.owner == owner]:
            one.owner = ""
            if not one.is_busy:
                self.all.remove(one)

    def clear_all(self) -> None:
        """Forget every token; busy ones read again."""
        for one in self.all:
            one.tokens.clear()
            one.cache = KeyValues()
        self.all = [one for one in self.all if one.is_busy]

    @property
    def size_bytes(self) -> int:
        """What all buffers take."""
        return sum(one.cache.size_bytes for one in self.all)
