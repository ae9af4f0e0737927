"""SmolLM3: a Llama of which every fourth layer has no positions."""

from __future__ import annotations

from typing import Any

from quantize.gguf.architectures.decoder import refuse
from quantize.gguf.architectures.llama import convert, extra_tensors
from quantize.gguf.architectures.llama import write_settings as write_llama

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("SmolLM3ForCausalLM",)
NAME = "smollm3"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture. llama.cpp knows only the published pattern of layers without positions."""
    pattern = config.get("no_rope_layers") or []
    if any(int(turns) != int((number + 1) % 4 != 0) for number, turns in enumerate(pattern)):
        raise refuse(config, "no_rope_layers")
    if config.get("use_sliding_window"):
        raise refuse(config, "use_sliding_window")
    write_llama(writer, config)
