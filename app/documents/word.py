"""Word documents (.docx) as text with Markdown headings, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.documents.archive import Archive, attribute, local
from app.documents.document import Section
from app.documents.parts import Head, Note, Pieces, Wanted
from app.documents.sizes import Budget

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HEADING = re.compile(r"(?:heading|标题|標題|berschrift)\s*(\d)", re.IGNORECASE)
_BODY = "word/document.xml"


def read(path: Path, wanted: Wanted) -> Pieces:
    """All paragraphs and tables in their order, then footnotes. Word keeps no pages in the file, so there are none."""
    archive = Archive(path)
    try:
        yield Head("docx")
        if not wanted(0):
            return
        budget = Budget(path)
        styles = _read_styles(archive)
        lines = [*_iter_lines(archive, _BODY, styles, budget)]
        for notes in ("word/footnotes.xml", "word/endnotes.xml"):
            if archive.has(notes):
                lines += [line for line in _iter_lines(archive, notes, {}, budget) if line.strip()]
        yield Section(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())
        if any(name.startswith("word/media/") for name in archive.names()):
            yield Note("Pictures in it were not read.")
    finally:
        archive.close()


def _read_styles(archive: Archive) -> dict[str, int]:
    """Style id to the level of its heading."""
    found: dict[str, int] = {}
    if not archive.has("word/styles.xml"):
        return found
    for style in archive.read_xml("word/styles.xml"):
        if local(style.tag) != "style":
            continue
        names = " ".join(attribute(item, "val") for item in style if local(item.tag) == "name")
        level = _HEADING.search(names) or _HEADING.search(attribute(style, "styleId"))
        if level:
            found[attribute(style, "styleId")] = min(6, max(1, int(level[1])))
        elif names.lower() == "title":
            found[attribute(style, "styleId")] = 1
    return found


def _iter_lines(archive: Archive, name: str, styles: dict[str, int], budget: Budget) -> Iterator[str]:
    """Paragraphs outside of tables, and tables as rows with bars. Elements are let go of as soon as they were read."""
    depth = 0
    for event, element in archive.iter_xml(name, ("start", "end")):
        tag = local(element.tag)
        if tag == "tbl":
            depth += 1 if event == "start" else -1
        if event == "start":
            continue
        if tag == "tr" and depth == 1:
            yield budget.take("| " + " | ".join(_cell_text(cell) for cell in element if local(cell.tag) == "tc") + " |")
            element.clear()
        elif tag == "p" and depth == 0:
            yield from _paragraph(element, styles, budget)
            element.clear()
        elif tag in ("tbl", "sectPr", "footnote", "endnote"):
            element.clear()


def _cell_text(cell: Element) -> str:
    return " ".join(" ".join(_text_of(item) for item in cell.iter() if local(item.tag) == "p").split())


def _paragraph(element: Element, styles: dict[str, int], budget: Budget) -> Iterator[str]:
    text = _text_of(element).strip()
    if not text:
        yield ""
        return
    level, is_item = 0, False
    for item in element.iter():
        tag = local(item.tag)
        if tag == "pStyle":
            level = styles.get(attribute(item, "val"), 0)
        elif tag == "numPr":
            is_item = True
        elif tag == "outlineLvl" and attribute(item, "val").isdecimal():
            level = level or min(6, int(attribute(item, "val")) + 1) % 10
    if level:
        yield ""
        yield budget.take(f"{'#' * level} {' '.join(text.split())}")
        yield ""
    else:
        yield budget.take(f"- {text}" if is_item else text)
        if not is_item:
            yield ""


def _text_of(paragraph: Element) -> str:
    pieces = []
    for item in paragraph.iter():
        tag = local(item.tag)
        if tag == "t":
            pieces.append(item.text or "")
        elif tag in ("tab",) and local(paragraph.tag) == "p" and not item.attrib:
            pieces.append("\t")
        elif tag in ("br", "cr"):
            pieces.append("\n")
        elif tag == "noBreakHyphen":
            pieces.append("-")
    return "".join(pieces)
