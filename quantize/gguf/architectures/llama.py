"""Llama 1 to 3 and Mistral: rotary rows reordered to llama.cpp's pairs, and Llama 3's stretched frequencies as a tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import head_size, rope_settings, tensor_name, write_dimensions

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("LlamaForCausalLM", "MistralForCausalLM")
NAME = "llama"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config)
    writer.add_rope_dimension_count(head_size(config))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if ".self_attn.q_proj." in name:
        values = interleave(values, int(config["num_attention_heads"]))
    elif ".self_attn.k_proj." in name:
        values = interleave(values, int(config.get("num_key_value_heads") or config["num_attention_heads"]))
    target = tensor_name(name)
    if target:
        yield target, values


def interleave(values: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Rows of each head from halves (transformers) to pairs (llama.cpp); biases too."""
    rows = values.shape[0]
    return values.reshape(heads, 2, rows // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def extra_tensors(config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """Llama 3's frequency factors. Formula: transformers, ``_compute_llama3_parameters``."""
    import numpy

    rope = rope_settings(config)
    if rope["rope_type"] != "llama3":
        return
    size = head_size(config)
    frequencies = 1.0 / rope["rope_theta"] ** (numpy.arange(0, size, 2, dtype=numpy.float64) / size)
    factor, low, high = float(rope["factor"]), float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    old = float(rope["original_max_position_embeddings"])
    factors = []
    for frequency in frequencies.tolist():
        length = 2 * math.pi / frequency
        if length < old / high:
            factors.append(1.0)
        elif length > old / low:
            factors.append(factor)
        else:
            smooth = (old / length - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    yield "rope_freqs.weight", numpy.asarray(factors, dtype=numpy.float32)
