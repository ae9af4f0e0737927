"""How each architecture's checkpoint becomes GGUF: one module each, all of the same shape.

A module has ``CHECKPOINTS`` (the names in ``config.json``), ``NAME`` (llama.cpp's), ``write_settings(writer, config)``,
``convert(name, values, config)``, which gives the tensors that one tensor of the checkpoint becomes, and ``extra_tensors(config)``.
``convert`` may reorder, cut and drop matrices but computes nothing on them, so that they can pass in the bits they are stored in;
vectors come as float32.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from models.errors import UnsupportedArchitecture
from quantize.gguf.text_part import name_of_text_model

MODULES = (
    "bert", "deepseek2", "gemma2", "gemma3", "glm", "glm4", "gpt2", "granite", "internlm2", "llama", "minicpm", "mixtral", "nomic_bert",
    "olmo2", "phi3", "qwen2", "qwen2_moe", "qwen2_vl", "qwen3", "qwen3_5", "qwen3_moe", "qwen3_vl", "smollm3", "stablelm", "xlm_roberta",
)  # fmt: skip


def load_module(module: str) -> ModuleType:
    """One of ``MODULES``."""
    return importlib.import_module(f"quantize.gguf.architectures.{module}")


def find_architecture(config: dict[str, Any], name: str) -> ModuleType:
    """The module for a checkpoint's settings.

    Raises:
        UnsupportedArchitecture: there is none; ``name`` is the checkpoint's.
    """
    names = config.get("architectures") or [config.get("model_type", "")]
    wanted = str(names[0])
    for name_of_model in (wanted, name_of_text_model(config, name)):
        for module in map(load_module, MODULES):
            if name_of_model in module.CHECKPOINTS:
                return module
    raise UnsupportedArchitecture(architecture=wanted, file=name)
