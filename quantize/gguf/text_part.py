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
)
"""What names begin with, in the order of trying: versions of transformers nest the text model in different places."""


def has_eyes(config: dict[str, Any]) -> bool:
    """Whether a checkpoint with these settings holds more than a text model."""
    return isinstance(config.get("vision_config"), dict)


def text_name(name: str, config: dict[str, Any]) -> str:
    """The name of a tensor in the text model alone; empty for one that belongs to what sees."""
    if not has_eyes(config):
        return name
    for prefix, plain in _PREFIXES:
        if name.startswith(prefix):
            return plain + name.removeprefix(prefix)
    return ""
