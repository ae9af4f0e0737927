"""Gemma 3: a SigLIP tower, its patches averaged to fewer, one norm that counts from one, one matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import inside_tower, tower_name, unknown_tensor, vision_settings, write_tower

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("Gemma3ForConditionalGeneration",)
PROJECTOR = "gemma3"
_TOWER = ("model.vision_tower.vision_model.", "vision_tower.vision_model.", "model.vision_tower.", "vision_tower.")
_PROJECTOR = ("model.multi_modal_projector.", "multi_modal_projector.")
_NAMES = {"mm_input_projection_weight": "mm.input_projection.weight", "mm_soft_emb_norm.weight": "mm.soft_emb_norm.weight"}
_POOLING = 4
"""Patches a side that become one where the file does not say."""


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: its tokens for a picture are no square part of its patches.
    """
    vision = vision_settings(checkpoint)
    write_tower(writer, checkpoint, vision)
    patches = int(vision["image_size"]) // int(vision["patch_size"])
    side = math.isqrt(int(checkpoint.config.get("mm_tokens_per_image") or 256))
    if side == 0 or patches % side:
        reason = f"{patches} × {patches} patches of a picture cannot be averaged to {side} × {side}."
        raise QuantizationFailed(file=checkpoint.folder.name, reason=reason)
    if patches // side != _POOLING:
        writer.add_vision_projector_scale_factor(patches // side)


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if inside := inside_tower(name, _TOWER):
        if target := tower_name(inside, checkpoint.folder.name):
            yield target, values
        return
    target = _NAMES.get(inside_tower(name, _PROJECTOR), "")
    if not target:
        raise unknown_tensor(name, checkpoint.folder.name)
    yield target, values + 1 if target == "mm.soft_emb_norm.weight" else values


def kind(name: str, file_type: str) -> str:
    """llama.cpp transposes the one matrix of this projector, which it cannot do with blocks."""
    return "F16" if name == "mm.input_projection.weight" and file_type != "F32" else ""
