"""Granite: a Llama with four factors."""

from __future__ import annotations

from typing import Any

from quantize.gguf.architectures.llama import convert, extra_tensors
from quantize.gguf.architectures.llama import write_settings as write_llama

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("GraniteForCausalLM",)
NAME = "granite"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_llama(writer, config)
    writer.add_attention_scale(float(config.get("attention_multiplier", 1.0)))
    writer.add_embedding_scale(float(config.get("embedding_multiplier", 1.0)))
    writer.add_residual_scale(float(config.get("residual_multiplier", 1.0)))
    writer.add_logit_scale(float(config.get("logits_scaling", 1.0)))
