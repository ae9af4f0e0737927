"""What decoder architectures share: their dimensions in the metadata, and the names of their tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.gguf.architectures.rope import write_rope

if TYPE_CHECKING:
    import numpy

LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
LAYERS = "model.layers."


def head_size(config: dict[str, Any]) -> int:
    """Width of one attention head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def key_heads(config: dict[str, Any]) -> int:
    """Heads of keys and values."""
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def write_dimensions(writer: Any, config: dict[str, Any], *, rope_part: float = 0.0, value_size: int = 0) -> None:
    """Write what llama.cpp must know of a decoder with rotary positions.

    ``rope_part`` is the share of a head that turns, where it is told; ``value_size`` the width of a head of values, where it differs.

    Raises:
        QuantizationFailed: it scales its positions in a way that is not known here.
    """
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv(key_heads(config))
    if "rms_norm_eps" in config:
        writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    elif "layer_norm_eps" in config:
        writer.add_layer_norm_eps(float(config["layer_norm_eps"]))
    writer.add_key_length(head_size(config))
    writer.add_value_length(value_size or head_size(config))
    writer.add_vocab_size(int(config["vocab_size"]))
    if rope_part:
        writer.add_rope_dimension_count(int(rope_part * head_size(config)))
    write_rope(writer, config)


def tensor_name(
    name: str, layer_names: Mapping[str, str] = LAYER_NAMES, names: Mapping[str, str] = NAMES, layers: str = LAYERS
) -> str:
    """llama.cpp's name for a tensor of the checkpoint; empty for one that is computed anew at load.

    Raises:
        QuantizationFailed: there is no such tensor in this kind of model: half a model would be worse than none.
    """
    if name.endswith(("rotary_emb.inv_freq", "position_ids")):
        return ""
    stem, _, ending = name.rpartition(".")
    if ending not in ("weight", "bias"):  # experts of newer checkpoints have no ending
        stem, ending = name, "weight"
    if stem in names:
        return f"{names[stem]}.{ending}"
    number, _, inside = stem.removeprefix(layers).partition(".")
    if stem.startswith(layers) and number.isdigit() and inside in layer_names:
        return f"blk.{number}.{layer_names[inside]}.{ending}"
    raise QuantizationFailed(
        file=name, reason=f"The checkpoint holds the tensor “{name}”, which this kind of model does not have."
    )


def convert_as_it_stands(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """One tensor under llama.cpp's name, for architectures whose tensors need no reordering."""
    target = tensor_name(name)
    if target:
        yield target, values


def no_extra_tensors(config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """None, for architectures that have nothing beside the checkpoint's tensors."""
    yield from ()


def interleave(values: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Rows of each head from halves (transformers) to pairs (llama.cpp); biases too."""
    rows = values.shape[0]
    return values.reshape(heads, 2, rows // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def interleave_queries_and_keys(name: str, values: numpy.ndarray, config: dict[str, Any]) -> numpy.ndarray:
    """The tensor with its rows in pairs where it belongs to queries or keys, else as it is."""
    if ".self_attn.q_proj." in name:
        return interleave(values, int(config["num_attention_heads"]))
    if ".self_attn.k_proj." in name:
        return interleave(values, key_heads(config))
    return values


def refuse(config: dict[str, Any], setting: str) -> QuantizationFailed:
    """The error for a setting that llama.cpp has no place for."""
    return QuantizationFailed(
        file=str(config.get("model_type")),
        reason=f"Its setting {setting} has a value that llama.cpp's version of this model cannot have.",
    )
