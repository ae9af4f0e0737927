"""Safetensors files of zeros, as small as tests need them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I32": 4, "I64": 8, "U8": 1, "F8_E4M3": 1}


def write_safetensors(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> Path:
    """Write tensors of these types and shapes."""
    header: dict[str, object] = {}
    end = 0
    for name, (kind, shape) in tensors.items():
        size = _BYTES[kind]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    return path
