"""GLM-4 (0414): half of each head turns, gates and values lie in one matrix, norms before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, tensor_name, write_dimensions
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.rope import rope_settings

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Glm4ForCausalLM",)
NAME = "glm4"
_LAYERS = {
    **LAYER_NAMES,
    "mlp.gate_up_proj": "ffn_up",
    "post_self_attn_layernorm": "post_attention_norm",
    "post_mlp_layernorm": "post_ffw_norm",
}


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    part = config.get("partial_rotary_factor") or rope_settings(config).get("partial_rotary_factor") or 0.5
    write_dimensions(writer, config, rope_part=float(part))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes. Its rows lie in pairs already."""
    target = tensor_name(name, _LAYERS)
    if target:
        yield target, values
