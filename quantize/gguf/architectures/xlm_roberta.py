"""XLM-RoBERTa and RoBERTa: BERT whose learnt positions begin after the padding; embedders and rerankers such as BGE-M3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.bert import convert_encoder, write_encoder
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = (
    "XLMRobertaModel", "XLMRobertaForMaskedLM", "XLMRobertaForSequenceClassification", "RobertaModel", "RobertaForMaskedLM",
    "RobertaForSequenceClassification",
)  # fmt: skip
NAME = "bert"


def _unused(config: dict[str, Any]) -> int:
    padding = config.get("pad_token_id")
    return 2 if padding is None else int(padding) + 1


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_encoder(writer, config, unused_positions=_unused(config))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if name.endswith("embeddings.position_embeddings.weight"):
        values = values[_unused(config) :]
    yield from convert_encoder(name, values, config)
