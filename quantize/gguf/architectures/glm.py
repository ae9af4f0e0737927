"""GLM-4 of 2024 in transformers' own form (glm-4-9b-chat-hf), which llama.cpp calls chatglm."""

from __future__ import annotations

from typing import Any

from quantize.gguf.architectures.glm4 import convert, extra_tensors
from quantize.gguf.architectures.glm4 import write_settings as write_glm4

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("GlmForCausalLM",)
NAME = "chatglm"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_glm4(writer, config)
