"""A tiny model that sees, with random weights, made in about a second without torch: Gemma 3's shape, model and projector.

The same folder opens in transformers, so that both engines can be compared on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resources import resource_folder

SIDE, PATCH, PICTURE_TOKENS = 32, 8, 4
WIDTH, EYE_WIDTH, LAYERS, EYE_LAYERS = 64, 32, 2, 2
SPECIAL = ("<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>")
TEMPLATE = (
    "{{ bos_token }}{%- for message in messages -%}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] | trim }}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif part['type'] == 'text' -%}{{ part['text'] | trim }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{{ '<end_of_turn>\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"
)


@dataclass(frozen=True, slots=True)
class TinyVision:
    """The checkpoint folder, and the two GGUF files made of it (F32), side by side."""

    checkpoint: Path
    model: Path
    projector: Path


def make_tiny_vision(folder: Path, *, seed: int = 3, side: int = SIDE) -> TinyVision:
    """Write a checkpoint into ``folder``/checkpoint and convert it with the program's own converter, in this process.

    A picture takes ``PICTURE_TOKENS`` tokens between ``<start_of_image>`` and ``<end_of_image>``. Every text can be tokenized.
    """
    from quantize.gguf.convert import convert_here
    from quantize.gguf.convert_projector import convert_projector_here

    checkpoint = folder / "checkpoint"
    write_checkpoint(checkpoint, seed=seed, side=side)
    made = TinyVision(checkpoint, folder / "tiny-eyes-F32.gguf", folder / "mmproj-tiny-eyes-F32.gguf")
    convert_here(str(checkpoint), str(made.model), "F32", 0, lambda fraction, text: None)
    convert_projector_here(str(checkpoint), str(made.projector), "F32", lambda fraction, text: None)
    return made


def write_checkpoint(folder: Path, *, seed: int = 3, side: int = SIDE, **changes: Any) -> None:
    """A checkpoint as transformers saves Gemma3ForConditionalGeneration; ``changes`` go into ``config.json``."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rows = write_tokenizer(folder)
    save_file(random_tensors(rows, seed, side), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**make_config(rows, side), **changes}))
    images = {
        "image_processor_type": "Gemma3ImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2,
        "size": {"height": side, "width": side}, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
        "do_resize": True, "rescale_factor": 1 / 255, "image_seq_length": PICTURE_TOKENS,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    processor = {"processor_class": "Gemma3Processor", "image_seq_length": PICTURE_TOKENS}
    (folder / "processor_config.json").write_text(json.dumps(processor))


def write_tokenizer(folder: Path, marks_at_end: tuple[str, ...] = SPECIAL) -> int:
    """The starter's tokenizer with more marks at its end (Gemma's, unless others are given); returns how many tokens it has."""
    source = resource_folder() / "starter" / "checkpoint"
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    first = len(tokenizer["model"]["vocab"])
    marks = {first + number: content for number, content in enumerate(marks_at_end)}
    blank = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer["added_tokens"] += [{"id": number, "content": content, **blank} for number, content in marks.items()]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "Gemma3Processor", "add_bos_token": False,
        "bos_token": "<bos>", "eos_token": "<end_of_turn>", "pad_token": "<|endoftext|>",
        "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>",
        "extra_special_tokens": {
            "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>",
        },
        "clean_up_tokenization_spaces": False, "chat_template": TEMPLATE,
        "added_tokens_decoder": {str(number): {"content": content, **blank} for number, content in marks.items()},
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    return first + len(marks_at_end)


def make_config(rows: int, side: int = SIDE) -> dict[str, Any]:
    """``config.json`` for a vocabulary of so many rows; the marks are its last tokens."""
    end, begin_image, end_image, picture = rows - 4, rows - 3, rows - 2, rows - 1
    text = {
        "model_type": "gemma3_text", "vocab_size": rows, "hidden_size": WIDTH, "intermediate_size": 128, "num_hidden_layers": LAYERS,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 512,
        "max_position_embeddings": 1024, "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "eos_token_id": end,
        "bos_token_id": rows - 6, "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "model_type": "siglip_vision_model", "hidden_size": EYE_WIDTH, "intermediate_size": 64, "num_hidden_layers": EYE_LAYERS,
        "num_attention_heads": 2, "image_size": side, "patch_size": PATCH, "layer_norm_eps": 1e-6, "vision_use_head": False,
    }  # fmt: skip
    return {
        "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": text, "vision_config": vision,
        "mm_tokens_per_image": PICTURE_TOKENS, "boi_token_index": begin_image, "eoi_token_index": end_image,
        "image_token_index": picture, "eos_token_id": end, "tie_word_embeddings": True, "dtype": "float32",
    }  # fmt: skip


def random_tensors(rows: int, seed: int, side: int) -> dict[str, np.ndarray]:
    """Weights under the names of transformers' checkpoints, scaled so that words and picture both decide what comes out."""
    random = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}

    def put(name: str, *shape: int, scale: float = 1.0) -> None:
        found[name] = (random.standard_normal(shape) * scale / np.sqrt(shape[-1])).astype(np.float32)

    def put_norm(name: str, width: int) -> None:
        found[name] = (random.standard_normal(width) * 0.1).astype(np.float32)

    def put_layer_norm(name: str) -> None:
        put_norm(f"{name}.bias", EYE_WIDTH)
        found[f"{name}.weight"] = (1 + random.standard_normal(EYE_WIDTH) * 0.1).astype(np.float32)

    def put_linear(name: str, *shape: int, scale: float = 1.0) -> None:
        put(f"{name}.weight", *shape, scale=scale)
        put_norm(f"{name}.bias", shape[0])

    eye = "model.vision_tower."
    put_linear(f"{eye}embeddings.patch_embedding", EYE_WIDTH, 3, PATCH, PATCH)
    put(f"{eye}embeddings.position_embedding.weight", (side // PATCH) ** 2, EYE_WIDTH, scale=3.0)
    for layer in range(EYE_LAYERS):
        inside = f"{eye}encoder.layers.{layer}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            put_linear(f"{inside}self_attn.{part}", EYE_WIDTH, EYE_WIDTH, scale=2.0)
        put_linear(f"{inside}mlp.fc1", 64, EYE_WIDTH, scale=2.0)
        put_linear(f"{inside}mlp.fc2", EYE_WIDTH, 64, scale=2.0)
        put_layer_norm(f"{inside}layer_norm1")
        put_layer_norm(f"{inside}layer_norm2")
    put_layer_norm(f"{eye}post_layernorm")
    put("model.multi_modal_projector.mm_input_projection_weight", EYE_WIDTH, WIDTH, scale=12.0)
    put_norm("model.multi_modal_projector.mm_soft_emb_norm.weight", EYE_WIDTH)
    text = "model.language_model."
    put(f"{text}embed_tokens.weight", rows, WIDTH, scale=2.0)
    put_norm(f"{text}norm.weight", WIDTH)
    for layer in range(LAYERS):
        inside = f"{text}layers.{layer}."
        for part, shape in {
            "self_attn.q_proj": (128, WIDTH), "self_attn.k_proj": (64, WIDTH), "self_attn.v_proj": (64, WIDTH),
            "self_attn.o_proj": (WIDTH, 128), "mlp.gate_proj": (128, WIDTH), "mlp.up_proj": (128, WIDTH), "mlp.down_proj": (WIDTH, 128),
        }.items():  # fmt: skip
            put(f"{inside}{part}.weight", *shape, scale=2.0)
        for part in ("self_attn.q_norm", "self_attn.k_norm"):
            put_norm(f"{inside}{part}.weight", 32)
        for part in ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"):
            put_norm(f"{inside}{part}.weight", WIDTH)
    return found
