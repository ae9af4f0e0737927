"""Writes the trained network as a Hugging Face checkpoint (bf16 safetensors), and as model and projector for llama.cpp."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from starter_model.export import replacing
from starter_model.eyes.network import Seer, Shape
from starter_model.eyes.tokens import BOS, CHAT_TEMPLATE, END, END_IMAGE, EOS, IMAGE, PAD, SOFT, SPECIAL, load_tokenizer
from starter_model.eyes.training import HEADS
from tokenizers import Tokenizer
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

NAME = "Yanmo Starter with eyes"
MODEL, PROJECTOR = "starter-eyes.gguf", "mmproj-starter-eyes.gguf"
_CARD = "---\nlicense: mit\nlanguage: [en, zh]\n---\n"


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def model_settings(shape: Shape) -> dict[str, Any]:
    """Return the ``config.json`` of transformers' Gemma3ForConditionalGeneration for this shape."""
    text = {
        "model_type": "gemma3_text", "vocab_size": shape.vocabulary, "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward, "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_size, "query_pre_attn_scalar": shape.head_size,
        "max_position_embeddings": shape.context, "sliding_window": shape.context, "rms_norm_eps": shape.epsilon,
        "layer_types": ["sliding_attention"] * shape.layers, "tie_word_embeddings": True, "attention_bias": False,
        "hidden_activation": "gelu_pytorch_tanh", "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": END,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": shape.rope_base},
            "sliding_attention": {"rope_type": "default", "rope_theta": shape.rope_base},
        },
    }  # fmt: skip
    vision = {
        "model_type": "siglip_vision_model", "hidden_size": shape.eye_width, "intermediate_size": shape.eye_feed_forward,
        "num_hidden_layers": shape.eye_layers, "num_attention_heads": shape.eye_heads, "image_size": shape.side,
        "patch_size": shape.patch, "layer_norm_eps": shape.epsilon, "hidden_act": "gelu_pytorch_tanh", "vision_use_head": False,
    }  # fmt: skip
    return {
        "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "_name_or_path": NAME, "text_config": text,
        "vision_config": vision, "mm_tokens_per_image": shape.tokens, "boi_token_index": IMAGE, "eoi_token_index": END_IMAGE,
        "image_token_index": SOFT, "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": [END, EOS],
        "tie_word_embeddings": True, "initializer_range": 0.02, "dtype": "bfloat16",
    }  # fmt: skip


def tokenizer_settings(shape: Shape) -> dict[str, Any]:
    """Return the ``tokenizer_config.json``."""
    blank = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    pictures = {"boi_token": SPECIAL[IMAGE], "eoi_token": SPECIAL[END_IMAGE], "image_token": SPECIAL[SOFT]}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "Gemma3Processor", "add_bos_token": False,
        "added_tokens_decoder": {str(number): {"content": token, **blank} for number, token in enumerate(SPECIAL)},
        "bos_token": SPECIAL[BOS], "eos_token": SPECIAL[END], "pad_token": SPECIAL[PAD], **pictures,
        "extra_special_tokens": pictures, "clean_up_tokenization_spaces": False, "model_max_length": shape.context,
        "chat_template": CHAT_TEMPLATE,
    }  # fmt: skip


def picture_settings(shape: Shape) -> dict[str, Any]:
    """Return the ``preprocessor_config.json``."""
    return {
        "image_processor_type": "Gemma3ImageProcessor", "processor_class": "Gemma3Processor", "do_convert_rgb": True,
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2,
        "rescale_factor": 1 / 255, "size": {"height": shape.side, "width": shape.side}, "image_seq_length": shape.tokens,
    }  # fmt: skip


def their_name(name: str) -> str:
    """Return what transformers calls a parameter of :class:`Seer`."""
    tower, text, projector = "model.vision_tower.", "model.language_model.", "model.multi_modal_projector."
    if name in ("tower.patch_embedding.weight", "tower.patch_embedding.bias"):
        return f"{tower}embeddings.{name.removeprefix('tower.')}"
    if name == "tower.position_embedding":
        return f"{tower}embeddings.position_embedding.weight"
    if name.startswith("tower.layers."):
        return f"{tower}encoder.{name.removeprefix('tower.')}"
    if name.startswith("tower."):
        return f"{tower}{name.removeprefix('tower.')}"
    if name == "soft_norm.weight":
        return f"{projector}mm_soft_emb_norm.weight"
    return f"{projector}mm_input_projection_weight" if name == "projection" else f"{text}{name}"


def weights_of(network: Seer) -> dict[str, Tensor]:
    """Return the weights under transformers' names, without the heads of the training."""
    found: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        if not name.startswith("heads."):
            is_patches = name == "tower.patch_embedding.weight"
            patch = network.shape.patch
            found[their_name(name)] = parameter.detach().view(-1, 3, patch, patch) if is_patches else parameter.detach()
    return found


def read_weights(checkpoint: Path, network: Seer) -> dict[str, Tensor]:
    """Return the weights of a written checkpoint under this network's names, the other way round."""
    stored = load_file(checkpoint / "model.safetensors")
    return {
        name: stored[their_name(name)].float().view(parameter.shape)
        for name, parameter in network.named_parameters()
        if not name.startswith("heads.")
    }


def write_checkpoint(network: Seer, tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder that transformers opens as Gemma3ForConditionalGeneration, weights in bf16."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: values.to(torch.bfloat16).contiguous() for name, values in weights_of(network).items()}
    with replacing(folder / "model.safetensors") as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    with replacing(folder / "tokenizer.json") as temporary:
        tokenizer.save(str(temporary))
    write_json(folder / "config.json", model_settings(network.shape))
    write_json(folder / "tokenizer_config.json", tokenizer_settings(network.shape))
    write_json(folder / "preprocessor_config.json", picture_settings(network.shape))
    write_json(folder / "processor_config.json", {"processor_class": "Gemma3Processor", "image_seq_length": network.shape.tokens})
    generation = {"bos_token_id": BOS, "eos_token_id": [END, EOS], "pad_token_id": PAD, "do_sample": False}
    write_json(folder / "generation_config.json", generation)
    with replacing(folder / "chat_template.jinja") as temporary:  # transformers' processor looks here alone
        temporary.write_text(CHAT_TEMPLATE, encoding="utf-8")
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(_CARD, encoding="utf-8")


def convert(checkpoint: Path, model: Path, projector: Path, kind: str = "Q8_0") -> None:
    """Make the two files that llama.cpp loads, with the program's own converter; the projector in F16."""
    from quantize.gguf.convert import convert_here
    from quantize.gguf.convert_projector import convert_projector_here

    with replacing(model) as temporary:
        convert_here(str(checkpoint), str(temporary), kind, 0, lambda fraction, text: None)
    with replacing(projector) as temporary:
        convert_projector_here(str(checkpoint), str(temporary), "F16", lambda fraction, text: None)


def read_network(cache: Path) -> Seer:
    """Read the training run's checkpoint."""
    network = Seer(Shape(), HEADS)
    network.load_state_dict(torch.load(cache / "checkpoint.pt", weights_only=True)["network"])
    return network.eval()


def export_cache(cache: Path, out: Path) -> None:
    """Turn the training run's checkpoint into everything that ships."""
    write_checkpoint(read_network(cache), load_tokenizer(cache / "tokenizer.json"), out / "checkpoint")
    convert(out / "checkpoint", out / MODEL, out / PROJECTOR)
