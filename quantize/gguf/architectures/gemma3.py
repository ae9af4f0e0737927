"""Gemma 3, its text part: norms count from one, five of six layers look only so far back and turn at another rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import refuse, tensor_name, write_dimensions
from quantize.gguf.architectures.gemma2 import GEMMA_NAMES, check_scale

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Gemma3ForCausalLM", "Gemma3ForConditionalGeneration")
NAME = "gemma3"
_DEFAULTS = {
    "max_position_embeddings": 131072, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "rms_norm_eps": 1e-6,
    "rope_theta": 1_000_000.0,
}  # fmt: skip
"""What the configurations of the published models leave out."""
_PATTERN = 6


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    nested = (config.get("rope_parameters") or {}).get("full_attention")
    config = {**_DEFAULTS, **({"rope_theta": nested["rope_theta"]} if nested else {}), **config}
    if config.get("attn_logit_softcapping"):
        raise refuse(config, "attn_logit_softcapping")
    kinds = config.get("layer_types") or []
    if any((kind == "sliding_attention") == ((number + 1) % _PATTERN == 0) for number, kind in enumerate(kinds)):
        raise refuse(config, "layer_types")
    check_scale(config, 62)
    write_dimensions(writer, config)
    if config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(float(config["final_logit_softcapping"]))
    writer.add_sliding_window(int(config["sliding_window"]))
    local = (config.get("rope_parameters") or {}).get("sliding_attention", {}).get("rope_theta")
    writer.add_rope_freq_base_swa(float(local or config.get("rope_local_base_freq", 10000.0)))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    if name == "lm_head.weight":
        return
    yield tensor_name(name, GEMMA_NAMES), values + 1 if name.endswith("norm.weight") else values
