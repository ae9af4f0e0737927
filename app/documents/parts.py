"""What a reader yields while it reads, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.documents.document import Kind, Section, Unit
from models.document_errors import DocumentUnreadable

Wanted = Callable[[int], bool]
"""Whether the section of this number is wanted."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first thing a reader yields: what the document is, and how many sections it has."""

    kind: Kind
    unit: Unit = ""
    count: int = 1
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that could not be read, in a sentence."""

    text: str


Piece = Head | Section | Note
Pieces = Iterator[Piece]


def refuse(path: Path, reason: str) -> DocumentUnreadable:
    """The error that names the file."""
    return DocumentUnreadable(file=path.name, reason=reason)
