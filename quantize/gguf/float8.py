"""FP8 weights of a checkpoint as float32: the numbers, and the scales that lie beside them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

SCALE_ENDINGS = ("_scale_inv", "_scale")
"""A scale has the name of its weight and one of these; both are factors, whatever the name says."""
UNUSED_ENDINGS = (".input_scale", ".activation_scale", ".k_scale", ".v_scale")
"""Scales of activations and caches, which a file of weights does not need."""


@cache
def decode_table(kind: str) -> numpy.ndarray:
    """The 256 values of ``F8_E4M3`` (no infinity, NaN at 0x7f) or ``F8_E5M2``, float32. Paper: https://arxiv.org/abs/2209.05433."""
    import numpy

    exponent_bits, mantissa_bits, bias = (4, 3, 7) if kind == "F8_E4M3" else (5, 2, 15)
    codes = numpy.arange(256)
    sign = numpy.where(codes >> 7, -1.0, 1.0)
    exponent = (codes >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = (codes & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    values = numpy.where(exponent == 0, mantissa * 2.0 ** (1 - bias), (1 + mantissa) * 2.0 ** (exponent.astype(float) - bias))
    if kind == "F8_E4M3":
        values[(codes & 0x7F) == 0x7F] = numpy.nan
    else:
        top = exponent == 31
        values[top] = numpy.where(mantissa[top] == 0, numpy.inf, numpy.nan)
    return (sign * values).astype(numpy.float32)


def apply_scale(values: numpy.ndarray, scale: numpy.ndarray) -> None:
    """Multiply in place: one factor, one for each row, or one for each block of rows and columns.

    Raises:
        ValueError: the scale fits neither way.
    """
    if scale.size == 1:
        values *= scale.reshape(())
        return
    if values.ndim != 2:
        raise ValueError("a scale of blocks needs a matrix")
    rows, columns = values.shape
    scale = scale.reshape(len(scale), -1)
    height, width = -(-rows // scale.shape[0]), -(-columns // scale.shape[1])
    if -(-rows // height) != scale.shape[0] or -(-columns // width) != scale.shape[1]:
        raise ValueError("the blocks of the scale do not cover the matrix")
    # The last block may be smaller than the others, of which all have one size: a power of two in every known checkpoint.
    if scale.shape[0] > 1 and rows % scale.shape[0]:
        height = 1 << (height - 1).bit_length()
    if scale.shape[1] > 1 and columns % scale.shape[1]:
        width = 1 << (width - 1).bit_length()
    for row in range(scale.shape[0]):
        for column in range(scale.shape[1]):
            values[row * height : (row + 1) * height, column * width : (column + 1) * width] *= scale[row, column]
