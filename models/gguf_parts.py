"""A model in one GGUF file or several parts, as one thing: its headers, size and hash."""

from __future__ import annotations

from pathlib import Path

from models.card import find_split_parts, split_stem
from models.errors import DamagedModelFile
from models.file_work import hash_file, join_digests
from models.gguf_header import GgufHeader, read_header


def first_part(path: Path) -> Path:
    """The file that stands for a model in parts; any other file as it is."""
    stem = split_stem(path.name)
    if stem is None:
        return path
    first = path.with_name(f"{stem[0]}-00001-of-{stem[1]:05d}.gguf")
    return first if first.is_file() else path


def read_parts(path: Path) -> list[GgufHeader]:
    """The headers of all parts, the first one's first.

    Raises:
        DamagedModelFile: a part is missing.
        UserFacingError: as for :func:`models.gguf_header.read_header`.
    """
    parts = find_split_parts(path)
    headers = [read_header(part) for part in parts]
    expected = headers[0].whole("split.count", 1)
    if expected > len(parts):
        reason = f"It is a part of a model in {expected} files, of which {len(parts)} are here."
        raise DamagedModelFile(file=path.name, reason=reason)
    return headers


def size_of_parts(path: Path) -> int:
    """Bytes of all parts."""
    return sum(part.stat().st_size for part in find_split_parts(path))


def hash_parts(path: Path) -> str:
    """The SHA-256 of the file; of a model in parts that of its parts' hashes in order.

    Raises:
        NotAModelFile: a part cannot be read.
    """
    return join_digests([hash_file(part, 0, 0, None) for part in find_split_parts(path)])
