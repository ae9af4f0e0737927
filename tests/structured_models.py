"""The starter in the clothes of other families: trained weights, turned and scaled so that each family computes its own function of them.

Every model has activation outliers as large models grow them: a few inputs of each norm are many times larger than the others, and the
weights that read them as much smaller. All of it is drawn by a seed, so that the same files come out wherever they are made.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from resources import resource_folder

STARTER = resource_folder() / "starter" / "checkpoint"
WIDTH, LAYERS, HEADS, SHARED, HEAD = 256, 5, 4, 2, 64
QKV = ("self_attn.q", "self_attn.k", "self_attn.v")
PAIRS = (("input_layernorm", QKV), ("post_attention_layernorm", ("mlp.gate", "mlp.up")))

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Dress:
    """A family: its ``config.json`` beside what all share, and how it is drawn. ``outliers`` inputs of a norm are ``factor`` larger."""

    settings: dict[str, Any]
    seed: int
    outliers: int = 8
    factor: float = 32.0


FAMILIES = {
    "qwen2": Dress({"architectures": ["Qwen2ForCausalLM"], "use_sliding_window": False}, 2, 6, 48.0),
    "qwen3": Dress({"architectures": ["Qwen3ForCausalLM"], "use_sliding_window": False}, 3, 12, 24.0),
    "gemma": Dress({"architectures": ["GemmaForCausalLM"], "hidden_activation": "silu"}, 4, 8, 40.0),
    "phi3": Dress(
        {"architectures": ["Phi3ForCausalLM"], "original_max_position_embeddings": 2048, "sliding_window": None}, 5, 10, 32.0
    ),
}


def make_structured(kind: str, folder: Path) -> Path:
    """Write a model: ``starter`` as it is, ``outliers`` with outliers, or one of :data:`FAMILIES`."""
    if kind == "starter":
        shutil.copytree(STARTER, folder)
        return folder
    if kind == "outliers":
        return add_outliers(STARTER, folder)
    dress = FAMILIES[kind]
    draw = torch.Generator().manual_seed(dress.seed)
    tensors = {name: values.float() for name, values in load_file(STARTER / "model.safetensors").items()}
    _turn(tensors, draw)
    _put_outliers(tensors, draw, dress.outliers, dress.factor)
    {"qwen2": _to_qwen2, "qwen3": _to_qwen3, "gemma": _to_gemma, "phi3": _to_phi3}[kind](tensors, draw)
    shutil.copytree(STARTER, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": kind, **dress.settings}), encoding="utf-8")
    stored = {name: values.bfloat16().contiguous() for name, values in tensors.items()}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def add_outliers(source: Path, folder: Path) -> Path:
    """The starter with eight inputs of each norm 32 times larger and their weights as much smaller: it computes the same."""
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    _put_outliers(tensors, torch.Generator().manual_seed(1), 8, 32.0)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _put_outliers(tensors: Tensors, draw: torch.Generator, count: int, size: float) -> None:
    for layer in range(LAYERS):
        stem = f"model.layers.{layer}."
        for norm, readers in PAIRS:
            factor = torch.ones(WIDTH)
            factor[torch.randperm(WIDTH, generator=draw)[:count]] = size
            for reader in readers:
                name = f"{stem}{reader}_proj.weight"
                tensors[name] = (tensors[name].float() / factor).to(tensors[name].dtype)
            tensors[f"{stem}{norm}.weight"] = (tensors[f"{stem}{norm}.weight"].float() * factor).to(
                tensors[f"{stem}{norm}.weight"].dtype
            )


def _turn(tensors: Tensors, draw: torch.Generator) -> None:
    """Turn the values of each head, and shuffle and scale the neurons of each MLP: other numbers, the same function."""
    for layer in range(LAYERS):
        attention, mlp = f"model.layers.{layer}.self_attn.", f"model.layers.{layer}.mlp."
        value, out = tensors[f"{attention}v_proj.weight"], tensors[f"{attention}o_proj.weight"]
        for head in range(SHARED):
            turn = torch.linalg.qr(torch.randn(HEAD, HEAD, generator=draw))[0]
            rows = slice(head * HEAD, (head + 1) * HEAD)
            value[rows] = turn @ value[rows]
            for reader in range(head * HEADS // SHARED, (head + 1) * HEADS // SHARED):
                columns = slice(reader * HEAD, (reader + 1) * HEAD)
                out[:, columns] = out[:, columns] @ turn.T
        count = tensors[f"{mlp}up_proj.weight"].shape[0]
        order, scale = torch.randperm(count, generator=draw), torch.exp(torch.randn(count, generator=draw) * 0.5)
        tensors[f"{mlp}gate_proj.weight"] = tensors[f"{mlp}gate_proj.weight"][order]
        tensors[f"{mlp}up_proj.weight"] = tensors[f"{mlp}up_proj.weight"][order] * scale.unsqueeze(1)
        tensors[f"{mlp}down_proj.weight"] = tensors[f"{mlp}down_proj.weight"][:, order] / scale


def _to_qwen2(tensors: Tensors, draw: torch.Generator) -> None:
    for layer in range(LAYERS):
        for name in QKV:
            stem = f"model.layers.{layer}.{name}_proj"
            tensors[f"{stem}.bias"] = torch.randn(tensors[f"{stem}.weight"].shape[0], generator=draw) * 0.05


def _to_qwen3(tensors: Tensors, _draw: torch.Generator) -> None:
    """Queries and keys get norms of about the size that they had on average: a head cannot be sure or unsure any more."""
    for layer in range(LAYERS):
        for name in ("q", "k"):
            attention = f"model.layers.{layer}.self_attn."
            inputs = tensors[f"model.layers.{layer}.input_layernorm.weight"]
            size = (tensors[f"{attention}{name}_proj.weight"] * inputs).square().sum(dim=1).mean().sqrt()
            tensors[f"{attention}{name}_norm.weight"] = torch.full((HEAD,), float(size))


def _to_gemma(tensors: Tensors, _draw: torch.Generator) -> None:
    """Its norms multiply by 1 + weight, and its embeddings by the root of the width: tied, they make logits as much smaller."""
    tensors["model.embed_tokens.weight"] /= WIDTH**0.5
    tensors["model.norm.weight"] *= WIDTH**0.5
    for name in tensors:
        if name.endswith("norm.weight"):
            tensors[name] = tensors[name] - 1


def _to_phi3(tensors: Tensors, _draw: torch.Generator) -> None:
    for layer in range(LAYERS):
        stem = f"model.layers.{layer}."
        for fused, parts in (("self_attn.qkv_proj", QKV), ("mlp.gate_up_proj", ("mlp.gate", "mlp.up"))):
            joined = torch.cat([tensors.pop(f"{stem}{part}_proj.weight") for part in parts])
            tensors[f"{stem}{fused}.weight"] = joined
