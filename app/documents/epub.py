"""Electronic books (.epub): a section for each chapter, in reading order."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from app.documents.archive import Archive, attribute, join_inside, local
from app.documents.document import Section
from app.documents.parts import Head, Pieces, Wanted, refuse
from app.documents.sizes import Budget
from app.documents.web_page import page_text

_CONTAINER = "META-INF/container.xml"


def read(path: Path, wanted: Wanted) -> Pieces:
    """Chapters as the book's spine orders them."""
    archive = Archive(path)
    try:
        if archive.has("META-INF/encryption.xml") and archive.has("META-INF/rights.xml"):
            raise refuse(path, "It is locked with a password.")
        chapters = _read_spine(archive, path)
        yield Head("epub", "chapter", len(chapters))
        budget = Budget(path)
        for number, name in enumerate(chapters, 1):
            if not wanted(number):
                continue
            title, text = page_text(archive.read(name), path, budget)
            if text:
                first = re.match(r"#+ (.{1,200})", text)
                yield Section(text, number, first[1].strip() if first else title[:200])
    finally:
        archive.close()


def _read_spine(archive: Archive, path: Path) -> list[str]:
    roots = [attribute(item, "full-path") for _, item in archive.iter_xml(_CONTAINER) if local(item.tag) == "rootfile"]
    if not roots or not archive.has(roots[0]):
        raise refuse(path, "The table of its chapters is missing.")
    folder = roots[0].rpartition("/")[0]
    members: dict[str, str] = {}
    order: list[str] = []
    for _, item in archive.iter_xml(roots[0]):
        if local(item.tag) == "item" and "html" in attribute(item, "media-type"):
            members[attribute(item, "id")] = join_inside(folder, unquote(attribute(item, "href")))
        elif local(item.tag) == "itemref":
            order.append(attribute(item, "idref"))
    chapters = [members[one] for one in order if one in members and archive.has(members[one])]
    if not chapters:
        raise refuse(path, "The table of its chapters is missing.")
    return chapters
