"""Llama 1 to 3, Mistral, Falcon 3 and InternLM 3: rotary rows reordered to llama.cpp's pairs, and stretched frequencies as a tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import head_size, interleave_queries_and_keys, tensor_name, write_dimensions
from quantize.gguf.architectures.rope import rope_tensors

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM", "InternLM3ForCausalLM")
NAME = "llama"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config, rope_part=1.0)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    target = tensor_name(name)
    if target:
        yield target, interleave_queries_and_keys(name, values, config)


def extra_tensors(config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """Frequency factors, where the positions are stretched."""
    return rope_tensors(config, head_size(config))
