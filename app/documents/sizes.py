"""How much text one document may give."""

from __future__ import annotations

from pathlib import Path

from app.documents.document import LARGEST_TEXT
from app.documents.parts import refuse


class Budget:
    """Counts characters. A document that has more than :data:`LARGEST_TEXT` is refused rather than cut in silence."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = LARGEST_TEXT

    def take(self, text: str) -> str:
        """The text, counted. Raises DocumentUnreadable once it is too much."""
        self._left -= len(text) + 1
        if self._left < 0:
            raise refuse(self._path, f"Its text is longer than {LARGEST_TEXT // 1_000_000} million characters.")
        return text
