"""MiniCPM-V 2.5, 2.6, 4.0 and 4.5: a SigLIP tower, and a resampler: learned questions that look at all patches once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.projectors.vision_tower import (
    image_settings,
    inside_tower,
    refuse_setting,
    text_width,
    tower_name,
    unknown_tensor,
    vision_settings,
    write_tower,
)

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("MiniCPMV",)
PROJECTOR = "resampler"
_VERSIONS = {
    "2.5": (2, "LlamaForCausalLM"), "2.6": (3, "Qwen2ForCausalLM"), "4.0": (5, "LlamaForCausalLM"), "4.5": (6, "Qwen3ForCausalLM"),
}  # fmt: skip
"""llama.cpp's number for each version, which decides the marks around pictures, and what its text model would be called alone."""
_TOWER = ("vpm.",)
_RESAMPLER_NAMES = {
    "kv_proj": "kv", "ln_q": "ln_q", "ln_kv": "ln_kv", "ln_post": "ln_post", "attn.out_proj": "attn.out",
}  # fmt: skip
_DEFAULTS = {"hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6}
_POSITIONS = 70
"""Positions a side that the tower knows; llama.cpp has the number as a constant."""
_HEAD = 128
"""The width of one of the resampler's heads, a constant of the authors' code and of llama.cpp."""


def text_model(config: dict[str, Any], name: str) -> str:
    """What the text model of a checkpoint with these settings would be called alone; ``name`` is the checkpoint's."""
    return _version(config, name)[1]


def write_settings(writer: Any, checkpoint: Checkpoint) -> None:
    """Metadata of the projector.

    Raises:
        QuantizationFailed: a version or a setting that llama.cpp cannot have.
    """
    number, _ = _version(checkpoint.config, checkpoint.folder.name)
    vision = {**_DEFAULTS, **vision_settings(checkpoint)}
    if int(vision["image_size"]) // int(vision["patch_size"]) != _POSITIONS:
        raise refuse_setting(checkpoint, "vision_config.image_size")
    if float(vision["layer_norm_eps"]) != 1e-6:  # one number for the tower and the resampler, which has this one
        raise refuse_setting(checkpoint, "vision_config.layer_norm_eps")
    if text_width(checkpoint) % _HEAD:
        raise refuse_setting(checkpoint, "hidden_size")
    # a picture is brought to this size, or cut into slices of it; the tower's own is that of its largest
    slice_side = int(image_settings(checkpoint).get("scale_resolution") or checkpoint.config.get("image_size") or 448)
    write_tower(writer, checkpoint, {**vision, "image_size": slice_side, "num_hidden_layers": _layers(checkpoint)})
    writer.add_int32("clip.minicpmv_version", number)
    writer.add_uint32("clip.minicpmv_query_num", checkpoint.shape("resampler.query")[0])


def convert(name: str, values: numpy.ndarray, checkpoint: Checkpoint) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    if inside := inside_tower(name, _TOWER):
        number = inside.removeprefix("encoder.layers.").partition(".")[0]
        if number.isdigit() and int(number) >= _layers(checkpoint):
            return
        if target := tower_name(inside, checkpoint.folder.name):
            yield target, values
        return
    inside = name.removeprefix("resampler.")
    stem, _, ending = inside.rpartition(".")
    if name == "resampler.query":
        yield "resampler.query", values
        # llama.cpp computes the positions of patches itself, but does not load a file without this
        yield "resampler.pos_embed_k", values[:1]
    elif name == "resampler.proj":
        yield "resampler.proj.weight", values.T
    elif inside.startswith("attn.in_proj_"):
        rows = values.shape[0] // 3
        for place, letter in enumerate("qkv"):
            yield f"resampler.attn.{letter}.{inside.removeprefix('attn.in_proj_')}", values[place * rows : (place + 1) * rows]
    elif name.startswith("resampler.") and stem in _RESAMPLER_NAMES:
        yield f"resampler.{_RESAMPLER_NAMES[stem]}.{ending}", values
    else:
        raise unknown_tensor(name, checkpoint.folder.name)


def kind(name: str, file_type: str) -> str:  # noqa: ARG001
    """The learned questions go through a norm first, which takes F32 alone."""
    return "F32" if name in ("resampler.query", "resampler.pos_embed_k") else ""


def _layers(checkpoint: Checkpoint) -> int:
    dropped = int(bool(checkpoint.config.get("drop_vision_last_layer")))
    return int(vision_settings(checkpoint)["num_hidden_layers"]) - dropped


def _version(config: dict[str, Any], name: str) -> tuple[int, str]:
    told = config.get("version")
    if told is None:  # 2.0 and 2.5 came before the setting; the older one has the narrower text model
        told = "2.0" if config.get("hidden_size") == 2304 else "2.5"
    try:
        version = f"{float(told):.1f}"
    except ValueError:
        version = str(told)
    if version not in _VERSIONS:
        reason = (
            f"It is MiniCPM-V {version}: here versions {', '.join(_VERSIONS)} are known, 2.0 sees with another kind of tower."
        )
        raise QuantizationFailed(file=name, reason=reason)
    return _VERSIONS[version]
