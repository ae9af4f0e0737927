"""What decoder architectures share: their dimensions in the metadata, and the names of their tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed

if TYPE_CHECKING:
    import numpy

_LAYER_NAMES = {
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
_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def head_size(config: dict[str, Any]) -> int:
    """Width of one attention head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def rope_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings, wherever this version of transformers wrote them."""
    inside = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = config.get("rope_theta", inside.get("rope_theta", 10000.0))
    return {**inside, "rope_theta": float(theta), "rope_type": inside.get("rope_type", inside.get("type", "default"))}


def write_dimensions(writer: Any, config: dict[str, Any]) -> None:
    """Write what llama.cpp must know of a decoder with rotary positions and RMS norms.

    Raises:
        QuantizationFailed: it scales its positions in a way that is not known here.
    """
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or config["num_attention_heads"]))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_vocab_size(int(config["vocab_size"]))
    rope = rope_settings(config)
    writer.add_rope_freq_base(rope["rope_theta"])
    kind = rope["rope_type"]
    if kind in ("linear", "yarn"):
        from gguf import RopeScalingType

        writer.add_rope_scaling_type(RopeScalingType.LINEAR if kind == "linear" else RopeScalingType.YARN)
        writer.add_rope_scaling_factor(float(rope["factor"]))
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
    elif kind not in ("default", "llama3"):
        raise QuantizationFailed(
            file=str(config.get("model_type")), reason=f"Its positions are scaled by “{kind}”, which is not known here."
        )


def tensor_name(name: str) -> str:
    """llama.cpp's name for a tensor of the checkpoint; empty for one that is computed anew at load.

    Raises:
        QuantizationFailed: there is no such tensor in this kind of model: half a model would be worse than none.
    """
    if name.endswith("rotary_emb.inv_freq"):
        return ""
    stem, _, ending = name.rpartition(".")
    if stem in _NAMES:
        return f"{_NAMES[stem]}.{ending}"
    parts = stem.split(".", 3)
    if parts[:2] == ["model", "layers"] and len(parts) == 4 and parts[2].isdigit() and parts[3] in _LAYER_NAMES:
        return f"blk.{parts[2]}.{_LAYER_NAMES[parts[3]]}.{ending}"
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
