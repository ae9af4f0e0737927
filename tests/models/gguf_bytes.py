"""Writes GGUF files byte by byte, wrong ones too."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9

Value = tuple[int, object]
Tensor = tuple[str, Sequence[int], int, int]

LLAMA: dict[str, Value] = {
    "general.architecture": (STRING, "llama"),
    "general.name": (STRING, "Hand made"),
    "llama.block_count": (4, 1),
    "llama.context_length": (4, 2048),
    "llama.embedding_length": (4, 32),
    "llama.feed_forward_length": (4, 64),
    "llama.attention.head_count": (4, 4),
    "llama.attention.head_count_kv": (4, 2),
    "llama.attention.layer_norm_rms_epsilon": (6, 1e-5),
    "llama.rope.dimension_count": (4, 8),
    "tokenizer.ggml.model": (STRING, "gpt2"),
    "tokenizer.ggml.tokens": (ARRAY, (STRING, ["a", "b", "c"])),
    "tokenizer.ggml.token_type": (ARRAY, (5, [1, 1, 3])),
}
TENSORS: list[Tensor] = [("token_embd.weight", (32, 3), 0, 0), ("blk.0.attn_q.weight", (32, 32), 8, 384)]


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value_bytes(kind: int, value: object) -> bytes:
    if kind == STRING:
        return text(str(value))
    if kind == ARRAY:
        assert isinstance(value, tuple)
        element, items = value
        return struct.pack("<IQ", element, len(items)) + b"".join(value_bytes(element, item) for item in items)
    return struct.pack(SCALARS[kind], value)


def header_bytes(metadata: dict[str, Value], tensors: Sequence[Tensor], version: int = 3) -> bytes:
    parts = [b"GGUF", struct.pack("<IQQ", version, len(tensors), len(metadata))]
    parts += [text(key) + struct.pack("<I", kind) + value_bytes(kind, value) for key, (kind, value) in metadata.items()]
    for name, shape, kind, offset in tensors:
        parts.append(text(name) + struct.pack(f"<I{len(shape)}qIQ", len(shape), *shape, kind, offset))
    return b"".join(parts)


def write_gguf(
    path: Path,
    changes: dict[str, Value | None] | None = None,
    tensors: Sequence[Tensor] = TENSORS,
    *,
    version: int = 3,
    data: int = 8192,
) -> Path:
    """A small valid file, with ``changes`` to its metadata (None removes an entry)."""
    metadata = {key: value for key, value in {**LLAMA, **(changes or {})}.items() if value is not None}
    header = header_bytes(metadata, tensors, version)
    padding = -len(header) % 32
    path.write_bytes(header + b"\0" * (padding + data))
    return path
