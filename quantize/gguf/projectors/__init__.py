"""How the part of a checkpoint that sees becomes a projector (mmproj): one module each, all of the same shape.

A module has ``CHECKPOINTS`` (the names in ``config.json``), ``PROJECTOR`` (llama.cpp's name), ``write_settings(writer, checkpoint)``,
``convert(name, values, checkpoint)``, which gives the tensors that one tensor of the checkpoint becomes, and
``kind(name, file_type)``: the type that llama.cpp needs a tensor in, or nothing where it may be the file's.
Where a checkpoint does not say what its text model would be called alone, the module has ``text_model(config, name)``.
What belongs to the text model never reaches these modules: see :mod:`quantize.gguf.text_part`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

MODULES = ("gemma3", "idefics3", "internvl", "llava", "minicpmv", "minicpmv4_6", "qwen2_vl", "qwen3_vl")


def load_projector(module: str) -> ModuleType:
    """One of ``MODULES``."""
    return importlib.import_module(f"quantize.gguf.projectors.{module}")


def find_projector(config: dict[str, Any]) -> ModuleType | None:
    """The module for a checkpoint's settings; None where it has no part that sees, or one that is not known here."""
    names = config.get("architectures") or [config.get("model_type", "")]
    for module in map(load_projector, MODULES):
        if str(names[0]) in module.CHECKPOINTS:
            return module
    return None
