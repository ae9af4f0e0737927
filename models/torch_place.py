"""Where torch is: in this Python, in another one that was named, or nowhere. Nothing of it is loaded to find out."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path

VARIABLE = "YANMO_TORCH_PYTHON"
"""Set by the workstation for this process and its children; a person uses the setting ``torch.python``."""

PACKAGES = ("torch", "transformers", "safetensors", "accelerate")


def name_torch_python(place: Path | None) -> None:
    """Have checkpoints computed by another Python (the file, or the folder of its environment); by this one where it is None."""
    if place is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = str(interpreter_in(place))


def interpreter_in(place: Path) -> Path:
    """The interpreter of an environment's folder; a file is one itself. Links are kept: they say which environment it is."""
    if place.is_file():
        return place
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def find_torch_python() -> Path | None:
    """The other Python, where one was named and is there."""
    name = os.environ.get(VARIABLE, "")
    return Path(name) if name and Path(name).is_file() else None


@functools.cache
def list_lacking() -> tuple[str, ...]:
    """Which packages of torch's this Python has not got."""
    return tuple(name for name in PACKAGES if importlib.util.find_spec(name) is None)


def has_torch() -> bool:
    """Whether checkpoints can be computed, as far as can be seen without starting anything."""
    return find_torch_python() is not None or (not os.environ.get(VARIABLE) and not list_lacking())
