"""Hashing and copying large files, with progress and without half results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from models.errors import ModelError, NotAModelFile

_BLOCK = 4 << 20

Progress = Callable[[int, int], bool]
"""Takes bytes done and bytes in all; a false answer cancels."""


def stamp_of(path: Path) -> tuple[int, int]:
    """Size and modification time in nanoseconds; zeros where there is nothing."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def hash_file(path: Path, done: int, total: int, on_progress: Progress | None) -> str:
    """The SHA-256 of a file. ``done`` bytes of ``total`` were read before it.

    Raises:
        NotAModelFile: it cannot be read.
        ModelError: it was cancelled.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                done += len(block)
                if on_progress is not None and not on_progress(done, total):
                    raise ModelError(model=path.name, reason="The verification was cancelled.")
    except OSError as error:
        raise NotAModelFile(file=path.name, reason=f"It cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def join_digests(digests: list[str]) -> str:
    """The hash of a model: of its one file, else of the hashes of its parts in order."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def copy_file(source: Path, target: Path, done: int, total: int, on_progress: Progress | None) -> int:
    """Copy under a temporary name and rename: half a model never looks like a whole one. Gives the bytes copied."""
    temporary = target.with_name(target.name + ".part")
    copied = 0
    try:
        with source.open("rb") as reader, temporary.open("wb") as writer:
            while block := reader.read(_BLOCK):
                writer.write(block)
                copied += len(block)
                if on_progress is not None and not on_progress(done + copied, total):
                    raise ModelError(model=source.name, reason="The import was cancelled.")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return copied
