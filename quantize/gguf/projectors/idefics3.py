"""Idefics 3 and SmolVLM: a SigLIP tower, neighbouring patches laid side by side, one matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import (
    image_settings,
    inside_tower,
    tower_name,
    unknown_tensor,
    vision_settings,
    write_tower,
)
from quantize.gguf.projectors.vision_tower import no_special_kind as kind

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "PROJECTOR", "convert", "kind", "write_settings"]

CHECKPOINTS = ("Idefics3ForConditionalGeneration", "SmolVLMForConditionalGeneration")
PROJECTOR = "idefics3"
_TOWER = ("model.vision_model.", "vision_model.")
_DEFAULTS = {
    "hidden_size": 1152, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 16, "image_size": 224,
    "patch_size": 32, "layer_norm_eps": 1e-6,
}  # fmt: skip
"""What the configurations of the published models leave out."""


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector."""
    vision = {**_DEFAULTS, **vision_settings(checkpoint)}
    write_tower(writer, checkpoint, vision)
    writer.add_vision_projector_scale_factor(int(checkpoint.config.get("scale_factor", 2)))
    size = image_settings(checkpoint).get("size") or {}
    writer.add_vision_preproc_image_size(int(size.get("longest_edge") or vision["image_size"]))


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if inside := inside_tower(name, _TOWER):
        if target := tower_name(inside, checkpoint.folder.name):
            yield target, values
    elif name.endswith("connector.modality_projection.proj.weight"):
        yield "mm.model.fc.weight", values
    else:
        raise unknown_tensor(name, checkpoint.folder.name)
