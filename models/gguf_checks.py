"""Checks the metadata of a GGUF file for values with which llama.cpp does not fail but die."""

from __future__ import annotations

import math

from models.errors import DamagedModelFile
from models.gguf_header import ArrayPlace, GgufHeader
from models.gguf_types import FLOAT32, INT32, STRING, UINT32

_MOST_LAYERS = 512
_MOST_EXPERTS = 1024
_LARGEST = 1 << 24

_WITHOUT_ATTENTION = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "clip"})
"""Architectures whose layers may have no attention heads."""

_RANGES: dict[str, tuple[int, int]] = {
    "block_count": (1, _MOST_LAYERS),
    "context_length": (1, 1 << 30),
    "embedding_length": (1, _LARGEST),
    "vocab_size": (1, _LARGEST),
    "attention.key_length": (1, 1 << 16),
    "attention.value_length": (1, 1 << 16),
    "attention.key_length_swa": (1, 1 << 16),
    "attention.value_length_swa": (1, 1 << 16),
    "attention.sliding_window": (0, 1 << 31),
    "attention.q_lora_rank": (0, _LARGEST),
    "attention.kv_lora_rank": (0, _LARGEST),
    "rope.dimension_count": (0, 1 << 16),
    "rope.scaling.original_context_length": (0, 1 << 30),
    "expert_count": (0, _MOST_EXPERTS),
    "expert_used_count": (0, _MOST_EXPERTS),
    "expert_shared_count": (0, _MOST_EXPERTS),
    "expert_group_count": (0, _MOST_EXPERTS),
    "leading_dense_block_count": (0, _MOST_LAYERS),
    "nextn_predict_layers": (0, _MOST_LAYERS),
    "ssm.conv_kernel": (0, 1 << 16),
    "ssm.inner_size": (0, _LARGEST),
    "ssm.state_size": (0, _LARGEST),
    "ssm.time_step_rank": (0, _LARGEST),
    "ssm.group_count": (0, _LARGEST),
    "wkv.head_size": (1, 1 << 16),
}
_PER_LAYER = ("feed_forward_length", "attention.head_count", "attention.head_count_kv")


def check_metadata(header: GgufHeader) -> None:
    """Refuse numbers that no model can have.

    Raises:
        DamagedModelFile: with the number and the limit in plain words.
    """
    if not header.architecture:
        raise _damaged(header, "It does not say which architecture it has.")
    _check_floats(header)
    _check_ranges(header)
    if header.architecture != "clip":
        _check_heads(header)
        _check_experts(header)
        _check_layers(header)
    _check_vocabulary(header)


def _damaged(header: GgufHeader, reason: str) -> DamagedModelFile:
    return DamagedModelFile(file=header.path.name, reason=reason)


def _check_floats(header: GgufHeader) -> None:
    for key, value in header.metadata.items():
        if not isinstance(value, float):
            continue
        if not math.isfinite(value):
            raise _damaged(header, f"“{key}” is {value}, not a number.")
        if key.endswith("epsilon") and not 0 <= value <= 1:
            raise _damaged(header, f"“{key}” is {value:g}; it must lie between 0 and 1.")
        if key.endswith(("rope.freq_base", "rope.freq_base_swa")) and value <= 0:
            raise _damaged(header, f"“{key}” is {value:g}; it must be positive.")
        if key.endswith(("rope.scaling.factor", "rope.scale_linear")) and value < 0:
            raise _damaged(header, f"“{key}” is {value:g}; it must not be negative.")


def _check_ranges(header: GgufHeader) -> None:
    name = header.architecture
    for key, (low, high) in _RANGES.items():
        value = header.metadata.get(f"{name}.{key}")
        if isinstance(value, int) and not low <= value <= high:
            raise _damaged(header, f"“{name}.{key}” is {value:,}; it must lie between {low:,} and {high:,}.")
    rope = header.of_architecture("rope.dimension_count")
    if rope % 2:
        raise _damaged(header, f"“{name}.rope.dimension_count” is {rope}; it must be even.")
    for key in _PER_LAYER:
        for value in header.per_layer(key, 1):
            if not 0 <= value <= _LARGEST:
                raise _damaged(header, f"“{name}.{key}” is {value:,}; it must lie between 0 and {_LARGEST:,}.")


def _check_heads(header: GgufHeader) -> None:
    name = header.architecture
    layers = header.of_architecture("block_count")
    heads = header.per_layer("attention.head_count", layers)
    pairs = header.per_layer("attention.head_count_kv", layers) or heads
    has_attention = name not in _WITHOUT_ATTENTION and f"{name}.attention.head_count" in header.metadata
    if has_attention and not any(heads):
        raise _damaged(header, f"“{name}.attention.head_count” is 0: a model without attention heads.")
    for key in _PER_LAYER:
        place = header.metadata.get(f"{name}.{key}")
        if isinstance(place, ArrayPlace) and place.count < layers:
            raise _damaged(header, f"“{name}.{key}” has {place.count} entries for {layers} layers.")
    for count, shared in zip(heads, pairs, strict=False):
        if count and shared and (shared > count or count % shared):
            raise _damaged(header, f"It claims {count} attention heads with {shared} key-value heads, which do not divide them.")
    width = header.of_architecture("embedding_length")
    uniform = set(heads)
    if has_attention and len(uniform) == 1 and f"{name}.attention.key_length" not in header.metadata and width % uniform.pop():
        raise _damaged(header, f"Its {heads[0]} attention heads do not divide the embedding length {width}.")


def _check_experts(header: GgufHeader) -> None:
    experts, used = header.of_architecture("expert_count"), header.of_architecture("expert_used_count")
    if used > experts or (experts and not used):
        raise _damaged(header, f"It claims to use {used} of {experts} experts.")


def _check_layers(header: GgufHeader) -> None:
    """More layers than the file has tensors for; a part of a split model may hold any, and layers that only guess may be left out."""
    if header.whole("split.count") > 1 or header.text("general.type", "model") != "model":
        return
    blocks = (tensor.name.split(".")[1] for tensor in header.tensors if tensor.name.startswith("blk."))
    numbers = {int(part) for part in blocks if part.isdecimal() and len(part) < 7}
    layers = header.of_architecture("block_count")
    guessing = header.of_architecture("nextn_predict_layers")
    if numbers and layers - guessing > max(numbers) + 1:
        raise _damaged(header, f"It claims {layers} layers but holds only {max(numbers) + 1}.")


def _check_vocabulary(header: GgufHeader) -> None:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if tokens is None:
        return
    if not isinstance(tokens, ArrayPlace) or tokens.element_type != STRING or not 1 <= tokens.count <= _LARGEST:
        raise _damaged(header, "Its vocabulary is not a list of texts.")
    for key, kinds in (("scores", (FLOAT32,)), ("token_type", (INT32, UINT32))):
        value = header.metadata.get(f"tokenizer.ggml.{key}")
        if value is None:
            continue
        if not isinstance(value, ArrayPlace) or value.element_type not in kinds or value.count != tokens.count:
            raise _damaged(header, f"The list “tokenizer.ggml.{key}” does not fit the vocabulary of {tokens.count:,} tokens.")
    for key in ("bos", "eos", "eot", "unknown", "padding"):
        number = header.whole(f"tokenizer.ggml.{key}_token_id", 0)
        if number >= tokens.count and number < 0xFFFF_FFFF:
            raise _damaged(header, f"Its {key} token is number {number:,} of {tokens.count:,}.")
