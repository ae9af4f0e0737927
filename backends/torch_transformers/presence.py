"""Whether torch and what goes with it is installed, without loading any of it."""

from __future__ import annotations

import importlib.util

from models.errors import EngineUnavailable

_NEEDED = ("torch", "transformers", "safetensors", "accelerate")


def require_torch() -> None:
    """Go on only where the torch engine can run.

    Raises:
        EngineUnavailable: something of it is not installed.
    """
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise EngineUnavailable(engine="torch", reason=f"{', '.join(lacking)} is not installed: run “pip install .[torch]”.")
