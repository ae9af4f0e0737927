"""InternLM 2: one matrix for queries, keys and values, group by group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import head_size, interleave, key_heads, tensor_name, write_dimensions
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("InternLM2ForCausalLM",)
NAME = "internlm2"
_LAYERS = {
    "attention.wo": "attn_output",
    "attention_norm": "attn_norm",
    "ffn_norm": "ffn_norm",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w2": "ffn_down",
    "feed_forward.w3": "ffn_up",
}
_NAMES = {"model.tok_embeddings": "token_embd", "model.norm": "output_norm", "output": "output"}


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config, rope_part=1.0)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if ".attention.wqkv." not in name:
        target = tensor_name(name, _LAYERS, _NAMES)
        if target:
            yield target, values
        return
    heads, groups, size = int(config["num_attention_heads"]), key_heads(config), head_size(config)
    queries = heads // groups
    parts = values.reshape(groups, queries + 2, size, *values.shape[1:])
    layer, ending = name.split(".")[2], name.rpartition(".")[2]
    rest = values.shape[1:]
    yield f"blk.{layer}.attn_q.{ending}", interleave(parts[:, :queries].reshape(heads * size, *rest), heads)
    yield f"blk.{layer}.attn_k.{ending}", interleave(parts[:, queries].reshape(groups * size, *rest), groups)
    yield f"blk.{layer}.attn_v.{ending}", parts[:, queries + 1].reshape(groups * size, *rest)
