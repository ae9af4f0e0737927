"""Tiny random models that see, of every family whose projector is known, made with transformers and saved as it saves them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from tests.tiny_vision import write_tokenizer

WIDTH = 64
MARKS = (
    "<bos>", "<image>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<img>", "</img>", "<IMG_CONTEXT>",
    "<fake_token_around_image>", "</image>", "<slice>", "</slice>", "<|image_slot|>", "<global-img>", "<end_of_utterance>", "\n\n",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)  # fmt: skip
TEXT: dict[str, Any] = {
    "hidden_size": WIDTH, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
TOWER: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
}  # fmt: skip
STATES: dict[str, Any] = {
    "linear_key_head_dim": 32, "linear_value_head_dim": 32, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "head_dim": 32,
    "num_hidden_layers": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5, "mrope_section": [3, 3, 2]},
}  # fmt: skip
"""What Qwen 3.5's text model has beside others."""
TURNED = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}


@dataclass(frozen=True, slots=True)
class Family:
    """``side`` pixels a side of a picture that is taken as it is; ``image`` is the id that stands for a picture's tokens.

    ``marks`` are what stands before and after a picture in llama.cpp's own prompt.
    """

    config: str
    model: str
    side: int
    marks: tuple[str, str] = ("", "")
    images: dict[str, Any] | None = None


FAMILIES = {
    "llava 1.5": Family("LlavaConfig", "LlavaForConditionalGeneration", 32),
    "llava 1.5, siglip": Family("LlavaConfig", "LlavaForConditionalGeneration", 32),
    "llava 1.6": Family("LlavaNextConfig", "LlavaNextForConditionalGeneration", 32),
    "idefics 3": Family("Idefics3Config", "Idefics3ForConditionalGeneration", 32, images={"size": {"longest_edge": 32}}),
    "smolvlm": Family("SmolVLMConfig", "SmolVLMForConditionalGeneration", 32, images={"size": {"longest_edge": 32}}),
    "qwen2-vl": Family("Qwen2VLConfig", "Qwen2VLForConditionalGeneration", 64, ("<|vision_start|>", "<|vision_end|>")),
    "qwen2.5-vl": Family("Qwen2_5_VLConfig", "Qwen2_5_VLForConditionalGeneration", 168, ("<|vision_start|>", "<|vision_end|>")),
    "qwen3-vl": Family("Qwen3VLConfig", "Qwen3VLForConditionalGeneration", 64, ("<|vision_start|>", "<|vision_end|>")),
    "qwen3.5": Family("Qwen3_5Config", "Qwen3_5ForConditionalGeneration", 64, ("<|vision_start|>", "<|vision_end|>")),
    "minicpm-v 4.6": Family("MiniCPMV4_6Config", "MiniCPMV4_6ForConditionalGeneration", 64, ("<image>", "</image>")),
    "internvl": Family("InternVLConfig", "InternVLForConditionalGeneration", 32, ("<img>", "</img>")),
}


def make_config(kind: str, rows: int) -> Any:
    """The configuration of a tiny model."""
    import transformers

    first = rows - len(MARKS)
    ids = {mark: first + number for number, mark in enumerate(MARKS)}
    text = {**TEXT, "vocab_size": rows, "bos_token_id": first, "eos_token_id": 2, "pad_token_id": 0}
    llama = transformers.LlamaConfig(**text)
    own = getattr(transformers, FAMILIES[kind].config)
    if kind.startswith("llava"):
        eyes = transformers.SiglipVisionConfig if "siglip" in kind else transformers.CLIPVisionConfig
        fields: dict[str, Any] = {"vision_config": eyes(**TOWER), "text_config": llama, "image_token_index": ids["<image>"]}
        if "siglip" in kind:
            fields["vision_feature_select_strategy"] = "full"
        if kind == "llava 1.6":
            fields["image_grid_pinpoints"] = [[32, 64], [64, 32], [64, 64]]
        return own(**fields)
    if kind in ("idefics 3", "smolvlm"):
        return own(
            vision_config=dict(TOWER), text_config={"model_type": "llama", **text}, scale_factor=2, image_token_id=ids["<image>"]
        )
    if kind == "minicpm-v 4.6":
        return own(
            vision_config={**TOWER, "image_size": 560}, image_token_id=ids["<|image_slot|>"], insert_layer_id=1, image_size=64,
            text_config={**text, **STATES},
        )  # fmt: skip
    if kind == "internvl":
        eyes_config = {**TOWER, "image_size": [32, 32], "patch_size": [8, 8], "layer_scale_init_value": 0.7}
        return own(
            vision_config=eyes_config, text_config={"model_type": "qwen2", **text}, image_token_id=ids["<IMG_CONTEXT>"],
            tie_word_embeddings=False, downsample_ratio=0.5,
        )  # fmt: skip
    named = {
        "image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"],
    }  # fmt: skip
    eyes_config = {
        "qwen2-vl": {"depth": 3, "embed_dim": 32, "hidden_size": WIDTH, "num_heads": 2, "mlp_ratio": 2, "patch_size": 8},
        "qwen2.5-vl": {
            "depth": 4, "hidden_size": 32, "out_hidden_size": WIDTH, "num_heads": 2, "intermediate_size": 48, "patch_size": 14,
            "fullatt_block_indexes": [1, 3], "window_size": 112,
        },
        "qwen3-vl": {
            "depth": 3, "hidden_size": 32, "out_hidden_size": WIDTH, "num_heads": 2, "intermediate_size": 48, "patch_size": 8,
            "num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1],
        },
        "qwen3.5": {
            "depth": 3, "hidden_size": 32, "out_hidden_size": WIDTH, "num_heads": 2, "intermediate_size": 48, "patch_size": 8,
            "num_position_embeddings": 16,
        },
    }[kind]  # fmt: skip
    if kind == "qwen3.5":
        return own(text_config={**text, **STATES}, vision_config=eyes_config, **named)
    # llama.cpp ends the process where the last layer takes features too
    text |= {"head_dim": 32, "num_hidden_layers": 3} if kind == "qwen3-vl" else {}
    turned = {**TURNED, "mrope_section": [6, 5, 5]} if kind == "qwen3-vl" else dict(TURNED)
    return own(text_config={**text, "rope_parameters": turned}, vision_config=eyes_config, **named)


def make_family(kind: str, folder: Path) -> Any:
    """Save a random model of a family; returns it in float32."""
    import torch
    import transformers

    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    rows = write_tokenizer(folder, MARKS)
    config = make_config(kind, rows)
    config._attn_implementation = "eager"
    model = getattr(transformers, FAMILIES[kind].model)(config).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "embed" in name or "pos" in name or "cls" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.5 / parameter[0].numel() ** 0.5)
    model.save_pretrained(folder)
    images = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **(FAMILIES[kind].images or {})}
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return model


def as_pixels(picture: numpy.ndarray) -> Any:
    """A picture (height, width, 3) of uint8 as processors with mean and deviation 0.5 prepare it."""
    import torch

    return torch.from_numpy(picture.astype(numpy.float32) / 127.5 - 1).permute(2, 0, 1)[None]


def as_patches(picture: numpy.ndarray, patch: int) -> tuple[Any, Any]:
    """A picture as Qwen's processors cut it: patches of two equal frames, four neighbours together; and its grid."""
    import torch

    pixels = as_pixels(picture)[0]
    high, wide = pixels.shape[1] // patch, pixels.shape[2] // patch
    frames = torch.stack([pixels, pixels]).reshape(1, 2, 3, high // 2, 2, patch, wide // 2, 2, patch)
    flat = frames.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(high * wide, -1)
    return flat, torch.tensor([[1, high, wide]])


def _in_one_row(picture: numpy.ndarray) -> Any:
    """The patches of a picture side by side, as MiniCPM-V's processor hands them on."""
    return as_pixels(picture)[0].unfold(1, 8, 8).permute(0, 3, 1, 2).reshape(1, 3, 8, -1)


def look(kind: str, model: Any, picture: numpy.ndarray) -> numpy.ndarray:
    """What transformers makes of a picture: (tokens, width), for Qwen3-VL followed by what goes to the first layers."""
    import torch

    inner = model.model
    deep: list[Any] = []
    with torch.no_grad():
        if kind.startswith("qwen"):
            given = inner.get_image_features(*as_patches(picture, model.config.vision_config.patch_size))
            found = torch.cat(list(given.pooler_output))
            deep = list(given.deepstack_features) if kind == "qwen3-vl" else []
            deep = [torch.cat(list(part)) if isinstance(part, (list, tuple)) else part for part in deep]
        elif kind == "minicpm-v 4.6":
            grid = torch.tensor([[picture.shape[0] // 8, picture.shape[1] // 8]])
            found = inner.get_image_features(_in_one_row(picture), target_sizes=grid).pooler_output
        elif kind == "llava 1.6":
            features = inner.vision_tower(as_pixels(picture), output_hidden_states=True).hidden_states[-2][:, 1:]
            found = inner.multi_modal_projector(features)
        elif kind in ("idefics 3", "smolvlm"):
            found = inner.get_image_features(as_pixels(picture)[None]).pooler_output
        else:
            found = inner.get_image_features(as_pixels(picture)).pooler_output
    if isinstance(found, (list, tuple)):
        found = torch.cat(list(found))
    return numpy.concatenate([numpy.asarray(part.reshape(-1, WIDTH)) for part in (found, *deep)], axis=1)


def read_logits(kind: str, model: Any, ids: list[int], picture: numpy.ndarray) -> numpy.ndarray:
    """What transformers expects after token ids in which the picture's tokens stand already."""
    import torch

    given: dict[str, Any] = {"input_ids": torch.tensor([ids])}
    if kind.startswith("qwen"):
        given["pixel_values"], given["image_grid_thw"] = as_patches(picture, model.config.vision_config.patch_size)
        given["mm_token_type_ids"] = (given["input_ids"] == model.config.image_token_id).int()
    elif kind == "minicpm-v 4.6":
        given["pixel_values"] = _in_one_row(picture)
        given["target_sizes"] = torch.tensor([[picture.shape[0] // 8, picture.shape[1] // 8]])
    else:
        given["pixel_values"] = as_pixels(picture)
    with torch.no_grad():
        return numpy.asarray(model(**given).logits[0, -1])
