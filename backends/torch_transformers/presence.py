"""Whether torch and what goes with it is installed, without loading any of it."""

from __future__ import annotations

import importlib.util
import sys

from models.errors import EngineUnavailable

_NEEDED = ("torch", "transformers", "safetensors", "accelerate")


def require_torch() -> None:
    """Go on only where the torch engine can run.

    Raises:
        EngineUnavailable: something of it is not installed.
    """
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        if getattr(sys, "frozen", False):
            reason = "It is not part of the packaged app: install Yanmo with pipx or from a clone too, with torch."
        else:
            reason = f"{', '.join(lacking)} is not installed: run “pip install .[torch]”."
        raise EngineUnavailable(engine="torch", reason=reason)
