"""A 4-bit checkpoint back to float: one layer for a run that goes on, or the whole as an ordinary checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.torch_transformers.packing import dequantize, unpack_autoawq, unpack_compressed

if TYPE_CHECKING:
    from torch import Tensor

    from quantize.awq.network import Network

PACKED_ENDINGS = (".qweight", ".weight_packed")


def read_packed(tensors: dict[str, Tensor], stem: str) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers, zeros and scales of the Linear ``stem``, from tensors in either layout.

    Raises:
        KeyError: one of its tensors is missing.
    """
    if f"{stem}.qweight" in tensors:
        return unpack_autoawq(tensors[f"{stem}.qweight"], tensors[f"{stem}.qzeros"], tensors[f"{stem}.scales"])
    return unpack_compressed(
        tensors[f"{stem}.weight_packed"],
        tensors[f"{stem}.weight_scale"],
        tensors.get(f"{stem}.weight_zero_point"),
        tensors[f"{stem}.weight_shape"],
    )


def restore_layer(network: Network, index: int, path: Path) -> None:
    """Put a finished layer in memory with the values that its tensors stand for."""
    from safetensors.torch import load_file

    from quantize.awq.network import put_tensor

    tensors = load_file(path)
    for name, stored in network.names_of(index).items():
        if stored in tensors:
            put_tensor(network.layers[index], name, tensors[stored].float())
        else:
            stem = stored.removesuffix(".weight")
            put_tensor(network.layers[index], name, dequantize(*read_packed(tensors, stem)))
