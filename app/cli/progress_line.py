"""What the commands about models share: a line that shows how far something is, and finding a model that is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.workstation import Workstation


def find_model(reference: str, make_workstation: Callable[[], Workstation]) -> Path:
    """A model by path, or by what the library knows it as.

    Raises:
        ModelNotFound, AmbiguousModel: it is neither, or several.
    """
    path = Path(reference)
    if path.is_file() or path.is_dir():
        return path
    with make_workstation() as workstation:
        return Path(workstation.library.find(reference).path)


class ProgressLine:
    """A line on the error stream; silent where nobody looks."""

    def __init__(self, title: str = "", *, is_quiet: bool) -> None:
        self._title = title
        self._is_shown = not is_quiet and sys.stderr.isatty()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def show(self, fraction: float, words: str) -> None:
        """Draw the line again."""
        if self._is_shown:
            print(f"\r\033[K{self._title} {fraction:4.0%} {words[:90]}", end="", file=sys.stderr, flush=True)
