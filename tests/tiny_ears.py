"""Tiny random checkpoints that hear, made with transformers: Qwen2-Audio, Voxtral and Qwen2.5-Omni, with windows of two seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.tiny_vision import write_tokenizer

SECONDS = 2
MARKS = (
    "<bos>",
    "<|AUDIO|>",
    "<|audio_bos|>",
    "<|audio_eos|>",
    "[AUDIO]",
    "[BEGIN_AUDIO]",
    "<|vision_bos|>",
    "<|IMAGE|>",
    "<|vision_eos|>",
)
TEXT: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
EARS: dict[str, Any] = {
    "d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "num_mel_bins": 80,
    "max_source_positions": 50 * SECONDS,
}  # fmt: skip
EYES: dict[str, Any] = {
    "depth": 2, "hidden_size": 32, "out_hidden_size": 64, "num_heads": 2, "intermediate_size": 48, "patch_size": 14,
    "fullatt_block_indexes": [1], "window_size": 112,
}  # fmt: skip
TEMPLATE = (
    "{{ bos_token }}{%- for message in messages -%}{{ message['role'] }}: {{ message['content'] }}{{ '\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}"
)


def make_hearing(kind: str, folder: Path) -> Any:
    """Save a random model, ``qwen2-audio``, ``voxtral`` or ``qwen2.5-omni``; returns it in float32."""
    import torch
    import transformers

    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    rows = write_tokenizer(folder, MARKS)
    first = rows - len(MARKS)
    ids = {mark: first + number for number, mark in enumerate(MARKS)}
    text = {**TEXT, "vocab_size": rows, "bos_token_id": first, "eos_token_id": 2, "pad_token_id": 0}
    if kind == "qwen2-audio":
        own: Any = transformers.Qwen2AudioConfig(
            audio_config=EARS, text_config={"model_type": "qwen2", **text}, audio_token_id=ids["<|AUDIO|>"]
        )
        maker: Any = transformers.Qwen2AudioForConditionalGeneration
    elif kind == "qwen2.5-omni":
        own = transformers.Qwen2_5OmniThinkerConfig(
            audio_config={**EARS, "n_window": 50, "output_dim": 64, "max_source_positions": 100},
            vision_config=EYES,
            text_config={**text, "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}},
            audio_token_index=ids["<|AUDIO|>"], image_token_index=ids["<|IMAGE|>"],
            vision_start_token_id=ids["<|vision_bos|>"], vision_end_token_id=ids["<|vision_eos|>"],
            audio_start_token_id=ids["<|audio_bos|>"], audio_end_token_id=ids["<|audio_eos|>"],
        )  # fmt: skip
        maker = transformers.Qwen2_5OmniThinkerForConditionalGeneration
    else:
        own = transformers.VoxtralConfig(
            audio_config={"model_type": "voxtral_encoder", **EARS}, text_config={"model_type": "llama", "head_dim": 16, **text},
            audio_token_id=ids["[AUDIO]"],
        )  # fmt: skip
        maker = transformers.VoxtralForConditionalGeneration
    own._attn_implementation = "eager"
    model = maker(own).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "embed" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.5 / parameter[0].numel() ** 0.5)
    model.save_pretrained(folder)
    settings = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": EARS["num_mel_bins"],
        "chunk_length": SECONDS,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return model


def make_speaking(thinker: Path, folder: Path) -> Path:
    """Qwen2.5-Omni as it is published, of a thinker that lies in a folder: the part that writes is one of three."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(thinker, folder)
    tensors = {f"thinker.{name}": values for name, values in load_file(thinker / "model.safetensors").items()}
    tensors["talker.head.weight"] = torch.zeros(2, 2)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((thinker / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_5_omni", "thinker_config": config}))
    return folder
