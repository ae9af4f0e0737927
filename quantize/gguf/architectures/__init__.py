"""How each architecture's checkpoint becomes GGUF: one module each, all of the same shape.

A module has ``CHECKPOINTS`` (the names in ``config.json``), ``NAME`` (llama.cpp's), ``write_settings(writer, config)`` and
``convert(name, values, config)``, which gives the tensors that one tensor of the checkpoint becomes.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from models.errors import UnsupportedArchitecture

_MODULES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}


def find_architecture(config: dict[str, Any], name: str) -> ModuleType:
    """The module for a checkpoint's settings.

    Raises:
        UnsupportedArchitecture: there is none; ``name`` is the checkpoint's.
    """
    names = config.get("architectures") or [config.get("model_type", "")]
    module = _MODULES.get(str(names[0]))
    if module is None:
        raise UnsupportedArchitecture(architecture=str(names[0]), file=name)
    return importlib.import_module(f"quantize.gguf.architectures.{module}")
