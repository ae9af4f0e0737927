"""HTML as text with Markdown headings, lists and tables. Nothing that a page refers to is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from app.documents.document import Section
from app.documents.parts import Head, Pieces, Wanted, refuse
from app.documents.plain_text import LARGEST_FILE, decode
from app.documents.sizes import Budget

_SILENT = frozenset(("script", "style", "template", "noscript", "svg", "math", "iframe", "object", "head", "select"))
_BLOCK_NAMES = (
    "p div section article header footer main aside nav ul ol dl dt dd figure figcaption blockquote address form fieldset table "
    "thead tbody tfoot h1 h2 h3 h4 h5 h6 hr pre li tr body html details summary"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CHARSET = re.compile(
    rb"""<(?:meta[^>]{0,200}charset|\?xml[^>]{0,100}encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{2,30})""", re.IGNORECASE
)

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
"""Taken out beforehand: html.parser looks for the end of a comment that has none again and again."""


def read(path: Path, wanted: Wanted) -> Pieces:
    """The words of one page."""
    if path.stat().st_size > LARGEST_FILE:
        raise refuse(path, f"It is larger than {LARGEST_FILE // 1024**2} MB.")
    data = path.read_bytes()
    yield Head("html")
    if wanted(0):
        yield Section(page_text(data, path, Budget(path))[1])


def page_text(data: bytes, path: Path, budget: Budget) -> tuple[str, str]:
    """Title and text of a page given as bytes. Raises DocumentUnreadable where it is no text."""
    reader = _PageReader(budget)
    reader.feed(_COMMENT.sub("", _decode(data, path)))
    reader.close()
    return " ".join(reader.title.split()), re.sub(r"\n{3,}", "\n\n", "".join(reader.pieces)).strip()


def _decode(data: bytes, path: Path) -> str:
    """By what the page says of itself where that is true, else as any text."""
    named = _CHARSET.search(data[:4096])
    if named and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            name = named[1].decode("ascii").lower()
            return data.decode({"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252"}.get(name, name))
        except (UnicodeDecodeError, LookupError, UnicodeError):
            pass
    return decode(data, path)[0]


class _PageReader(HTMLParser):
    """Writes text as it comes; tags only open and close lines."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.title = ""
        self._budget = budget
        self._silence: list[str] = []
        self._is_title = False
        self._is_preformatted = 0
        self._cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a line, a heading, an item or a cell."""
        if tag == "title":
            self._is_title = True
        if tag == "body":
            self._silence.clear()
        if tag in _SILENT:
            self._silence.append(tag)
            return
        if tag == "br":
            self._write("\n")
        elif tag in ("td", "th"):
            self._write(" | " if self._cells else "| ")
            self._cells += 1
        elif tag in _BLOCKS and not (self._cells and tag in ("p", "div")):
            self._break(2 if tag in _HEADINGS or tag in ("p", "table", "pre") else 1)
            if tag in _HEADINGS:
                self._write("#" * _HEADINGS[tag] + " ")
            elif tag == "li":
                self._write("- ")
            elif tag == "tr":
                self._cells = 0
        self._is_preformatted += tag == "pre"
        if tag == "img":
            self._write(" ".join(str(dict(attrs).get("alt") or "").split()))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An XHTML element without content silences nothing."""
        if tag not in _SILENT and tag != "title":
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a line."""
        if tag == "title":
            self._is_title = False
        if tag in self._silence:
            del self._silence[self._silence.index(tag) :]
            return
        if tag == "tr" and self._cells:
            self._write(" |")
            self._cells = 0
        if tag == "pre":
            self._is_preformatted = max(0, self._is_preformatted - 1)
        if tag in _BLOCKS and not self._cells:
            self._break(2 if tag in _HEADINGS or tag in ("p", "table", "pre") else 1)

    def handle_data(self, data: str) -> None:
        """Words; white space means something only in preformatted text."""
        if self._is_title:
            self.title += data[:1000]
        if self._silence:
            return
        if self._is_preformatted:
            self._write(data)
            return
        text = re.sub(r"\s+", " ", data)
        if self._ends_line():
            text = text.lstrip()
        self._write(text)

    def _write(self, text: str) -> None:
        if text and not self._silence:
            self.pieces.append(self._budget.take(text))

    def _ends_line(self) -> bool:
        return not self.pieces or self.pieces[-1].endswith(("\n", " "))

    def _break(self, count: int) -> None:
        if not self.pieces or self._silence:
            return
        present = 0
        for piece in reversed(self.pieces[-3:]):
            bare = piece.rstrip("\n")
            present += len(piece) - len(bare)
            if bare:
                break
        self._write("\n" * max(0, count - present))
