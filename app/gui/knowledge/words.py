"""Words for places and extents of documents."""

from __future__ import annotations

import re

from app.gui.translation import tr
from app.services.prompts import SEARCHED

_PLACE = re.compile(r"(page|slide|sheet|chapter|line) (\d+)(?: (.*))?")


def place_words(place: str) -> str:
    """``page 3`` in the language of the window."""
    found = _PLACE.fullmatch(place)
    if found is None:
        return place
    templates = {
        "page": tr("page {number}"),
        "slide": tr("slide {number}"),
        "sheet": tr("sheet {number}"),
        "chapter": tr("chapter {number}"),
        "line": tr("line {number}"),
    }
    words = templates[found[1]].format(number=found[2])
    return f"{words} · {found[3]}" if found[3] else words


def count_words(count: int, unit: str) -> str:
    """``12 pages``; nothing for a text without pages."""
    templates = {
        "page": tr("{count} pages"),
        "slide": tr("{count} slides"),
        "sheet": tr("{count} sheets"),
        "chapter": tr("{count} chapters"),
    }
    return templates[unit].format(count=f"{count:,}") if unit in templates else ""


def extent_words(extent: str) -> str:
    """Which part of a document a message holds."""
    if extent == SEARCHED:
        return tr("searched for each question")
    found = re.fullmatch(r"Pages (.+) of (.+)\.", extent)
    if found:
        return tr("pages {pages} of {count}").format(pages=found[1], count=found[2])
    found = re.fullmatch(r"The first (.+) of (.+) tokens\.", extent)
    if found:
        return tr("the first {some} of {all} tokens").format(some=found[1], all=found[2])
    return extent
