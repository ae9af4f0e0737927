"""Nomic's BERT: rotary positions and gated feed-forwards, in transformers' form and in that of its own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.bert import write_pooling
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import refuse, tensor_name
from quantize.gguf.architectures.rope import rope_settings

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("NomicBertModel",)
NAME = "nomic-bert"
_NAMES = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "emb_ln": "token_embd_norm",
}
_LAYERS = {
    "attn.Wqkv": "attn_qkv",
    "attn.out_proj": "attn_output",
    "norm1": "attn_output_norm",
    "norm2": "layer_output_norm",
    "mlp.fc11": "ffn_up",
    "mlp.fc12": "ffn_gate",
    "mlp.fc2": "ffn_down",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "attn_output_norm",
    "post_mlp_layernorm": "layer_output_norm",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_proj": "ffn_gate",
    "mlp.down_proj": "ffn_down",
}
_OWN = {
    "hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "intermediate_size": "n_inner",
    "layer_norm_eps": "layer_norm_epsilon", "rope_theta": "rotary_emb_base",
}  # fmt: skip


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    if config.get("moe_every_n_layers"):
        raise refuse(config, "moe_every_n_layers")
    config = {**config, **{ours: config[own] for ours, own in _OWN.items() if config.get(own) is not None}}
    # published with room for 8,192 positions, trained for 2,048
    writer.add_context_length(int(config.get("max_trained_positions") or config.get("max_position_embeddings") or 2048))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_layer_norm_eps(float(config["layer_norm_eps"]))
    writer.add_causal_attention(False)
    writer.add_rope_freq_base(rope_settings(config)["rope_theta"])
    writer.add_token_type_count(int(config.get("type_vocab_size") or 1))
    writer.add_vocab_size(int(config["vocab_size"]))
    write_pooling(writer, config)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes; a pooler is left out."""
    name = name.removeprefix("model.").removeprefix("bert.")
    if name.startswith(("pooler.", "cls.", "embeddings.position_ids")):
        return
    layers = "encoder.layers." if name.startswith("encoder.layers.") else "layers."
    target = tensor_name(name, _LAYERS, _NAMES, layers)
    if target:
        yield target, values
