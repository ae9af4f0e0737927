"""Which tensors of a checkpoint that sees belong to its text model, and what they are called in a checkpoint of that model alone."""

from __future__ import annotations

from typing import Any

_PREFIXES = (
    ("model.language_model.", "model."),
    ("model.text_model.", "model."),
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("llm.model.", "model."),
    ("llm.lm_head.", "lm_head."),
    ("lm_head.", "lm_head."),
    ("model.layers.", "model.layers."),
    ("model.embed_tokens.", "model.embed_tokens."),
    ("model.norm.", "model.norm."),
    ("mtp.", "mtp."),
)
"""What names begin with, in the order of trying: versions of transformers nest the text model in different places."""

_TEXT_MODELS = {
    "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    "internlm2": "InternLM2ForCausalLM", "gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "phi3": "Phi3ForCausalLM",
    "smollm3": "SmolLM3ForCausalLM", "qwen3_5_text": "Qwen3_5ForCausalLM",
}  # fmt: skip
"""What the text model inside would be called alone, by its ``model_type``."""


def has_eyes(config: dict[str, Any]) -> bool:
    """Whether a checkpoint with these settings holds more than a text model."""
    return isinstance(config.get("vision_config"), dict) or config.get("model_type") == "minicpmv"


def text_settings(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of the text model inside; empty where it is not nested."""
    return dict(config.get("text_config") or config.get("llm_config") or {})


def name_of_text_model(config: dict[str, Any], file: str) -> str:
    """What the text model of a checkpoint that sees would be called alone; empty for one that does not see, or sees in an unknown way.

    Raises:
        QuantizationFailed: a version of a known family that cannot be converted; ``file`` is the checkpoint's name.
    """
    from quantize.gguf.projectors import find_projector

    module = find_projector(config) if has_eyes(config) else None
    if module is None:
        return ""
    if hasattr(module, "text_model"):
        return str(module.text_model(config, file))
    text = text_settings(config)
    names = text.get("architectures") or [_TEXT_MODELS.get(str(text.get("model_type")), "")]
    return str(names[0])


def text_name(name: str, config: dict[str, Any]) -> str:
    """The name of a tensor in the text model alone; empty for one that belongs to what sees."""
    if not has_eyes(config):
        return name
    for prefix, plain in _PREFIXES:
        if name.startswith(prefix):
            return plain + name.removeprefix(prefix)
    return ""
