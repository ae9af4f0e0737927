"""Puts a text into the metadata of a GGUF that is there already: the file is copied once, its weights are not touched."""

from __future__ import annotations

import hashlib
import shutil
import struct
from pathlib import Path

from models.gguf_header import read_header
from models.gguf_parts import read_parts
from quantize.output import Output

_STRING = 8
_COUNTS = struct.Struct("<4sIQQ")
_CHUNK = 4 << 20


def put_text(path: Path, key: str, text: str) -> None:
    """Set ``key`` as the first entry of the metadata; one that was put there before is replaced.

    The text is lengthened with spaces so that the entry is a multiple of the alignment: everything after it moves as it lies.

    Raises:
        UserFacingError: the file is no GGUF, or the disk is full; the file stays as it was.
        ValueError: the key is there, but was not put there by this function; a bug.
    """
    header = read_header(path)
    entry = _entry(key, text)
    entry = _entry(key, text + " " * (-len(entry) % header.alignment))
    old = _entry(key, header.text(key)) if key in header.metadata else b""
    with path.open("rb") as source, Output(path, source=path.name) as output:
        magic, version, tensors, pairs = _COUNTS.unpack(source.read(_COUNTS.size))
        if source.read(len(old)) != old:
            raise ValueError(f"{key} is not the first entry")
        with output.path.open("wb") as made:
            made.write(_COUNTS.pack(magic, version, tensors, pairs + (0 if old else 1)))
            made.write(entry)
            shutil.copyfileobj(source, made, _CHUNK)
        output.keep()


def hash_weights(path: Path) -> str:
    """SHA-256 of the weights alone: the same whatever stands in the metadata."""
    digest = hashlib.sha256()
    for header in read_parts(path):
        for tensor in header.tensors:
            digest.update(f"{tensor.name} {tensor.type.name} {tensor.shape}\n".encode())
        with header.path.open("rb") as file:
            file.seek(header.data_offset)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _entry(key: str, value: str) -> bytes:
    name, data = key.encode("utf-8"), value.encode("utf-8")
    return struct.pack("<Q", len(name)) + name + struct.pack("<IQ", _STRING, len(data)) + data
