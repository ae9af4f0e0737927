"""Phi-3 and Phi-4: fused projections stay fused; long contexts have two lists of frequency factors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, head_size, tensor_name, write_dimensions
from quantize.gguf.architectures.rope import rope_settings, rope_tensors

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("Phi3ForCausalLM",)
NAME = "phi3"
_LAYERS = {**LAYER_NAMES, "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"}


def _part(config: dict[str, Any]) -> float:
    return float(config.get("partial_rotary_factor") or rope_settings(config).get("partial_rotary_factor") or 1.0)


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config, rope_part=_part(config))
    if rope_settings(config)["rope_type"] != "longrope":
        original = config.get("original_max_position_embeddings") or config["max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(int(original))
    # zero tells llama.cpp a Phi-4 from the older ones
    writer.add_sliding_window(int(config.get("sliding_window") or 0))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    target = tensor_name(name, _LAYERS)
    if target:
        yield target, values


def extra_tensors(config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """Frequency factors for short and for long texts."""
    return rope_tensors(config, int(_part(config) * head_size(config)))
