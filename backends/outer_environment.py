"""The environment variables for programs that are not ours: without what the packaged app set for its own libraries."""

from __future__ import annotations

import os
import sys

from models.torch_place import VARIABLE

_SEARCH_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def make_outer_environment() -> dict[str, str]:
    """A copy of this process's, as it was before the packaged app began.

    PyInstaller's starter puts the app's folder first in the search path of libraries, and keeps what was there as ``…_ORIG``. A browser
    or another Python would load the app's libraries instead of its own.
    """
    found = {name: value for name, value in os.environ.items() if name != VARIABLE and not name.startswith("_PYI")}
    if getattr(sys, "frozen", False):
        for name in _SEARCH_PATHS:
            found.pop(name, None)
            if before := found.pop(f"{name}_ORIG", ""):
                found[name] = before
    return found
