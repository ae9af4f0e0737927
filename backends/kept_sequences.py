"""The files in which engines keep what they have read: what their beginning says, and how they are removed with whose they are."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

MAGIC = b"YANMOKV2"
HEADER = struct.Struct("<8s32sQQ32s32s")
"""Magic, SHA-256 of all that follows it, tokens, bytes of state, SHA-256 of what computed them, tag of whose they are."""
SUFFIX = ".kv"


def make_tag(owner: str) -> bytes:
    """How a file says whose it is: 32 bytes."""
    return hashlib.sha256(owner.encode("utf-8", "replace")).digest()


def remove_kept(folder: Path, owner: str) -> int:
    """Remove every file of an owner; returns how many."""
    tag = make_tag(owner)
    return _remove(folder, lambda found: found == tag)


def remove_orphans(folder: Path, owners: Iterable[str]) -> int:
    """Remove every file that belongs to none of these owners, and whatever is no file of this kind; returns how many."""
    living = {make_tag(owner) for owner in owners}
    return _remove(folder, lambda found: found not in living)


def _remove(folder: Path, is_unwanted: Callable[[bytes | None], bool]) -> int:
    removed = 0
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            with path.open("rb") as file:
                head = file.read(HEADER.size)
            tag = HEADER.unpack(head)[5] if len(head) == HEADER.size and head.startswith(MAGIC) else None
            if is_unwanted(tag):
                path.unlink()
                removed += 1
    return removed
