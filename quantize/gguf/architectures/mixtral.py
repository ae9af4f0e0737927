"""Mixtral: a Llama with experts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, interleave_queries_and_keys
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.experts import EXPERT_NAMES, convert_experts, write_expert_counts
from quantize.gguf.architectures.llama import write_settings as write_llama

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("MixtralForCausalLM",)
NAME = "llama"
_LAYERS = {
    **LAYER_NAMES,
    **EXPERT_NAMES,
    "block_sparse_moe.gate": "ffn_gate_inp",
    "block_sparse_moe.experts.w1": "ffn_gate_exps",
    "block_sparse_moe.experts.w3": "ffn_up_exps",
    "block_sparse_moe.experts.w2": "ffn_down_exps",
}


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_llama(writer, config)
    write_expert_counts(writer, config)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    yield from convert_experts(name, interleave_queries_and_keys(name, values, config), _LAYERS)
