"""Weights in huge pages: a processor that walks through all of them for each token looks up 2 MB at once instead of 4 KB.

Most Linux systems give huge pages only to programs that ask ("madvise" in ``/sys/kernel/mm/transparent_hugepage/enabled``), for memory
that no file is mapped into; llama.cpp does not ask. Writing is 4 to 6 % faster with them, reading is not.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from backends.free_memory import free_memory
from backends.options import LoadOptions
from models.card import find_split_parts

_log = logging.getLogger(__name__)
_STATE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_MAPPINGS = Path("/proc/self/maps")
_MADV_HUGEPAGE = 14
_LEAST = 16 * 1024 * 1024
"""Bytes of a mapping from which on it is worth the call: thread stacks and what the C library sets aside are smaller."""
_LEAST_MODEL = 64 * 1024 * 1024
"""Bytes of a model from which on it is worth reading it into memory: a smaller one lies in the processor's caches for the most part."""
_ROOM = 2
"""A mapped file gives its memory back when others need it, what was read does not: there must be so many times as much."""


def is_better_mapped(path: str, options: LoadOptions, *, is_offloaded: bool, beside: int = 0) -> bool:
    """Whether a model's weights stay in the file, which is mapped, instead of being read: as the options wish, or what is better.

    ``is_offloaded`` where a GPU computes some of it; ``beside`` are bytes that are needed beside the weights.
    """
    if options.use_mmap is not None:
        return options.use_mmap
    # What is locked in memory is touched before anybody can ask for huge pages.
    if is_offloaded or options.use_mlock:
        return True
    return not is_worth_reading(sum(part.stat().st_size for part in find_split_parts(Path(path))), beside)


def is_worth_reading(size: int, beside: int = 0) -> bool:
    """Whether weights of so many bytes are better read into huge pages than mapped: there are such pages, and memory to spare.

    ``beside`` are bytes that are needed as well.
    """
    if size < _LEAST_MODEL or not are_given():
        return False
    return size * _ROOM + beside <= free_memory()


def are_given() -> bool:
    """Whether the kernel gives huge pages to a program that asks for them."""
    if sys.platform != "linux":
        return False
    try:
        return "[never]" not in _STATE.read_text(encoding="ascii")
    except (OSError, ValueError):
        return False


def ask_for_huge_pages() -> None:
    """Have the kernel back what this process has mapped, and not yet touched, with huge pages, where it gives them to who asks.

    Called between the allocation of a model's buffers and their filling. What a file is mapped into stays as it is. Never fails:
    without them everything computes, more slowly.
    """
    if not are_given():
        return
    with contextlib.suppress(OSError, AttributeError, ValueError):
        library = ctypes.CDLL(None, use_errno=True)
        for start, end in find_anonymous(_MAPPINGS.read_text(encoding="utf-8", errors="replace")):
            if library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_HUGEPAGE):
                _log.debug("no huge pages for %d MB: %s", (end - start) >> 20, os.strerror(ctypes.get_errno()))


def find_anonymous(mappings: str) -> Iterator[tuple[int, int]]:
    """First address, and the one after the last, of what is mapped to no file, private, writable and large; see maps in proc(5)."""
    for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0 *$", mappings, re.MULTILINE):
        if int(end, 16) - int(start, 16) >= _LEAST:
            yield int(start, 16), int(end, 16)
