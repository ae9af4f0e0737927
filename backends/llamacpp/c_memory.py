"""numpy's arrays for C and C's for numpy, without what ctypes leaves in cycles.

``ctypes.cast`` ties what it is given to itself, and each length of an array is a type of its own, of some kilobytes. Both are found
only by a collection, and they make collections come more often.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any


def point_to(array: Any, kind: Any) -> Any:
    """A pointer of the C type ``kind`` to a numpy array's first number. It does not keep the array: hold that for as long as C reads."""
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))  # from a number, which nothing can be tied to


class _Place:
    """Where floats of C lie, as numpy asks for it."""

    __slots__ = ("__array_interface__",)

    def __init__(self, address: int, shape: tuple[int, ...]) -> None:
        self.__array_interface__ = {"data": (address, False), "shape": shape, "typestr": "<f4", "version": 3}


def floats_at(pointer: Any, *shape: int) -> Any:
    """C's floats behind a pointer that is not NULL, as a numpy array (float32, ``shape``) that is valid for as long as they are."""
    import numpy

    address = ctypes.addressof(pointer.contents)
    if len(shape) == 1:  # a row of logits, before every first word: a third of the time
        return numpy.frombuffer(_row_of(shape[0]).from_address(address), numpy.float32)
    return numpy.asarray(_Place(address, shape))


@functools.lru_cache(maxsize=8)
def _row_of(length: int) -> Any:
    """The type of a row; there are as many lengths as vocabularies."""
    return ctypes.c_float * length
