"""PowerPoint presentations (.pptx): a section for each slide, with its notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.documents.archive import Archive, attribute, local
from app.documents.document import Section
from app.documents.parts import Head, Note, Pieces, Wanted, refuse
from app.documents.sizes import Budget

_MAIN = "ppt/presentation.xml"


def read(path: Path, wanted: Wanted) -> Pieces:
    """Slides in the order in which they are shown."""
    archive = Archive(path)
    try:
        relations = archive.relations(_MAIN)
        order = [
            relations[attribute_id]
            for _, element in archive.iter_xml(_MAIN)
            if local(element.tag) == "sldId" and (attribute_id := _relation_id(element)) in relations
        ]
        slides = [name for name in order if archive.has(name)]
        if order and not slides:
            raise refuse(path, "Its slides are missing from it.")
        yield Head("pptx", "slide", len(slides))
        budget = Budget(path)
        for number, name in enumerate(slides, 1):
            if not wanted(number):
                continue
            lines = [*_iter_lines(archive, name, budget)]
            for other in archive.relations(name).values():
                if "notesslide" in other.lower() and archive.has(other):
                    notes = [line for line in _iter_lines(archive, other, budget) if not line.strip().isdecimal()]
                    lines += ["", *notes] if notes else []
            if lines:
                yield Section("\n".join(lines).strip(), number, lines[0][:200])
        if any(name.startswith("ppt/media/") for name in archive.names()):
            yield Note("Pictures in it were not read.")
    finally:
        archive.close()


def _relation_id(element: object) -> str:
    """``r:id``: the slide's own ``id`` has no namespace."""
    attributes: dict[str, str] = element.attrib  # type: ignore[attr-defined]
    return next((value for key, value in attributes.items() if key.endswith("}id")), "")


def _iter_lines(archive: Archive, name: str, budget: Budget) -> Iterator[str]:
    """One line for each paragraph; the cells of a table's row in one line."""
    row: list[str] | None = None
    for event, element in archive.iter_xml(name, ("start", "end")):
        tag = local(element.tag)
        if tag == "tr":
            if event == "start":
                row = []
            else:
                yield budget.take("| " + " | ".join(row or []) + " |")
                row = None
                element.clear()
        elif tag == "p" and event == "end":
            text = "".join(
                (item.text or "") if local(item.tag) == "t" else "\n" * (local(item.tag) == "br") for item in element.iter()
            )
            element.clear()
            if row is not None:
                row.append(" ".join(text.split()))
            elif text.strip():
                yield budget.take(text.strip())
        elif event == "end" and attribute(element, "type") == "sldNum":
            element.clear()
