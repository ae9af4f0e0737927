"""GPT-2: positions are learnt, weights lie transposed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import refuse, tensor_name

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("GPT2LMHeadModel",)
NAME = "gpt2"
_NAMES = {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "lm_head": "output",
}
_LAYERS = {
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
_TRANSPOSED = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    if config.get("activation_function", "gelu_new") not in ("gelu_new", "gelu_pytorch_tanh"):
        raise refuse(config, "activation_function")
    writer.add_context_length(int(config.get("n_positions") or config["n_ctx"]))
    writer.add_embedding_length(int(config["n_embd"]))
    writer.add_block_count(int(config["n_layer"]))
    writer.add_feed_forward_length(int(config.get("n_inner") or 4 * int(config["n_embd"])))
    writer.add_head_count(int(config["n_head"]))
    writer.add_layer_norm_eps(float(config["layer_norm_epsilon"]))
    writer.add_vocab_size(int(config["vocab_size"]))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes; some checkpoints leave the first word of the names out."""
    if not name.startswith(("transformer.", "lm_head.")):
        name = "transformer." + name
    if name.endswith((".attn.bias", ".attn.masked_bias")):  # the mask, which is no weight
        return
    yield tensor_name(name, _LAYERS, _NAMES, "transformer.h."), values.T if name.endswith(_TRANSPOSED) else values
