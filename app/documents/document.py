"""What reading a document gives: sections of text, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from models.document_errors import PagesNotFound

Kind = Literal["text", "markdown", "code", "html", "pdf", "docx", "pptx", "xlsx", "csv", "epub"]
Unit = Literal["page", "slide", "sheet", "chapter", ""]
"""What the sections of a document are; empty where it is one text without pages."""

LARGEST_TEXT = 12_000_000
"""Characters of the longest text that is taken from one document."""

_RANGE = re.compile(r"(\d+)(?:\s*[-–—~到至]\s*(\d+)?)?")


@dataclass(frozen=True, slots=True)
class Section:
    """A page, slide, sheet or chapter, numbered from 1; ``number`` is 0 where a document is one text without pages."""

    text: str
    number: int = 0
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read.

    ``count`` is how many sections the whole document has, ``sections`` those that were wanted and hold anything. ``encoding`` is
    how its text was written, for plain text; ``notes`` say in sentences what could not be read of it.
    """

    name: str
    kind: Kind
    unit: Unit
    count: int
    sections: tuple[Section, ...]
    encoding: str = ""
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All sections as a model reads them: pages, slides and sheets under a line that names them."""
        if not self.unit:
            return "\n\n".join(section.text for section in self.sections)
        return "\n\n".join(f"[{self.place_of(section)}]\n{section.text}" for section in self.sections)

    def place_of(self, section: Section) -> str:
        """``page 3``; a sheet or chapter with its name."""
        named = f"{self.unit} {section.number}" if self.unit else ""
        return f"{named} {section.heading}".strip() if self.unit in ("sheet", "chapter") else named

    def only(self, numbers: frozenset[int]) -> Document:
        """The same document with some of its pages."""
        kept = tuple(section for section in self.sections if section.number in numbers)
        return Document(self.name, self.kind, self.unit, self.count, kept, self.encoding, self.notes)


def parse_pages(text: str, count: int, name: str) -> frozenset[int]:
    """``2-5,8`` or ``3-`` as page numbers. Full-width digits and Chinese commas are understood.

    Raises:
        PagesNotFound: it is no range, or outside of 1 to ``count``.
    """
    pages: set[int] = set()
    for piece in re.split(r"[,，、;；\s]+", text.strip()):
        found = _RANGE.fullmatch(piece.strip())
        if found is None or not found[1].isdecimal():
            raise PagesNotFound(pages=text, file=name, count=count)
        first = int(found[1][:9])
        is_open = found[2] is None and len(piece.strip()) > len(found[1])
        last = count if is_open else int((found[2] or found[1])[:9])
        if not 1 <= first <= last <= count:
            raise PagesNotFound(pages=text, file=name, count=count)
        pages.update(range(first, last + 1))
    return frozenset(pages)


def write_pages(pages: frozenset[int]) -> str:
    """The inverse: ``2-5, 8``."""
    pieces: list[list[int]] = []
    for page in sorted(pages):
        if pieces and pieces[-1][-1] == page - 1:
            pieces[-1][1:] = [page]
        else:
            pieces.append([page])
    return ", ".join("-".join(map(str, piece)) for piece in pieces)
