"""What tells one model from another without reading all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from models.card import find_split_parts

_EDGE = 1 << 20


def fingerprint(path: Path) -> str:
    """A hash of size, beginning and end: of a model's file or all its parts, of a folder's safetensors and JSON files."""
    digest = hashlib.sha256()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".safetensors", ".json"))
    else:
        files = find_split_parts(path)
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name if path.is_dir() else ''}:{size}\n".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_EDGE))
            if size > _EDGE:
                stream.seek(max(_EDGE, size - _EDGE))
                digest.update(stream.read())
    return digest.hexdigest()
