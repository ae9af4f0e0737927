"""StableLM: layer norms with biases, a part of each head turns; the 12B adds norms head by head and a parallel feed-forward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, tensor_name, write_dimensions
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.rope import rope_settings

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("StableLmForCausalLM", "StableLMEpochForCausalLM")
NAME = "stablelm"
_LAYERS = {
    **LAYER_NAMES,
    "self_attn.q_layernorm.norms": "attn_q_norm",
    "self_attn.k_layernorm.norms": "attn_k_norm",
}


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    config = {**config, "layer_norm_eps": config.get("layer_norm_eps", config.get("norm_eps", 1e-5))}
    part = config.get("partial_rotary_factor") or rope_settings(config).get("partial_rotary_factor") or config.get("rope_pct")
    write_dimensions(writer, config, rope_part=float(part or 0.25))
    writer.add_parallel_residual(bool(config.get("use_parallel_residual", True)))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    target = tensor_name(name, _LAYERS)
    if target:
        yield target, values
