"""InternVL 2.5 and 3: a tower of its own with scaled layers, neighbouring patches laid side by side, a norm and two matrices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import (
    image_settings,
    inside_tower,
    refuse_setting,
    split_fused,
    unknown_tensor,
    vision_settings,
    write_tower,
)

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("InternVLForConditionalGeneration", "InternVLChatModel")
PROJECTOR = "internvl"
_TOWER = ("model.vision_tower.", "vision_tower.", "vision_model.")
_PROJECTOR = ("model.multi_modal_projector.", "multi_modal_projector.", "mlp1.")
_LAYER = re.compile(r"^encoder\.layers?\.(\d+)\.(.+?)(?:\.(weight|bias))?$")
_LAYER_NAMES = {
    "attention.q_proj": "attn_q", "attention.k_proj": "attn_k", "attention.v_proj": "attn_v", "attention.projection_layer": "attn_out",
    "attention.q_norm": "attn_q_norm", "attention.k_norm": "attn_k_norm", "layernorm_before": "ln1", "layernorm_after": "ln2",
    "lambda_1": "ls1", "lambda_2": "ls2", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
    "attn.qkv": "attn_qkv", "attn.proj": "attn_out", "attn.q_norm": "attn_q_norm", "attn.k_norm": "attn_k_norm", "norm1": "ln1",
    "norm2": "ln2", "ls1": "ls1", "ls2": "ls2",
}  # fmt: skip
"""transformers' names, then those of the authors' own code."""
_PROJECTOR_NAMES = {"layer_norm": "0", "linear_1": "1", "linear_2": "3", "0": "0", "1": "1", "3": "3"}


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: it merges patches in a way that llama.cpp does not have.
    """
    config = checkpoint.config
    vision = vision_settings(checkpoint)
    write_tower(writer, checkpoint, {"hidden_act": "gelu", **vision})
    ratio = float(config.get("downsample_ratio", 0.5))
    scale = round(1 / ratio)
    if abs(scale * ratio - 1) > 1e-6:
        raise refuse_setting(checkpoint, "downsample_ratio")
    if config.get("select_layer", config.get("vision_feature_layer", -1)) != -1:
        raise refuse_setting(checkpoint, "vision_feature_layer")
    writer.add_vision_projector_scale_factor(scale)
    images = image_settings(checkpoint)
    fewest = config.get("min_dynamic_patch") or images.get("min_patches")
    most = config.get("max_dynamic_patch") or images.get("max_patches")
    if fewest:
        writer.add_vision_preproc_min_tiles(int(fewest))
    if most:
        writer.add_vision_preproc_max_tiles(int(most))


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    inside = inside_tower(name, _TOWER)
    if found := _embedding(inside, values):
        yield found
        return
    if match := _LAYER.match(inside):
        number, part, ending = match[1], match[2], match[3] or "weight"
        if part not in _LAYER_NAMES:
            raise unknown_tensor(name, checkpoint.folder.name)
        target = f"v.blk.{number}.{_LAYER_NAMES[part]}.{ending}"
        if part == "attn.qkv":
            yield from split_fused(target, values)
        else:
            yield target, values
        return
    stem, _, ending = inside_tower(name, _PROJECTOR).rpartition(".")
    if stem not in _PROJECTOR_NAMES:
        raise unknown_tensor(name, checkpoint.folder.name)
    yield f"mm.model.mlp.{_PROJECTOR_NAMES[stem]}.{ending}", values


def _embedding(inside: str, values: numpy.ndarray) -> tuple[str, numpy.ndarray] | None:
    """What comes before the first layer."""
    import numpy

    if inside in ("embeddings.cls_token", "embeddings.class_embedding"):
        return "v.class_embd", values.reshape(-1)
    if inside in ("embeddings.position_embeddings", "embeddings.position_embedding"):
        # llama.cpp puts the token that stands for the whole picture last, transformers first: so does its position
        flat = values.reshape(values.shape[-2:])
        return "v.position_embd.weight", numpy.concatenate([flat[1:], flat[:1]])
    for start in ("embeddings.patch_embeddings.projection.", "embeddings.patch_embedding."):
        if inside.startswith(start):
            return f"v.patch_embd.{inside.removeprefix(start)}", values
    return None


def kind(name: str, file_type: str) -> str:  # noqa: ARG001
    """Scales of layers are vectors; nothing else is special."""
    return ""
