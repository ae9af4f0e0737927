"""Qwen2: as it stands, with biases on queries, keys and values."""

from __future__ import annotations

from quantize.gguf.architectures.decoder import convert_as_it_stands as convert
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import write_dimensions as write_settings

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Qwen2ForCausalLM",)
NAME = "qwen2"
