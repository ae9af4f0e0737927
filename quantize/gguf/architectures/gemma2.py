"""Gemma 2: norms count from one, logits are capped softly, every other layer looks only so far back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, head_size, refuse, tensor_name, write_dimensions
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Gemma2ForCausalLM",)
NAME = "gemma2"
GEMMA_NAMES = {
    **LAYER_NAMES,
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def check_scale(config: dict[str, Any], layers_of_27b: int) -> None:
    """llama.cpp knows the attention's scale only from the number of layers: refuse a model that has another.

    Raises:
        QuantizationFailed: it has another.
    """
    size = head_size(config)
    if int(config["num_hidden_layers"]) == layers_of_27b:
        size = int(config["hidden_size"]) // int(config["num_attention_heads"])
    if abs(float(config.get("query_pre_attn_scalar", size)) - size) > 1e-6:
        raise refuse(config, "query_pre_attn_scalar")


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    check_scale(config, 46)
    write_dimensions(writer, config)
    writer.add_attn_logit_softcapping(float(config["attn_logit_softcapping"]))
    writer.add_final_logit_softcapping(float(config["final_logit_softcapping"]))
    writer.add_sliding_window(int(config["sliding_window"]))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    if name != "lm_head.weight":  # always the embeddings
        yield tensor_name(name, GEMMA_NAMES), values + 1 if name.endswith("norm.weight") else values
