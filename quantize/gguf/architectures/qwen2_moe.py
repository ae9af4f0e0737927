"""Qwen1.5 and Qwen2 with experts, one of which is always asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import refuse, write_dimensions
from quantize.gguf.architectures.experts import EXPERT_NAMES, convert_experts, write_expert_counts

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Qwen2MoeForCausalLM",)
NAME = "qwen2moe"
_LAYERS = {
    **EXPERT_NAMES,
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp",
    "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
}


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    if config.get("mlp_only_layers") or config.get("decoder_sparse_step", 1) != 1:
        raise refuse(config, "mlp_only_layers")
    if config.get("norm_topk_prob"):
        raise refuse(config, "norm_topk_prob")
    write_dimensions(writer, config)
    write_expert_counts(writer, config)
    writer.add_expert_feed_forward_length(int(config["moe_intermediate_size"]))
    writer.add_expert_shared_feed_forward_length(int(config["shared_expert_intermediate_size"]))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    # the gate of the shared expert is a matrix of one row, which llama.cpp wants as a vector
    flat = values.reshape(-1) if name.endswith("shared_expert_gate.weight") else values
    yield from convert_experts(name, flat, _LAYERS)
