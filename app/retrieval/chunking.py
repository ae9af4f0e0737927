"""Cuts a document into passages at headings, paragraphs and sentences, each with the place where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.documents.document import Document, Section
from app.retrieval.terms import estimate_tokens

TARGET_TOKENS = 300
"""A passage is closed once it has as many."""
MOST_TOKENS = 420
OVERLAP_TOKENS = 40
"""So much of the end of a passage begins the next one, so that what stands at a cut is found too."""
LEAST_TOKENS = 30
"""A passage shorter than that is joined with what follows, even across a heading."""

_HEADING = re.compile(r"(#{1,6})\s+(.+)")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_SENTENCE = re.compile(r"[^。！？；!?;.\n]*(?:[。！？；]+[”’」』）]*|[.!?;]+[\"”')\]]*(?=\s|$)|\.(?=\S)|\n|$)", re.DOTALL)
_HAS_HEADINGS = frozenset(("markdown", "html", "docx", "epub"))


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, exactly as it stands there.

    ``number`` is its page, slide, sheet or chapter (0 where there are none), ``line`` counts from 1 in that section, ``heading``
    names the headings above it, outermost first.
    """

    text: str
    number: int = 0
    line: int = 1
    heading: str = ""


@dataclass(slots=True)
class _Unit:
    """A sentence or line that is not cut."""

    start: int
    end: int
    tokens: int
    heading: str
    opens: bool


def cut_document(document: Document) -> list[Passage]:
    """All passages, in order. Every one is a substring of its section's text."""
    is_structured = document.kind in _HAS_HEADINGS
    return [passage for section in document.sections for passage in _cut_section(section, is_structured)]


def _cut_section(section: Section, is_structured: bool) -> Iterator[Passage]:
    units = [*_iter_units(section.text, section.heading, is_structured)]
    first = 0
    while first < len(units):
        last, size = first, 0
        while last < len(units):
            unit = units[last]
            is_full = size >= TARGET_TOKENS or (size and size + unit.tokens > MOST_TOKENS)
            if is_full and (rest := _rest_of_part(units, last, MOST_TOKENS - size)):
                last = rest
                break
            if is_full or (unit.opens and last > first and size >= LEAST_TOKENS):
                break
            size += unit.tokens
            last += 1
        begin, end = units[first].start, units[last - 1].end
        raw = section.text[begin:end]
        text = raw.strip()
        if text:
            line = section.text.count("\n", 0, begin + len(raw) - len(raw.lstrip())) + 1
            yield Passage(text, section.number, line, units[last - 1].heading)
        first = _step_back(units, first, last)


def _rest_of_part(units: list[_Unit], first: int, most: int) -> int:
    """Where the part that these units are in ends, if that is no more than so many tokens on; else 0: no crumb is left behind."""
    size = 0
    for place in range(first, len(units)):
        if units[place].opens:
            return place
        size += units[place].tokens
        if size > most:
            return 0
    return len(units)


def _step_back(units: list[_Unit], first: int, last: int) -> int:
    """Where the next passage begins: some sentences before the cut, unless a heading stands there."""
    if last >= len(units) or units[last].opens:
        return last
    begin, size = last, 0
    while begin - 1 > first and not units[begin].opens and size + units[begin - 1].tokens <= OVERLAP_TOKENS:
        begin -= 1
        size += units[begin].tokens
    return begin


def _iter_units(text: str, heading: str, is_structured: bool) -> Iterator[_Unit]:
    """Lines, cut into sentences where they are long; ``opens`` where a new subject begins."""
    path: list[tuple[int, str]] = []
    place, is_code = 0, False
    for line in text.split("\n"):
        start, place = place, place + len(line) + 1
        if _FENCE.match(line):
            is_code = not is_code
        found = _HEADING.match(line) if is_structured and not is_code else None
        if found:
            level = len(found[1])
            path = [*(one for one in path if one[0] < level), (level, found[2].strip(" #"))]
        named = " › ".join(name for _, name in path) or heading
        tokens = estimate_tokens(line)
        opens = bool(found)
        if tokens <= MOST_TOKENS // 3:
            yield _Unit(start, min(place, len(text)), tokens, named, opens)
        else:
            yield from _cut_line(line, start, named)


def _cut_line(line: str, start: int, heading: str) -> Iterator[_Unit]:
    """Sentences; one that is longer than a passage is cut at blanks, or anywhere."""
    for found in _SENTENCE.finditer(line):
        sentence, begin = found[0], start + found.start()
        if not sentence:
            continue
        tokens = estimate_tokens(sentence)
        if tokens <= MOST_TOKENS:
            yield _Unit(begin, begin + len(sentence), tokens, heading, opens=False)
            continue
        for piece in re.finditer(r".{1,400}(?:\s|$)|.{1,400}", sentence, re.DOTALL):
            yield _Unit(begin + piece.start(), begin + piece.end(), estimate_tokens(piece[0]), heading, opens=False)
