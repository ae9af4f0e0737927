"""The same file twice: found by hash, and kept once on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.card import ModelCard
from models.errors import ModelError
from models.file_work import hash_file

Way = Literal["reflink", "hard link"]
_FICLONE = 0x40049409
"""Linux: let two files share their blocks until one is written to. Source: include/uapi/linux/fs.h."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files of equal content that do not share their room yet; ``size`` is that of one, in bytes."""

    sha256: str
    size: int
    paths: tuple[str, ...]

    @property
    def spared(self) -> int:
        """Bytes that would be free if it were there once."""
        return self.size * (len(self.paths) - 1)


def find_duplicates(cards: Sequence[ModelCard], find_hash: Callable[[str], str]) -> list[Duplicate]:
    """Groups of equal files, the largest gain first. Only files of equal size are hashed. ``find_hash`` may raise OSError."""
    by_size: dict[int, dict[tuple[int, int], str]] = {}
    for card in cards:
        for name in card.files:
            with contextlib.suppress(OSError):
                status = Path(name).stat()
                by_size.setdefault(status.st_size, {}).setdefault((status.st_dev, status.st_ino), name)
    found: dict[tuple[int, str], list[str]] = {}
    for size, files in by_size.items():
        for name in files.values() if len(files) > 1 and size else ():
            with contextlib.suppress(OSError):
                found.setdefault((size, find_hash(name)), []).append(name)
    groups = [Duplicate(digest, size, tuple(sorted(paths))) for (size, digest), paths in found.items() if len(paths) > 1]
    return sorted(groups, key=lambda group: -group.spared)


def share_equal_files(cards: Sequence[ModelCard], own_folder: Path) -> int:
    """Let models in a folder that are there twice share their room; the bytes that became free. Reads every candidate.

    Raises:
        ModelError: the system refuses.
    """
    spared = 0
    for group in find_duplicates(cards, lambda name: hash_file(Path(name), 0, 0, None)):
        own = [path for path in group.paths if Path(path).is_relative_to(own_folder)]
        keep = next((path for path in group.paths if path not in own), group.paths[0])
        for path in own:
            if path != keep:
                share_room(Path(keep), Path(path))
                spared += group.size
    return spared


def share_room(keep: Path, other: Path) -> Way:
    """Let ``other`` take no room of its own: as a reflink where the file system can, else as a hard link. Contents must be equal.

    Raises:
        ModelError: they lie on different disks, or the system refuses; ``other`` is as it was.
    """
    temporary = other.with_name(other.name + ".part")
    try:
        if keep.stat().st_size != other.stat().st_size:
            raise ModelError(model=other.name, reason="The two files are not the same.")
        way = _link(keep, temporary)
        temporary.replace(other)
    except OSError as error:
        reason = f"It cannot share its room with {keep}: {error.strerror or error}."
        raise ModelError(model=other.name, reason=reason) from error
    finally:
        temporary.unlink(missing_ok=True)
    return way


def _link(keep: Path, temporary: Path) -> Way:
    temporary.unlink(missing_ok=True)
    try:
        import fcntl

        with keep.open("rb") as source, temporary.open("wb") as target:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        return "reflink"
    except (ImportError, OSError):
        temporary.unlink(missing_ok=True)
        os.link(keep, temporary)
        return "hard link"
