"""What llama.cpp says it allocated: read from its log, the only place where it tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from backends.events import DeviceMemory
from models.gguf_header import read_header

_LINE = re.compile(r"\s(\S+?)(?:_Mapped|_REPACK|_Host)?\s+(model|KV|RS|compute|output) buffer size =\s+([\d.]+) MiB")
_MEBIBYTE = 1 << 20


def read_report(lines: Iterable[str]) -> tuple[DeviceMemory, ...]:
    """Weights, caches and compute buffers of each device, in the order of first mention; empty where nothing was told."""
    found: dict[str, list[int]] = {}
    for line in lines:
        match = _LINE.search(f" {line}")
        if match is None:
            continue
        parts = found.setdefault(match[1], [0, 0, 0])
        parts[{"model": 0, "KV": 1, "RS": 1}.get(match[2], 2)] += round(float(match[3]) * _MEBIBYTE)
    return tuple(DeviceMemory(device, *parts) for device, parts in found.items())


def add_projector(memory: Sequence[DeviceMemory], projector: str) -> tuple[DeviceMemory, ...]:
    """The same with the weights of a projector, of which the log says nothing: they lie on the first GPU, else on the processor."""
    if not projector or not memory:
        return tuple(memory)
    size = sum(tensor.byte_count for tensor in read_header(projector).tensors)
    place = next((index for index, part in enumerate(memory) if part.device != "CPU"), 0)
    return tuple(replace(part, weights=part.weights + size) if index == place else part for index, part in enumerate(memory))
