"""What vision towers of CLIP's and SigLIP's shape share: their dimensions in the metadata, and the names of their tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.text_part import text_settings

if TYPE_CHECKING:
    import numpy

_LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
_NAMES = {
    "embeddings.patch_embedding": "patch_embd",
    "embeddings.position_embedding": "position_embd",
    "pre_layrnorm": "pre_ln",  # misspelt in transformers itself
    "post_layernorm": "post_ln",
}
_LAYERS = "encoder.layers."
_GELU = {"gelu": "gelu", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu", "quick_gelu": "quick", "silu": "silu"}


def vision_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """The settings of the part that sees."""
    return dict(checkpoint.config.get("vision_config") or {})


def text_width(checkpoint: Checkpoint) -> int:
    """The width of the text model's embeddings, which the projector must meet."""
    return int({**checkpoint.config, **text_settings(checkpoint.config)}["hidden_size"])


def image_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """How pictures are prepared, from ``preprocessor_config.json`` or the newer ``processor_config.json``."""
    newer = checkpoint.read_json("processor_config.json")
    return {**checkpoint.read_json("preprocessor_config.json"), **newer, **(newer.get("image_processor") or {})}


def write_tower(writer: Any, checkpoint: Checkpoint, vision: dict[str, Any]) -> None:
    """Write what llama.cpp must know of a vision tower: ``vision`` are its settings under SigLIP's names.

    Raises:
        QuantizationFailed: the checkpoint does not say how pictures are prepared, or has an activation that llama.cpp has not.
    """
    images, name = image_settings(checkpoint), checkpoint.folder.name
    mean, deviation = (images.get(f"image_{part}") or images.get(f"norm_{part}") for part in ("mean", "std"))
    if not isinstance(mean, list) or not isinstance(deviation, list) or len(mean) != 3 or len(deviation) != 3:
        reason = "Its preprocessor_config.json is missing or does not say how pictures are prepared (image_mean, image_std)."
        raise QuantizationFailed(file=name, reason=reason)
    writer.add_clip_has_vision_encoder(True)
    writer.add_vision_projection_dim(text_width(checkpoint))
    writer.add_vision_image_size(_side(vision["image_size"]))
    writer.add_vision_patch_size(_side(vision["patch_size"]))
    writer.add_vision_embedding_length(int(vision["hidden_size"]))
    writer.add_vision_feed_forward_length(int(vision["intermediate_size"]))
    writer.add_vision_block_count(int(vision["num_hidden_layers"]))
    writer.add_vision_head_count(int(vision["num_attention_heads"]))
    writer.add_vision_attention_layernorm_eps(float(vision.get("layer_norm_eps", 1e-6)))
    writer.add_vision_image_mean([float(value) for value in mean])
    writer.add_vision_image_std([float(value) for value in deviation])
    if vision["intermediate_size"] == vision["hidden_size"]:
        # llama.cpp takes square matrices of older files for swapped ones, and swaps them back
        reason = "Its vision tower is as wide inside its layers as between them, which llama.cpp reads the wrong way round."
        raise QuantizationFailed(file=name, reason=reason)
    write_activation(writer, name, str(vision.get("hidden_act", "gelu_pytorch_tanh")))


def _side(value: Any) -> int:
    """One side of a square that may be given as two."""
    return int(value[0]) if isinstance(value, list) else int(value)


def refuse_setting(checkpoint: Checkpoint, setting: str) -> QuantizationFailed:
    """The error for a setting that llama.cpp's version of this projector has no place for."""
    reason = f"Its setting {setting} has a value that llama.cpp's version of this model cannot have."
    return QuantizationFailed(file=checkpoint.folder.name, reason=reason)


def write_activation(writer: Any, name: str, activation: str) -> None:
    """Say which activation the tower has; ``name`` is the checkpoint's.

    Raises:
        QuantizationFailed: llama.cpp does not have it.
    """
    kind = _GELU.get(activation)
    if kind is None:
        raise QuantizationFailed(
            file=name, reason=f"Its vision tower computes with “{activation}”, which llama.cpp does not have."
        )
    if kind == "gelu":
        writer.add_vision_use_gelu(True)
    elif kind == "silu":
        writer.add_vision_use_silu(True)


def tower_name(name: str, checkpoint: str) -> str:
    """llama.cpp's name for a tensor of a tower, from its name inside the tower; empty for one that nothing reads.

    Raises:
        QuantizationFailed: there is no such tensor in a tower of this kind; ``checkpoint`` is named.
    """
    if name.startswith("head.") or name.endswith("position_ids"):
        return ""  # the pooled vector of a whole picture, which no model here uses
    if name == "embeddings.class_embedding":
        return "v.class_embd"
    stem, _, ending = name.rpartition(".")
    if stem in _NAMES:
        return f"v.{_NAMES[stem]}.{ending}"
    number, _, inside = stem.removeprefix(_LAYERS).partition(".")
    if stem.startswith(_LAYERS) and number.isdigit() and inside in _LAYER_NAMES:
        return f"v.blk.{number}.{_LAYER_NAMES[inside]}.{ending}"
    raise unknown_tensor(name, checkpoint)


def unknown_tensor(name: str, checkpoint: str) -> QuantizationFailed:
    """The error for a tensor that this kind of projector does not have: half of it would be worse than none."""
    reason = f"The checkpoint holds the tensor “{name}”, which this kind of model does not have."
    return QuantizationFailed(file=checkpoint, reason=reason)


def inside_tower(name: str, prefixes: tuple[str, ...]) -> str:
    """A tensor's name inside the tower; empty where it lies elsewhere. Versions of transformers nest the tower differently."""
    for prefix in prefixes:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return ""


def split_fused(name: str, values: numpy.ndarray) -> Iterator[tuple[str, numpy.ndarray]]:
    """Queries, keys and values that lie in one matrix or bias, under “attn_q”, “attn_k” and “attn_v” instead of “attn_qkv”."""
    rows = values.shape[0] // 3
    for number, letter in enumerate("qkv"):
        yield name.replace("attn_qkv", f"attn_{letter}"), values[number * rows : (number + 1) * rows]


def no_special_kind(name: str, file_type: str) -> str:  # noqa: ARG001
    """For projectors whose tensors may all be of the file's type."""
    return ""
