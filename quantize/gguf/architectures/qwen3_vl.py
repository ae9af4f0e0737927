"""The text model of Qwen3-VL: Qwen3 whose positions turn in three parts, and whose first layers take features of inner layers that see."""

from __future__ import annotations

from typing import Any

from quantize.gguf.architectures.decoder import convert_as_it_stands as convert
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import refuse, write_dimensions
from quantize.gguf.architectures.rope import write_rope_sections

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Qwen3VLForConditionalGeneration",)
NAME = "qwen3vl"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture.

    Raises:
        QuantizationFailed: every layer would take features of the tower: llama.cpp ends the process where the last one does.
    """
    deep = len((config.get("vision_config") or {}).get("deepstack_visual_indexes") or [])
    if deep >= int(config["num_hidden_layers"]):
        raise refuse(config, "deepstack_visual_indexes")
    write_dimensions(writer, config)
    write_rope_sections(writer, config)
    writer.add_num_deepstack_layers(deep)
