"""Importance matrices in llama.cpp's format from before 2025-07 (``.dat``), in which many are published."""

from __future__ import annotations

import struct
from pathlib import Path

from models.errors import DamagedModelFile
from models.gguf_header import MAGIC
from quantize.gguf.matrix import Channel, ImportanceMatrix

_MOST_ENTRIES = 1 << 20
_LONGEST_NAME = 256


def is_legacy(path: Path) -> bool:
    """Whether a file could be of the old format: it is there, is no GGUF, and begins with a small number."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return False
    if len(start) < 8 or start[:4] == MAGIC:
        return False
    entries, length = struct.unpack("<ii", start)
    return bool(0 < entries < _MOST_ENTRIES and 0 < length <= _LONGEST_NAME)


def read_legacy(path: Path) -> ImportanceMatrix:
    """Read it: for each weight its name, how many windows were read, and means times that number.

    Raises:
        DamagedModelFile: it ends early or makes no sense.
    """
    import numpy

    data = path.read_bytes()
    channels: dict[str, Channel] = {}
    windows = 1
    try:
        (entries,) = struct.unpack_from("<i", data)
        offset = 4
        for _ in range(entries):
            (length,) = struct.unpack_from("<i", data, offset)
            name = data[offset + 4 : offset + 4 + length].decode("utf-8")
            calls, count = struct.unpack_from("<ii", data, offset + 4 + length)
            offset += 12 + length
            values = numpy.frombuffer(data, numpy.float32, count, offset).copy()
            offset += 4 * count
            channels[name] = Channel(values[None, :], numpy.array([max(1, calls)], numpy.int64))
            windows = max(windows, calls)
    except (struct.error, UnicodeDecodeError, ValueError):
        raise DamagedModelFile(file=path.name, reason="It is cut off or is no importance matrix.") from None
    if any(not numpy.isfinite(channel.sums).all() for channel in channels.values()):
        raise DamagedModelFile(file=path.name, reason="It holds values that are no numbers.")
    return ImportanceMatrix(channels, windows)
