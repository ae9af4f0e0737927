"""MiniCPM-V 4.6: a SigLIP tower that makes four patches one after some layers, and again at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import (
    image_settings,
    inside_tower,
    refuse_setting,
    tower_name,
    unknown_tensor,
    vision_settings,
    write_tower,
)
from quantize.gguf.projectors.vision_tower import no_special_kind as kind

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "PROJECTOR", "convert", "kind", "write_settings"]

CHECKPOINTS = ("MiniCPMV4_6ForConditionalGeneration",)
PROJECTOR = "minicpmv4_6"
_TOWER = ("model.vision_tower.", "vision_tower.")
_MERGER = ("model.merger.mlp.0.", "merger.mlp.0.")
_INNER_NAMES = {
    "layer_norm1": "ln1", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out", "pre_norm": "ds_ln", "linear_1": "ds_ffn_up", "linear_2": "ds_ffn_down",
}  # fmt: skip
_OUTER_NAMES = {"pre_norm": "input_norm", "linear_1": "up", "linear_2": "down"}
_POSITIONS = 70
"""Positions a side that the tower knows; llama.cpp has the number as a constant."""
_MERGED = 4
"""Patches a side that become one token, in two steps."""


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: it merges patches in a way that llama.cpp does not have.
    """
    config, vision, images = checkpoint.config, vision_settings(checkpoint), image_settings(checkpoint)
    if int(vision["image_size"]) // int(vision["patch_size"]) != _POSITIONS:
        raise refuse_setting(checkpoint, "vision_config.image_size")
    for setting, known in (("merger_times", 1), ("merge_kernel_size", [2, 2]), ("downsample_mode", "16x")):
        if config.get(setting, known) not in (known, tuple(known) if isinstance(known, list) else known):
            raise refuse_setting(checkpoint, setting)
    if config.get("drop_vision_last_layer"):
        raise refuse_setting(checkpoint, "drop_vision_last_layer")
    # a picture is brought to this size, or cut into slices of it; the tower's own is that of its largest
    slice_side = int(images.get("scale_resolution") or config.get("image_size") or 448)
    write_tower(writer, checkpoint, {**vision, "image_size": slice_side})
    writer.add_vision_projector_scale_factor(_MERGED)
    writer.add_vision_wa_layer_indexes([int(config.get("insert_layer_id", vision.get("insert_layer_id", 6)))])


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    inside, merger = inside_tower(name, _TOWER), inside_tower(name, _MERGER)
    stem, _, ending = (inside.removeprefix("vit_merger.") or merger).rpartition(".")
    if inside.startswith("vit_merger.") and stem in _INNER_NAMES:
        yield f"v.vit_merger.{_INNER_NAMES[stem]}.{ending}", values
    elif merger and stem in _OUTER_NAMES:
        yield f"mm.{_OUTER_NAMES[stem]}.{ending}", values
    elif inside and (target := tower_name(inside, checkpoint.folder.name)):
        yield target, values
    elif not inside:
        raise unknown_tensor(name, checkpoint.folder.name)
