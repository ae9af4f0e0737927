"""Four-bit numbers in 32-bit words, as AutoAWQ and compressed-tensors lay them, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Nibble i of a word of AutoAWQ's “gemm” layout holds column 8c + _ORDER[i].

https://github.com/casper-hansen/AutoAWQ/blob/main/awq/modules/linear/gemm.py
"""
_STRAIGHT = tuple(range(8))


def pack_nibbles(values: Tensor, *, order: tuple[int, ...] = _STRAIGHT) -> Tensor:
    """Values 0–15 (rows, columns) to int32 (rows, columns / 8): nibble i of word c is column 8c + order[i], lowest bits first."""
    rows, columns = values.shape
    pieces = values.to(torch.int64).reshape(rows, columns // 8, 8)[:, :, list(order)]
    words = torch.zeros(rows, columns // 8, dtype=torch.int64)
    for place in range(8):
        words |= pieces[:, :, place] << (4 * place)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def unpack_nibbles(words: Tensor, *, order: tuple[int, ...] = _STRAIGHT) -> Tensor:
    """The inverse of :func:`pack_nibbles`: int32 (rows, words) to uint8 (rows, 8 × words)."""
    rows, count = words.shape
    values = torch.empty(rows, count, 8, dtype=torch.uint8)
    for place, column in enumerate(order):
        # masked after the shift: the uppermost nibble makes a word negative
        values[:, :, column] = ((words >> (4 * place)) & 15).to(torch.uint8)
    return values.reshape(rows, count * 8)


def pack_autoawq(numbers: Tensor, zeros: Tensor, scales: Tensor) -> dict[str, Tensor]:
    """The three tensors of a Linear in AutoAWQ's “gemm” layout.

    ``numbers`` are 0–15 (out, in), ``zeros`` 0–15 (out, groups), ``scales`` (out, groups); weight = (number - zero) × scale.
    Returns qweight int32 (in, out / 8), qzeros int32 (groups, out / 8), scales float16 (groups, out).
    """
    return {
        "qweight": pack_nibbles(numbers.T, order=_ORDER).contiguous(),
        "qzeros": pack_nibbles(zeros.T, order=_ORDER).contiguous(),
        "scales": scales.T.to(torch.float16).contiguous(),
    }


def unpack_autoawq(qweight: Tensor, qzeros: Tensor, scales: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of :func:`pack_autoawq`: numbers, zeros and scales as that takes them."""
    numbers = unpack_nibbles(qweight, order=_ORDER).T.contiguous()
    return numbers, unpack_nibbles(qzeros, order=_ORDER).T.contiguous(), scales.T.contiguous()


def pack_compressed(numbers: Tensor, zeros: Tensor | None, scales: Tensor) -> dict[str, Tensor]:
    """The tensors of a Linear in compressed-tensors' “pack-quantized” layout; ``zeros`` None for a symmetric one.

    https://github.com/neuralmagic/compressed-tensors (compressors/quantized_compressors/pack_quantized.py): signed numbers are stored
    with 8 added, which is what ``numbers`` are already. weight_packed int32 (out, in / 8), weight_scale (out, groups),
    weight_zero_point int32 (out / 8, groups), weight_shape int64 (2,).
    """
    tensors = {
        "weight_packed": pack_nibbles(numbers).contiguous(),
        "weight_scale": scales.contiguous(),
        "weight_shape": torch.tensor(list(numbers.shape), dtype=torch.int64),
    }
    if zeros is not None:
        tensors["weight_zero_point"] = pack_nibbles(zeros.T).T.contiguous()
    return tensors


def unpack_compressed(packed: Tensor, scales: Tensor, zero_point: Tensor | None, shape: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of :func:`pack_compressed`; the zeros of a symmetric one are 8."""
    rows, columns = (int(extent) for extent in shape)
    numbers = unpack_nibbles(packed)[:rows, :columns].contiguous()
    if zero_point is None:
        return numbers, torch.full(scales.shape, 8, dtype=torch.uint8), scales
    return numbers, unpack_nibbles(zero_point.T.contiguous()).T[:rows].contiguous(), scales


def dequantize(numbers: Tensor, zeros: Tensor, scales: Tensor) -> Tensor:
    """(number - zero) × scale in float32, (out, in); zeros and scales are (out, groups)."""
    rows, columns = numbers.shape
    groups = scales.shape[1]
    values = numbers.reshape(rows, groups, columns // groups).float()
    values -= zeros.unsqueeze(-1).float()
    values *= scales.unsqueeze(-1).float()
    return values.reshape(rows, columns)
