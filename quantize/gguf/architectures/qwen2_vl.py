"""The text models of Qwen2-VL and Qwen2.5-VL: Qwen2 whose positions turn in three parts: time, height and width."""

from __future__ import annotations

from typing import Any

from quantize.gguf.architectures.decoder import convert_as_it_stands as convert
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import write_dimensions
from quantize.gguf.architectures.rope import write_rope_sections

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration")
NAME = "qwen2vl"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config)
    write_rope_sections(writer, config)
