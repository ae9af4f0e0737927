"""The arrays of one llama_batch, made once: filling them costs microseconds a token."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Literal


class Batch:
    """Tokens of several sequences on their way into one decode. ``size`` is the most that it takes."""

    def __init__(self, api: Any, size: int, sequences: int) -> None:
        self.size = size
        self.count = 0
        self.cut = 0
        """Tokens that are computed in a decode of their own, before the others; 0 where one decode takes all."""
        self._tokens = (ctypes.c_int32 * size)()
        self._positions = (ctypes.c_int32 * size)()
        self._outputs = (ctypes.c_int8 * size)()
        self._counts = (ctypes.c_int32 * size)(*([1] * size))
        pointer = ctypes.POINTER(ctypes.c_int32)
        self._ids = [(ctypes.c_int32 * 1)(number) for number in range(sequences)]
        self._id_pointers = [ctypes.cast(cell, pointer) for cell in self._ids]
        self._sequences = (pointer * size)()
        # The same memory as numbers: a slice of a ctypes array is assigned number by number, one of these at once.
        self._token_numbers, self._position_numbers = _numbers(self._tokens, "i"), _numbers(self._positions, "i")
        self._output_numbers, self._sequence_numbers = _numbers(self._outputs, "b"), _numbers(self._sequences, "Q")
        self._id_places = [array("Q", (ctypes.addressof(cell),)) for cell in self._ids]
        self._make_struct = api.llama_batch
        self._struct = self._slice(0, 0)

    @property
    def room(self) -> int:
        """Tokens that may still be added."""
        return self.size - self.count

    def clear(self) -> None:
        """Start over."""
        self.count = self.cut = 0

    def add(self, sequence: int, start: int, tokens: Sequence[int], outputs: int) -> int:
        """Add tokens of a sequence from position ``start`` on; the last ``outputs`` of them give logits.

        Gives the row of the first token, by which its logits are found.
        """
        first, count = self.count, len(tokens)
        end = first + count
        if count == 1:  # a reply's next token: the way that is taken a thousand times
            self._tokens[first], self._positions[first], self._outputs[first] = tokens[0], start, outputs
            self._sequences[first] = self._id_pointers[sequence]
            self.count = end
            return first
        self._token_numbers[first:end] = array("i", tokens)
        self._position_numbers[first:end] = array("i", range(start, start + count))
        self._output_numbers[first:end] = array("b", bytes(count - outputs) + b"\1" * outputs)
        self._sequence_numbers[first:end] = self._id_places[sequence] * count
        self.count = end
        return first

    def go_on(self, row: int, token: int) -> None:
        """Put the token that follows into a row in the place of the one that is there."""
        self._tokens[row] = token
        self._positions[row] += 1

    def cut_here(self) -> None:
        """Compute what was added until now before the rest; none of it may give logits, and rows count from here on."""
        self.cut = self.count

    def compute(self, decode: Callable[[Any, Any], int], context: Any) -> int:
        """Decode what was added; what the last decode returned."""
        if not self.cut:
            return int(decode(context, self.as_struct()))
        result = int(decode(context, self._slice(0, self.cut)))
        return result or int(decode(context, self._slice(self.cut, self.count)))

    def _slice(self, first: int, end: int) -> Any:
        """The C struct of a part of what was added; valid until the next change."""
        counts, sequences = self._counts, self._sequences
        tokens, positions, numbers = (_point(array, first, ctypes.c_int32) for array in (self._tokens, self._positions, counts))
        ids, outputs = _point(sequences, first, ctypes.POINTER(ctypes.c_int32)), _point(self._outputs, first, ctypes.c_int8)
        return self._make_struct(end - first, tokens, None, positions, numbers, ids, outputs)

    def as_struct(self) -> Any:
        """The C struct of what was added; valid until the next change."""
        self._struct.n_tokens = self.count
        return self._struct


def _point(array: Any, first: int, kind: Any) -> Any:
    """A pointer to an element of an array of this kind."""
    return ctypes.cast(ctypes.byref(array, first * ctypes.sizeof(kind)), ctypes.POINTER(kind))


def _numbers(cells: Any, kind: Literal["i", "b", "Q"]) -> memoryview[int]:
    """A ctypes array's memory as numbers, by their letter in :mod:`struct`."""
    return memoryview(cells).cast("B").cast(kind)
