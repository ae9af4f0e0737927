"""BERT: an encoder for embeddings, or with a head of classes a judge of pairs (reranker)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import tensor_name

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "convert_encoder", "extra_tensors", "write_encoder", "write_settings"]

CHECKPOINTS = ("BertModel", "BertForMaskedLM", "BertForSequenceClassification")
NAME = "bert"
_LAYERS = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_NAMES = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "classifier.dense": "cls",
    "classifier.out_proj": "cls.output",
    "pooler.dense": "cls",
    "classifier": "cls.output",
}
_PREFIXES = ("bert.", "roberta.")
_DROPPED = ("cls.", "lm_head.", "embeddings.position_ids")


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_encoder(writer, config)


def write_encoder(writer: Any, config: dict[str, Any], *, unused_positions: int = 0) -> None:
    """Metadata of an encoder. ``unused_positions`` at the beginning of the learnt ones are cut off."""
    writer.add_context_length(int(config["max_position_embeddings"]) - unused_positions)
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_layer_norm_eps(float(config["layer_norm_eps"]))
    writer.add_causal_attention(False)
    writer.add_token_type_count(int(config.get("type_vocab_size") or 1))
    writer.add_vocab_size(int(config["vocab_size"]))
    write_pooling(writer, config)


def write_pooling(writer: Any, config: dict[str, Any]) -> None:
    """How the vectors of a text become one: as sentence-transformers' settings say, or ranked where the model judges."""
    import gguf

    if _is_judge(config):
        writer.add_pooling_type(gguf.PoolingType.RANK)
        labels = config.get("id2label") or {"0": "LABEL_0"}
        writer.add_classifier_output_labels([str(labels[key]) for key in sorted(labels, key=int)])
    elif config.get("_pooling"):
        writer.add_pooling_type(gguf.PoolingType[str(config["_pooling"])])


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    yield from convert_encoder(name, values, config)


def convert_encoder(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """As :func:`convert`; heads that guess hidden words, and poolers without a judge, are left out."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    if name.startswith(_DROPPED) or (name.startswith("pooler.") and not _is_judge(config)):
        return
    target = tensor_name(name, _LAYERS, _NAMES, "encoder.layer.")
    if target:
        yield target, values


def _is_judge(config: dict[str, Any]) -> bool:
    return str((config.get("architectures") or [""])[0]).endswith("ForSequenceClassification")
