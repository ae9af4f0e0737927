"""RGB pixels as a PNG file (https://www.w3.org/TR/png-3/), for pages that a model looks at."""

from __future__ import annotations

import struct
import zlib


def encode_png(width: int, height: int, pixels: bytes) -> bytes:
    """Eight bits a channel, no alpha; ``pixels`` row after row."""
    rows = b"".join(b"\x00" + pixels[line * width * 3 : (line + 1) * width * 3] for line in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
