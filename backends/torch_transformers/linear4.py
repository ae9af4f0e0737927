"""A Linear with four-bit weights: torch's own products where they exist and prove right, else dequantized and multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from backends.torch_transformers.packing import dequantize

if TYPE_CHECKING:
    from torch import Tensor

_FEW_ROWS = 160
"""Rows up to which torch's product is faster than dequantizing once and multiplying (on a CPU with AVX-512 at 4864 × 896)."""
_NIBBLES_IN_BLOCK = 64
"""Outputs that the CPU's layout takes together where it has AVX-512."""
_INNER_TILES = 8
_CLOSE = 0.03
"""How far the product may be from the reference, of the largest value: both compute in bfloat16."""


class Linear4(torch.nn.Module):
    """y = x · Wᵀ + b with W = (number - zero) × scale in groups.

    ``numbers`` uint8 0–15 (out, in), ``zeros`` uint8 and ``scales`` (out, groups), ``bias`` (out,) or None.
    """

    def __init__(self, numbers: Tensor, zeros: Tensor, scales: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.out_features, self.in_features = numbers.shape
        self.group_size = self.in_features // scales.shape[1]
        self.compute_type = dtype
        self.bias = None if bias is None else torch.nn.Parameter(bias.to(dtype), requires_grad=False)
        self.kernel = ""
        self.nibbles: Any
        self.zeros: Any
        self.scales: Any
        self.packed: Any
        self.offsets: Any
        self.register_buffer("nibbles", numbers[:, 0::2] | (numbers[:, 1::2] << 4))
        self.register_buffer("zeros", zeros)
        self.register_buffer("scales", scales)
        self.register_buffer("packed", None)
        self.register_buffer("offsets", None)
        self._is_blocked = False

    def use_kernel(self) -> str:
        """Take torch's own product for the device this lies on, if there is one that gives the right result; its name, else empty."""
        if self.compute_type != torch.bfloat16:
            return ""
        device = self.nibbles.device.type
        try:
            packed, offsets = self._pack(device)
            if packed is None or not self._is_right(packed, offsets):
                return ""
        except (RuntimeError, NotImplementedError, AttributeError):
            return ""  # this build or device lacks it
        self.packed, self.offsets, self.kernel = packed, offsets, f"int4-{device}"
        self._is_blocked = device == "cpu" and self._unblocks()
        if self._is_blocked:  # the packed numbers serve both products
            self.nibbles = self.zeros = self.scales = None
        return self.kernel

    def forward(self, values: Tensor) -> Tensor:
        """(…, in) to (…, out)."""
        rows = values.reshape(-1, self.in_features)
        if self.packed is not None and rows.shape[0] <= _FEW_ROWS and rows.dtype == torch.bfloat16:
            output = self._multiply(rows, self.packed, self.offsets)
            if self.bias is not None:
                output = output + self.bias
        else:
            output = torch.nn.functional.linear(rows, self.weight_in(rows.dtype), self.bias)
        return output.reshape(*values.shape[:-1], self.out_features)

    def weight_in(self, dtype: torch.dtype) -> Tensor:
        """The weight (out, in), dequantized."""
        if self._is_blocked:
            blocks = self.packed.view(-1, self.in_features, _NIBBLES_IN_BLOCK // 2)
            numbers = torch.cat((blocks & 15, blocks >> 4), dim=2).transpose(1, 2).reshape(self.out_features, -1)
            groups = numbers.view(self.out_features, -1, self.group_size).to(dtype) - 8
            scales, shifts = self.offsets.to(dtype).permute(2, 1, 0).unsqueeze(-1)
            return groups.mul_(scales).add_(shifts).view(self.out_features, self.in_features)
        numbers = torch.stack((self.nibbles & 15, self.nibbles >> 4), dim=2).reshape(self.out_features, self.in_features)
        return dequantize(numbers, self.zeros, self.scales).to(dtype)

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return f"in={self.in_features}, out={self.out_features}, group={self.group_size}, kernel={self.kernel or 'dequantize'}"

    def _pack(self, device: str) -> tuple[Tensor | None, Tensor]:
        ops: Any = torch.ops.aten
        numbers = torch.stack((self.nibbles & 15, self.nibbles >> 4), dim=2).reshape(self.out_features, self.in_features)
        scales = self.scales.float().T
        offsets = torch.stack((scales, (8 - self.zeros.float().T) * scales), dim=2).to(torch.bfloat16).contiguous()
        if device == "cpu":
            if self.out_features % 16:
                return None, offsets
            return ops._convert_weight_to_int4pack_for_cpu(numbers.to(torch.int32), 1), offsets
        if self.in_features % (16 * _INNER_TILES) or self.out_features % 8:
            return None, offsets
        pairs = (numbers[:, 0::2] << 4) | numbers[:, 1::2]
        return ops._convert_weight_to_int4pack(pairs.contiguous(), _INNER_TILES), offsets

    def _multiply(self, rows: Tensor, packed: Tensor, offsets: Tensor) -> Tensor:
        ops: Any = torch.ops.aten
        if rows.device.type == "cpu":
            product: Tensor = ops._weight_int4pack_mm_for_cpu(rows, packed, self.group_size, offsets)
        else:
            product = ops._weight_int4pack_mm(rows, packed, self.group_size, offsets)
        return product

    def _is_right(self, packed: Tensor, offsets: Tensor) -> bool:
        draw = torch.Generator().manual_seed(1)
        rows = torch.randn(2, self.in_features, generator=draw).to(self.nibbles.device, torch.bfloat16)
        expected = rows.float() @ self.weight_in(torch.float32).T
        found = self._multiply(rows, packed, offsets).float()
        return bool((found - expected).abs().max() <= _CLOSE * expected.abs().max())

    def _unblocks(self) -> bool:
        """Whether the packed numbers lie as :meth:`weight_in` reads them, which the processor decides."""
        if self.out_features % _NIBBLES_IN_BLOCK:
            return False
        expected = self.weight_in(torch.float32)
        self._is_blocked = True
        found = self.weight_in(torch.float32)
        self._is_blocked = False
        return bool((found - expected).abs().max() <= _CLOSE * expected.abs().max())
