"""The form of a sequence's state outside of the engine: one for both layouts of a cache, in memory that goes back to the system."""

from __future__ import annotations

import contextlib
import mmap
import weakref
from typing import Any

_WORD = 4
"""Bytes of a number in a state: a mark, the sequence, how many caches the context has, and for each how many cells follow, and they."""


_MOST_SPARES, _LARGEST_SPARE = 4, 16 * 1024 * 1024
"""How many pieces of memory that nobody needs any more are kept for the next state of about that size, and bytes of one at most."""
_spares: list[mmap.mmap] = []


def take_memory(size: int) -> Any:
    """At least so many bytes as a numpy array, in pages of their own: states of many sizes that come and go would leave a heap full of
    gaps. Fresh pages cost six times as much as the copy that they are for, so those of a state that is gone are used again.

    Raises:
        MemoryError: there are none.
    """
    import numpy

    pages = _take_spare(size) or _make_pages(size)
    array = numpy.frombuffer(pages, numpy.uint8)
    # Whatever looks at the pages holds the array, so nobody does once it is gone.
    weakref.finalize(array, _keep_spare, pages).atexit = False
    return array


def _make_pages(size: int) -> mmap.mmap:
    try:
        if hasattr(mmap, "MAP_POPULATE"):  # all pages in one call instead of a fault for each
            return mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
        return mmap.mmap(-1, max(1, size))
    except OSError as error:
        raise MemoryError(f"no {size} bytes for a sequence") from error


def _take_spare(size: int) -> mmap.mmap | None:
    for pages in list(_spares):
        if size <= len(pages) <= size + size // 8:
            with contextlib.suppress(ValueError):  # it was let go meanwhile, by the thread that saves states
                _spares.remove(pages)
                return pages
    return None


def _keep_spare(pages: mmap.mmap) -> None:
    if len(pages) <= _LARGEST_SPARE:
        _spares.append(pages)
        del _spares[:-_MOST_SPARES]


def join_parts(buffer: Any, written: int, place: int, parts: int) -> memoryview:
    """What the engine wrote of the sequence in part ``place``, as if there were one cache; nothing is copied but the head."""
    import numpy

    first = _WORD * place  # the parts before it, and those after it, hold nothing
    head = numpy.array([*buffer[: 2 * _WORD].view(numpy.uint32), 1], numpy.uint32)
    buffer[first : first + 3 * _WORD] = head.view(numpy.uint8)
    return memoryview(buffer.data[first : written - _WORD * (parts - 1 - place)])


def split_parts(state: Any, parts: int) -> Any:
    """A state of one cache as the engine reads it where there are ``parts``; both are numpy arrays of bytes.

    Raises:
        MemoryError: there is no room for a copy.
    """
    import numpy

    count = numpy.array([parts], numpy.uint32).view(numpy.uint8)
    nothing = numpy.zeros(_WORD * (parts - 1), numpy.uint8)
    return numpy.concatenate((state[: 2 * _WORD], count, state[3 * _WORD :], nothing))
