"""Qwen3: as it stands, with norms on queries and keys."""

from __future__ import annotations

from quantize.gguf.architectures.decoder import convert_as_it_stands as convert
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import write_dimensions as write_settings

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Qwen3ForCausalLM",)
NAME = "qwen3"
