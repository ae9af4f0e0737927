"""PDF through PDFium: the text of each page, and a page as a picture."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.documents.document import Section
from app.documents.parts import Head, Note, Pieces, Wanted, refuse
from app.documents.sizes import Budget

LARGEST_SIDE = 2_400
"""Pixels of a page picture's longer side, at most."""

_PASSWORD = 4  # FPDF_ERR_PASSWORD
_MOST_PAGES = 50_000
_LARGEST_PAGE = 4_000_000
_HYPHEN = re.compile("(?<=\\w)[\ufffe\u00ad\x02]\n?")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def read(path: Path, wanted: Wanted) -> Pieces:
    """Pages with their text. A page that is only a picture gives none and is counted in a note."""
    with _opened(path) as pdf:
        count = len(pdf)
        if count > _MOST_PAGES:
            raise refuse(path, f"It claims to have {count:,} pages.")
        yield Head("pdf", "page", count)
        budget = Budget(path)
        empty, broken = 0, 0
        for number in range(1, count + 1):
            if not wanted(number):
                continue
            text = _page_text(pdf, number - 1)
            if text is None:
                broken += 1
            elif text:
                yield Section(budget.take(text), number)
            else:
                empty += 1
        if empty:
            yield Note(f"{empty} pages hold no text; they may be scanned pictures.")
        if broken:
            yield Note(f"{broken} pages are damaged and were left out.")


def render(path: Path, page: int, side: int, marked: str = "") -> tuple[int, int, bytes]:
    """A page (from 1) as width, height and RGB bytes, its longer side ``side`` pixels; where ``marked`` stands is tinted.

    Raises:
        DocumentUnreadable: there is no such page, or it cannot be drawn.
    """
    import pypdfium2

    with _opened(path) as pdf:
        if not 1 <= page <= len(pdf):
            raise refuse(path, f"It has no page {page}.")
        try:
            sheet = pdf[page - 1]
            width, height = sheet.get_size()
            scale = min(side, LARGEST_SIDE) / max(width, height, 1.0)
            bitmap = sheet.render(scale=scale, rev_byteorder=True, prefer_bgrx=False, force_bitmap_format=2)
            pixels = bytearray(bitmap.buffer)
            shape = (bitmap.width, bitmap.height, bitmap.stride)
            if marked:
                for box in _boxes_of(sheet, marked):
                    _tint(pixels, shape, box, scale, height)
        except (pypdfium2.PdfiumError, ValueError, OSError) as error:
            raise refuse(path, f"Page {page} cannot be drawn.") from error
    rows = [bytes(pixels[line * shape[2] : line * shape[2] + shape[0] * 3]) for line in range(shape[1])]
    return shape[0], shape[1], b"".join(rows)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import pypdfium2

    try:
        pdf: Any = pypdfium2.PdfDocument(path)  # type: ignore[no-untyped-call]
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", 0) == _PASSWORD or "password" in str(error).lower():
            raise refuse(path, "It is locked with a password.") from error
        raise refuse(path, "It is damaged, or no PDF although it begins like one.") from error
    try:
        yield pdf
    finally:
        pdf.close()


def _page_text(pdf: Any, index: int) -> str | None:
    """The text of a page with words cut at a line's end joined again; none where the page is damaged."""
    import pypdfium2

    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return None
    try:
        text_page = page.get_textpage()
        try:
            if text_page.count_chars() > _LARGEST_PAGE:
                return None
            text = str(text_page.get_text_bounded())
        finally:
            text_page.close()
    except pypdfium2.PdfiumError:
        return None
    finally:
        page.close()
    text = _HYPHEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line.rstrip() for line in _CONTROLS.sub("", text).split("\n")).strip()


def _boxes_of(page: Any, marked: str) -> list[tuple[float, float, float, float]]:
    """Where lines of a passage stand on the page: (left, bottom, right, top) in points."""
    text_page = page.get_textpage()
    boxes: list[tuple[float, float, float, float]] = []
    try:
        for line in [line.strip() for line in marked.split("\n") if len(line.strip()) > 1][:200]:
            found = text_page.search(line).get_next()
            if found is not None:
                count = text_page.count_rects(*found)
                boxes += [text_page.get_rect(number) for number in range(min(count, 50))]
    finally:
        text_page.close()
    return boxes


def _tint(
    pixels: bytearray, shape: tuple[int, int, int], box: tuple[float, float, float, float], scale: float, height: float
) -> None:
    """Colour a box as a felt pen would: what is white becomes yellow, what is black stays."""
    width, lines, stride = shape
    left, right = max(0, int(box[0] * scale) - 1), min(width, int(box[2] * scale) + 2)
    top, bottom = max(0, int((height - box[3]) * scale) - 1), min(lines, int((height - box[1]) * scale) + 2)
    for line in range(top, bottom):
        for place in range(line * stride + left * 3 + 2, line * stride + right * 3, 3):
            pixels[place] = pixels[place] * 5 // 9
