"""What mixtures of experts share: the names of their tensors, fused ones cut apart, and how many experts there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, tensor_name

if TYPE_CHECKING:
    import numpy

EXPERT_NAMES = {
    **LAYER_NAMES,
    "mlp.gate": "ffn_gate_inp",
    "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
}
"""Experts in checkpoints are single matrices; :class:`~quantize.gguf.checkpoint.Checkpoint` gives them as one stack."""


def convert_experts(
    name: str, values: numpy.ndarray, layer_names: Mapping[str, str] = EXPERT_NAMES
) -> Iterator[tuple[str, numpy.ndarray]]:
    """One tensor under llama.cpp's name; gates and values that lie in one tensor (experts, 2 × width, inputs) become two."""
    if name.endswith(("experts.gate_up_proj", "experts.gate_up_proj.weight")):
        base = name.removesuffix(".weight").removesuffix("gate_up_proj")
        half = values.shape[1] // 2
        yield tensor_name(f"{base}gate_proj.weight", layer_names), values[:, :half]
        yield tensor_name(f"{base}up_proj.weight", layer_names), values[:, half:]
        return
    target = tensor_name(name, layer_names)
    if target:
        yield target, values


def write_expert_counts(writer: Any, config: dict[str, Any]) -> None:
    """Write how many experts there are, and how many work at a time."""
    count = config.get("num_local_experts") or config.get("num_experts") or config.get("n_routed_experts")
    if count:
        writer.add_expert_count(int(count))
        writer.add_expert_used_count(int(config["num_experts_per_tok"]))
