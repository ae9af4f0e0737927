"""Whether torch and what goes with it is installed, without loading any of it."""

from __future__ import annotations

import os
import sys

from models import torch_place
from models.errors import EngineUnavailable


def require_torch() -> None:
    """Go on only where the torch engine can run.

    Raises:
        EngineUnavailable: something of it is not installed.
    """
    if torch_place.has_torch():
        return
    lacking, named = torch_place.list_lacking(), os.environ.get(torch_place.VARIABLE, "")
    if not lacking:
        reason = f"{named} is not there: the setting “torch.python” names it."
    elif getattr(sys, "frozen", False):
        reason = f"It is not part of the packaged app, and there is no torch pack yet: {named}."
    else:
        reason = f"{', '.join(lacking)} is not installed: run “pip install .[torch]”."
    raise EngineUnavailable(engine="torch", reason=reason)
