"""Qwen2-VL and Qwen2.5-VL: a tower that turns positions in two dimensions, four neighbouring patches made one by two matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import (
    inside_tower,
    refuse_setting,
    split_fused,
    unknown_tensor,
    vision_settings,
    write_tower,
)
from quantize.gguf.projectors.vision_tower import no_special_kind as kind

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "PROJECTOR", "convert", "kind", "projector_type", "write_settings"]

CHECKPOINTS = ("Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration")
PROJECTOR = ""
"""Two of them: see :func:`projector_type`."""
_TOWER = ("model.visual.", "visual.")
_LAYER_NAMES = {
    "attn.qkv": "attn_qkv", "attn.proj": "attn_out", "norm1": "ln1", "norm2": "ln2", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
_NAMES = {"merger.ln_q": "v.post_ln", "merger.mlp.0": "mm.0", "merger.mlp.2": "mm.2"}
_SIDE = 560
"""Pixels a side of the picture that llama.cpp measures its buffers with."""
_WINDOW = 112
"""Pixels a side of a window of attention; llama.cpp knows no other."""


def projector_type(checkpoint: Checkpoint) -> str:
    """llama.cpp's name for the projector of this checkpoint."""
    return "qwen2.5vl_merger" if _is_newer(checkpoint) else "qwen2vl_merger"


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: its layers with full attention come at other distances than llama.cpp can have.
    """
    vision = vision_settings(checkpoint)
    if int(vision.get("temporal_patch_size", 2)) != 2:
        raise refuse_setting(checkpoint, "temporal_patch_size")
    if int(vision.get("spatial_merge_size", 2)) != 2:
        raise refuse_setting(checkpoint, "spatial_merge_size")
    shared = {
        "image_size": _SIDE, "patch_size": vision.get("patch_size", 14), "num_hidden_layers": vision.get("depth", 32),
        "num_attention_heads": vision.get("num_heads", 16), "layer_norm_eps": 1e-6,
    }  # fmt: skip
    if not _is_newer(checkpoint):
        width = int(vision.get("embed_dim", 1280))
        inside = int(width * float(vision.get("mlp_ratio", 4)))
        activation = vision.get("hidden_act", "quick_gelu")
        write_tower(writer, checkpoint, {**shared, "hidden_size": width, "intermediate_size": inside, "hidden_act": activation})
        return
    sizes = {"hidden_size": vision.get("hidden_size", 1280), "intermediate_size": vision.get("intermediate_size", 3420)}
    write_tower(writer, checkpoint, {**shared, **sizes, "hidden_act": vision.get("hidden_act", "silu")})
    full = [int(number) for number in vision.get("fullatt_block_indexes") or [7, 15, 23, 31]]
    step = full[0] + 1
    if full != list(range(full[0], int(shared["num_hidden_layers"]), step)):
        raise refuse_setting(checkpoint, "fullatt_block_indexes")
    if int(vision.get("window_size", _WINDOW)) != _WINDOW:
        raise refuse_setting(checkpoint, "window_size")
    writer.add_vision_n_wa_pattern(step)


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    inside = inside_tower(name, _TOWER)
    if inside == "patch_embed.proj.weight":
        yield from two_frames(values)
        return
    stem, _, ending = inside.rpartition(".")
    number, _, part = stem.removeprefix("blocks.").partition(".")
    if stem in _NAMES:
        yield f"{_NAMES[stem]}.{ending}", values
    elif stem.startswith("blocks.") and number.isdigit() and part in _LAYER_NAMES:
        target = f"v.blk.{number}.{_LAYER_NAMES[part]}.{ending}"
        if part == "attn.qkv":
            yield from split_fused(target, values)
        else:
            yield target, values
    else:
        raise unknown_tensor(name, checkpoint.folder.name)


def two_frames(values: numpy.ndarray) -> Iterator[tuple[str, numpy.ndarray]]:
    """The convolution over two frames of a film as one for each: a still picture is shown to both."""
    yield "v.patch_embd.weight", values[:, :, 0]
    yield "v.patch_embd.weight.1", values[:, :, 1]


def _is_newer(checkpoint: Checkpoint) -> bool:
    return "2_5" in str((checkpoint.config.get("architectures") or [""])[0])
