"""Imports sqlite-utils without NumPy and pandas, which it loads (120 ms and more) only to know their types, never stored here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_HIDDEN = frozenset({"numpy", "pandas"})


class _Hide:
    """Tells one thread that they are not installed. Other threads, and what is already loaded, are not touched."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in _HIDDEN and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(name, name=name)
        return None


_hide = _Hide()
sys.meta_path.insert(0, _hide)
try:
    import sqlite_utils
finally:
    sys.meta_path.remove(_hide)

__all__ = ["sqlite_utils"]
