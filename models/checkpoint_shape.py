"""What decides the memory of a safetensors checkpoint (plain, AWQ, GPTQ), from its configuration and the heads of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from models.formats import SafetensorsTensor, read_json, read_safetensors_tensors
from models.memory_shape import LayerShape, MemoryShape

_LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks|block)\.(\d+)\.")
_EMBEDDINGS = ("embed_tokens", "wte", "wpe", "word_embeddings", "tok_embeddings", "embed_in", "position_embeddings")
_PROCESS_BYTES = 300 << 20
"""Python with torch and transformers on a processor, before a model is there."""
_UNPACKED_BYTES = 2
"""A packed matrix is unpacked in half precision, one at a time."""
_MOST_LAYERS = 100_000


def read_checkpoint_shape(folder: Path, files: Sequence[str]) -> MemoryShape:
    """The shape of a checkpoint on this disk.

    Raises:
        DamagedModelFile: the configuration or a file cannot be read.
    """
    tensors = [tensor for file in files for tensor in read_safetensors_tensors(Path(file))]
    return _make_shape(read_json(folder / "config.json"), tensors)


def guess_checkpoint_shape(config: dict[str, Any], weights: int) -> MemoryShape:
    """The shape of a checkpoint of which only ``config.json`` and the size of its files in bytes are known."""
    return _make_shape(config, (), weights)


def _make_shape(config: dict[str, Any], tensors: Sequence[SafetensorsTensor], total: int = 0) -> MemoryShape:
    thinker = config.get("thinker_config")  # of a model that speaks too: the part that writes
    inner = (thinker if isinstance(thinker, dict) else config).get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    count = min(_whole(text, "num_hidden_layers", "n_layer", "num_layers"), _MOST_LAYERS)
    width = _whole(text, "hidden_size", "n_embd")
    heads = _whole(text, "num_attention_heads", "n_head")
    used = _whole(text, "num_experts_per_tok")
    weights, embedding, output = _sort_weights(tensors, count)
    if total:
        vocabulary = _whole(text, "vocab_size")
        embedding = min(total, vocabulary * width * _UNPACKED_BYTES)
        weights = [(total - embedding) // max(count, 1)] * count
        output = total - embedding - sum(weights)
    keys, values = _cached_widths(text, width, heads)
    windows = _windows(text, count)
    names = {tensor.name for tensor in tensors}
    return MemoryShape(
        architecture=f"{text.get('model_type', '')} (safetensors)",
        layers=tuple(LayerShape(weights[layer], keys, values, 0, windows[layer]) for layer in range(count)),
        embedding_weights=embedding,
        output_weights=output,
        is_tied=bool(text.get("tie_word_embeddings")) or not any(name.startswith("lm_head") for name in names),
        vocabulary=_whole(text, "vocab_size"),
        width=width,
        query_width=heads * (_whole(text, "head_dim") or width // max(heads, 1)),
        heads=heads,
        feed_forward=(used * (_whole(text, "moe_intermediate_size") or 0) if used else 0)
        or _whole(text, "intermediate_size", "n_inner")
        or 4 * width,
        used_experts=used,
        trained_context=_whole(text, "max_position_embeddings", "n_positions"),
        kv_type="f32" if _type_name(config, text) == "float32" else "f16",
        process_bytes=_PROCESS_BYTES + _unpacked(tensors),
        engine="torch",
    )


def _sort_weights(tensors: Iterable[SafetensorsTensor], count: int) -> tuple[list[int], int, int]:
    """Bytes of each layer, of the embeddings, and of everything else."""
    weights, embedding, output = [0] * count, 0, 0
    for tensor in tensors:
        match = _LAYER.search(tensor.name)
        if match and int(match[1]) < count:
            weights[int(match[1])] += tensor.byte_count
        elif any(name in tensor.name for name in _EMBEDDINGS):
            embedding += tensor.byte_count
        else:
            output += tensor.byte_count
    return weights, embedding, output


def _cached_widths(text: dict[str, Any], width: int, heads: int) -> tuple[int, int]:
    """Numbers that are kept of each token in a layer: keys and values. With latent attention both are kept unfolded."""
    if _whole(text, "kv_lora_rank"):
        rope = _whole(text, "qk_rope_head_dim")
        return heads * (_whole(text, "qk_nope_head_dim") + rope), heads * _whole(text, "v_head_dim")
    pairs = _whole(text, "num_key_value_heads", "multi_query_group_num") or heads
    head = _whole(text, "head_dim", "kv_channels") or width // max(heads, 1)
    return pairs * head, pairs * head


def _windows(text: dict[str, Any], count: int) -> list[int]:
    window, kinds = _whole(text, "sliding_window"), text.get("layer_types")
    if not window or not isinstance(kinds, list) or len(kinds) < count:
        return [0] * count
    return [window if kinds[layer] == "sliding_attention" else 0 for layer in range(count)]


def _unpacked(tensors: Iterable[SafetensorsTensor]) -> int:
    """The largest matrix of a quantized checkpoint as it is multiplied with: eight 4-bit numbers lie in one word."""
    packed = [tensor.element_count for tensor in tensors if tensor.name.endswith(("qweight", "weight_packed"))]
    return max(packed, default=0) * 8 * _UNPACKED_BYTES


def _type_name(config: dict[str, Any], text: dict[str, Any]) -> str:
    named = (table.get(key) for table in (text, config) for key in ("dtype", "torch_dtype"))
    return str(next((name for name in named if name), "float16")).removeprefix("torch.")


def _whole(config: dict[str, Any], *names: str) -> int:
    """The first of these that is a number above zero and not absurd; 0 where none is."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40:
            return value
    return 0
