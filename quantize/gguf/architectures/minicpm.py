"""MiniCPM: a Llama whose embeddings, residuals and logits are scaled."""

from __future__ import annotations

import math
from typing import Any

from quantize.gguf.architectures.llama import convert, extra_tensors
from quantize.gguf.architectures.llama import write_settings as write_llama

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("MiniCPMForCausalLM",)
NAME = "minicpm"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_llama(writer, config)
    writer.add_embedding_scale(float(config["scale_emb"]))
    writer.add_residual_scale(float(config["scale_depth"]) / math.sqrt(int(config["num_hidden_layers"])))
    writer.add_logit_scale(float(config["hidden_size"]) / float(config["dim_model_base"]))
