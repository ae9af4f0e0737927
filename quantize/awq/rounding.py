"""Weights to four-bit numbers: the range of each group searched for, each weight rounded alone or with the error handed on.

A group's range is what loses least in the Linear's output (the clip search of AWQ, https://arxiv.org/abs/2306.00978): with
H = XᵀX over calibration tokens the loss of an error E in a group's columns is tr(E·H_gg·Eᵀ), whatever the number of tokens.
Handing errors on is GPTQ's rounding (https://arxiv.org/abs/2210.17323) with AWQ's scales and ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from backends.torch_transformers.packing import dequantize

if TYPE_CHECKING:
    from torch import Tensor

_MOST = 15
_SMALLEST_SCALE = 2.0**-20
"""Float16 still knows some digits of it; a group of zeros must not divide by zero."""
_SHRINKING = tuple(1 - 0.04 * step for step in range(13))
"""Shares of a group's range that are tried, 1 to 0.52."""
_DAMPING = 0.01
_BLOCK = 128


@dataclass(frozen=True, slots=True)
class Quantized:
    """One Linear: ``numbers`` uint8 (out, in), ``zeros`` uint8 and ``scales`` (out, groups) in the type they are stored in."""

    numbers: Tensor
    zeros: Tensor
    scales: Tensor

    def dequantize(self) -> Tensor:
        """Float32 (out, in)."""
        return dequantize(self.numbers, self.zeros, self.scales)


@dataclass(frozen=True, slots=True)
class Grid:
    """How a group is quantized: its size, whether zero lies in the middle, and the type that scales are stored in."""

    group_size: int
    is_symmetric: bool
    scale_type: torch.dtype

    def fit(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and zeros, float32, for ranges of any shape; the scale is rounded as it will be stored before anything uses it."""
        if self.is_symmetric:
            scales = torch.maximum(-low, high) / 7.5
        else:
            scales = (high - low) / _MOST
        scales = scales.clamp(min=_SMALLEST_SCALE).to(self.scale_type).float()
        if self.is_symmetric:
            return scales, torch.full_like(scales, 8.0)
        return scales, torch.round(-low / scales).clamp_(0, _MOST)


def quantize_values(values: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    """The numbers 0–15, as float, nearest to values; all three broadcast."""
    return torch.round(values / scales).add_(zeros).clamp_(0, _MOST)


def round_plainly(weight: Tensor, grid: Grid) -> Tensor:
    """What a weight (out, in) becomes by rounding to nearest within the full range of each group, as float32 (out, in)."""
    rows, columns = weight.shape
    groups = weight.reshape(rows, columns // grid.group_size, grid.group_size)
    low, high = _range(groups)
    scales, zeros = grid.fit(low, high)
    numbers = quantize_values(groups, scales, zeros)
    return numbers.sub_(zeros).mul_(scales).reshape(rows, columns)


def quantize_nearest(weight: Tensor, grid: Grid, gram: Tensor | None) -> Quantized:
    """Each weight to its nearest number; with ``gram`` (in, in) the range of each group is searched, without it is the whole."""
    rows, columns = weight.shape
    size = grid.group_size
    numbers = torch.empty(rows, columns, dtype=torch.uint8)
    all_scales = torch.empty(rows, columns // size)
    all_zeros = torch.empty(rows, columns // size, dtype=torch.uint8)
    for group in range(columns // size):
        part = slice(group * size, (group + 1) * size)
        values = weight[:, part]
        scales, zeros = find_range(values, grid, None if gram is None else gram[part, part])
        numbers[:, part] = quantize_values(values, scales, zeros).to(torch.uint8)
        all_scales[:, group], all_zeros[:, group] = scales[:, 0], zeros[:, 0].to(torch.uint8)
    return Quantized(numbers, all_zeros, all_scales.to(grid.scale_type))


def find_range(values: Tensor, grid: Grid, gram: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scales and zeros (out, 1) of one group (out, size) that lose least by ``gram`` (size, size)."""
    low, high = _range(values)
    scales, zeros = grid.fit(low, high)
    if gram is None:
        return scales, zeros
    best = torch.full((values.shape[0], 1), float("inf"))
    best_scales, best_zeros = scales, zeros
    for share in _SHRINKING:
        scales, zeros = grid.fit(low * share, high * share)
        error = quantize_values(values, scales, zeros).sub_(zeros).mul_(scales).sub_(values)
        loss = ((error @ gram) * error).sum(dim=1, keepdim=True)
        is_better = loss < best
        best = torch.where(is_better, loss, best)
        best_scales, best_zeros = torch.where(is_better, scales, best_scales), torch.where(is_better, zeros, best_zeros)
    return best_scales, best_zeros


def quantize_compensated(weight: Tensor, grid: Grid, gram: Tensor) -> Quantized | None:
    """Column by column, the error of each handed on to those after it; None where ``gram`` cannot be inverted."""
    factor = _factor(gram)
    if factor is None:
        return None
    rows, columns = weight.shape
    size, work = grid.group_size, weight.clone()
    numbers = torch.empty(rows, columns, dtype=torch.uint8)
    all_scales = torch.empty(rows, columns // size)
    all_zeros = torch.empty(rows, columns // size, dtype=torch.uint8)
    for start in range(0, columns, _BLOCK):
        end = min(start + _BLOCK, columns)
        block = work[:, start:end].T.contiguous()  # (columns, out), so that a column lies in one piece
        errors = torch.empty_like(block)
        for place in range(end - start):
            column = start + place
            if column % size == 0:
                group = slice(column, column + size)
                wide_scales, wide_zeros = find_range(block[place : place + size].T.contiguous(), grid, gram[group, group])
                scales, zeros = wide_scales[:, 0], wide_zeros[:, 0]
                all_scales[:, column // size], all_zeros[:, column // size] = scales, zeros.to(torch.uint8)
            chosen = quantize_values(block[place], scales, zeros)
            numbers[:, column] = chosen.to(torch.uint8)
            errors[place] = chosen.sub_(zeros).mul_(scales).sub_(block[place]).div_(-factor[column, column])
            block[place + 1 :].addr_(factor[column, column + 1 : end], errors[place], alpha=-1)
        work[:, end:].addmm_(errors.T, factor[start:end, end:], alpha=-1)
    return Quantized(numbers, all_zeros, all_scales.to(grid.scale_type))


def _range(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest of each group along the last axis, zero always between them."""
    return groups.amin(dim=-1, keepdim=True).clamp(max=0), groups.amax(dim=-1, keepdim=True).clamp(min=0)


def _factor(gram: Tensor) -> Tensor | None:
    """The upper Cholesky factor of the inverse of a damped Gram matrix; None where there is none."""
    mean = gram.diagonal().mean()
    if not torch.isfinite(mean) or mean <= 0:
        return None
    for damping in (_DAMPING, 10 * _DAMPING):
        damped = gram.clone()
        damped.diagonal().add_(damping * mean)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if int(failed):
            continue
        inverse = torch.cholesky_inverse(factor, out=damped)
        upper: Tensor
        upper, failed = torch.linalg.cholesky_ex(inverse, upper=True)
        if not int(failed) and bool(torch.isfinite(upper.diagonal()).all()):
            return upper
    return None
