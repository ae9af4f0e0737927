"""LLaVA 1.5 and 1.6: a CLIP or SigLIP tower without its last layer, and two matrices.

With CLIP llama.cpp computes one token otherwise than transformers: it puts CLIP's token for the whole picture last and then leaves out
the first one, so that the top left patch is missing and the token for the whole picture stands at the end instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import (
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

CHECKPOINTS = ("LlavaForConditionalGeneration", "LlavaNextForConditionalGeneration")
PROJECTOR = "mlp"
_TOWER = ("model.vision_tower.vision_model.", "vision_tower.vision_model.", "model.vision_tower.", "vision_tower.")
_PROJECTOR = ("model.multi_modal_projector.", "multi_modal_projector.")
_NAMES = {"linear_1": "mm.0", "linear_2": "mm.2"}
_CLIP_LARGE = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336,
    "patch_size": 14, "layer_norm_eps": 1e-5, "hidden_act": "quick_gelu",
}  # fmt: skip
"""What the configurations of the published models leave out."""


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: it has another tower, or takes its features from elsewhere than llama.cpp does.
    """
    vision = vision_settings(checkpoint)
    family = str(vision.get("model_type", "clip_vision_model"))
    if family not in ("clip_vision_model", "siglip_vision_model"):
        reason = f"Its vision tower is a {family}; here LLaVA is known with CLIP and SigLIP."
        raise QuantizationFailed(file=checkpoint.folder.name, reason=reason)
    config = checkpoint.config
    is_clip = family == "clip_vision_model"
    if config.get("vision_feature_layer", -2) != -2:
        raise refuse_setting(checkpoint, "vision_feature_layer")
    if config.get("vision_feature_select_strategy", "default") != ("default" if is_clip else "full"):
        raise refuse_setting(checkpoint, "vision_feature_select_strategy")
    if config.get("projector_hidden_act", "gelu") != "gelu":
        raise refuse_setting(checkpoint, "projector_hidden_act")
    if config.get("multimodal_projector_bias") is False:
        raise refuse_setting(checkpoint, "multimodal_projector_bias")
    write_tower(writer, checkpoint, {**_CLIP_LARGE, **vision} if is_clip else vision)
    grid = config.get("image_grid_pinpoints")
    if grid and "LlavaNext" in str(config.get("architectures")):
        writer.add_array("clip.vision.image_grid_pinpoints", [int(side) for pair in grid for side in pair])
        writer.add_string("clip.vision.mm_patch_merge_type", "spatial_unpad")


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if inside := inside_tower(name, _TOWER):
        # features are taken before the last layer, where no norm follows; a norm in the file would be applied
        if not inside.startswith("post_layernorm.") and (target := tower_name(inside, checkpoint.folder.name)):
            yield target, _with_class_last(values, checkpoint) if target == "v.position_embd.weight" else values
        return
    if name in ("image_newline", "model.image_newline"):
        yield "v.image_newline", values
        return
    stem, _, ending = inside_tower(name, _PROJECTOR).rpartition(".")
    if stem not in _NAMES:
        raise unknown_tensor(name, checkpoint.folder.name)
    yield f"{_NAMES[stem]}.{ending}", values


def _with_class_last(values: numpy.ndarray, checkpoint: Checkpoint) -> numpy.ndarray:
    """Positions with that of the token for the whole picture last, where llama.cpp puts this token; SigLIP has none."""
    import numpy

    vision = {**_CLIP_LARGE, **vision_settings(checkpoint)}
    patches = (int(vision["image_size"]) // int(vision["patch_size"])) ** 2
    return numpy.concatenate([values[1:], values[:1]]) if values.shape[0] == patches + 1 else values
