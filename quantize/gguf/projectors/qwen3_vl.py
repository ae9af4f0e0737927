"""Qwen3-VL and Qwen 3.5: learnt positions beside turned ones; in the former, features of inner layers go deep into the text model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.qwen2_vl import two_frames
from quantize.gguf.projectors.vision_tower import inside_tower, refuse_setting, unknown_tensor, vision_settings, write_tower
from quantize.gguf.projectors.vision_tower import no_special_kind as kind

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "PROJECTOR", "convert", "kind", "write_settings"]

CHECKPOINTS = ("Qwen3VLForConditionalGeneration", "Qwen3_5ForConditionalGeneration")
PROJECTOR = "qwen3vl_merger"
_TOWER = ("model.visual.", "visual.")
_LAYER_NAMES = {
    "attn.qkv": "attn_qkv", "attn.proj": "attn_out", "norm1": "ln1", "norm2": "ln2", "mlp.linear_fc1": "ffn_up",
    "mlp.linear_fc2": "ffn_down",
}  # fmt: skip
_NAMES = {
    "patch_embed.proj": "v.patch_embd", "pos_embed": "v.position_embd", "merger.norm": "v.post_ln", "merger.linear_fc1": "mm.0",
    "merger.linear_fc2": "mm.2",
}  # fmt: skip
_DEEP_NAMES = {"norm": "norm", "linear_fc1": "fc1", "linear_fc2": "fc2"}


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: it merges patches or frames in another way than llama.cpp.
    """
    vision = vision_settings(checkpoint)
    if int(vision.get("temporal_patch_size", 2)) != 2:
        raise refuse_setting(checkpoint, "temporal_patch_size")
    patch, layers = int(vision.get("patch_size", 16)), int(vision.get("depth", 27))
    side = math.isqrt(int(vision.get("num_position_embeddings", 2304)))
    settings = {
        "image_size": side * patch, "patch_size": patch, "num_hidden_layers": layers, "layer_norm_eps": 1e-6,
        "num_attention_heads": vision.get("num_heads", 16), "hidden_size": vision.get("hidden_size", 1152),
        "intermediate_size": vision.get("intermediate_size", 4304), "hidden_act": vision.get("hidden_act", "gelu_pytorch_tanh"),
    }  # fmt: skip
    write_tower(writer, checkpoint, settings)
    writer.add_vision_spatial_merge_size(int(vision.get("spatial_merge_size", 2)))
    deep = deep_layers(checkpoint)
    writer.add_vision_is_deepstack_layers([number in deep for number in range(layers)])


def deep_layers(checkpoint: Checkpoint) -> list[int]:
    """The layers of the tower whose features go to the first layers of the text model."""
    return [int(number) for number in vision_settings(checkpoint).get("deepstack_visual_indexes") or []]


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    inside = inside_tower(name, _TOWER)
    if inside == "patch_embed.proj.weight":
        yield from two_frames(values)
        return
    stem, _, ending = inside.rpartition(".")
    kind_of_part, _, rest = stem.partition(".")
    number, _, part = rest.partition(".")
    deep = deep_layers(checkpoint)
    if stem in _NAMES:
        yield f"{_NAMES[stem]}.{ending}", values
    elif kind_of_part == "blocks" and number.isdigit() and part in _LAYER_NAMES:
        yield f"v.blk.{number}.{_LAYER_NAMES[part]}.{ending}", values
    elif kind_of_part == "deepstack_merger_list" and number.isdigit() and int(number) < len(deep) and part in _DEEP_NAMES:
        yield f"v.deepstack.{deep[int(number)]}.{_DEEP_NAMES[part]}.{ending}", values
    else:
        raise unknown_tensor(name, checkpoint.folder.name)
