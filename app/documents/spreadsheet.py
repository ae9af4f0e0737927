"""Excel workbooks (.xlsx): a section for each sheet, its rows as lines; dates are written as dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.documents.archive import Archive, attribute, local
from app.documents.document import Section
from app.documents.parts import Head, Pieces, Wanted, refuse
from app.documents.sizes import Budget

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAIN = "xl/workbook.xml"
_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_DATE_CODE = re.compile(r"[ymdhs年月日时時]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_MOST_COLUMNS = 1_024
_MOST_GAP = 16
"""Empty cells in a row that are kept as such, so that columns stay in line; a wider gap becomes one."""


def read(path: Path, wanted: Wanted) -> Pieces:
    """Every sheet that holds anything."""
    archive = Archive(path)
    try:
        relations = archive.relations(_MAIN)
        sheets, is_1904 = [], False
        for _, element in archive.iter_xml(_MAIN):
            if local(element.tag) == "workbookPr":
                is_1904 = attribute(element, "date1904") in ("1", "true")
            if local(element.tag) == "sheet":
                relation = next((value for key, value in element.attrib.items() if key.endswith("}id")), "")
                sheets.append((str(element.get("name", "")), relations.get(relation, "")))
        sheets = [(name, member) for name, member in sheets if archive.has(member)]
        if not sheets:
            raise refuse(path, "It holds no sheet.")
        yield Head("xlsx", "sheet", len(sheets))
        budget = Budget(path)
        strings = _read_strings(archive, path)
        formats = _read_formats(archive)
        epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)
        for number, (name, member) in enumerate(sheets, 1):
            if wanted(number) and (rows := [*_iter_rows(archive, member, strings, formats, epoch, budget)]):
                yield Section("\n".join(rows), number, name)
    finally:
        archive.close()


def _read_strings(archive: Archive, path: Path) -> list[str]:
    """The texts that cells refer to by number. Phonetic guides are left out."""
    if not archive.has("xl/sharedStrings.xml"):
        return []
    budget, found = Budget(path), []
    for _, element in archive.iter_xml("xl/sharedStrings.xml"):
        if local(element.tag) == "rPh":
            element.clear()
        elif local(element.tag) == "si":
            found.append(budget.take("".join(item.text or "" for item in element.iter() if local(item.tag) == "t")))
            element.clear()
    return found


def _read_formats(archive: Archive) -> list[bool]:
    """For each cell style whether it shows a date."""
    if not archive.has("xl/styles.xml"):
        return []
    root = archive.read_xml("xl/styles.xml")
    codes = {attribute(item, "numFmtId"): attribute(item, "formatCode") for item in root.iter() if local(item.tag) == "numFmt"}
    formats: list[bool] = []
    for group in root:
        if local(group.tag) == "cellXfs":
            formats = [_is_date(attribute(item, "numFmtId"), codes) for item in group]
    return formats


def _is_date(identifier: str, codes: dict[str, str]) -> bool:
    if identifier.isdecimal() and int(identifier[:6]) in _BUILT_IN_DATES:
        return True
    return bool(_DATE_CODE.search(_QUOTED.sub("", codes.get(identifier, ""))))


def _iter_rows(
    archive: Archive, member: str, strings: list[str], formats: list[bool], epoch: datetime, budget: Budget
) -> Iterator[str]:
    """One line for each row that holds anything, cells between bars."""
    cells: list[str] = []
    column = 0
    for event, element in archive.iter_xml(member, ("start", "end")):
        tag = local(element.tag)
        if tag == "row" and event == "start":
            cells, column = [], 0
        elif tag == "c" and event == "end":
            place = _column_of(element.get("r", "")) or column + 1
            text = " ".join(_cell_text(element, strings, formats, epoch).split())
            element.clear()
            if text and len(cells) < _MOST_COLUMNS:
                cells += [""] * min(max(0, place - column - 1), _MOST_GAP)
                cells.append(text)
                column = place
        elif tag == "row" and event == "end":
            element.clear()
            if cells:
                yield budget.take("| " + " | ".join(cells) + " |")


def _column_of(reference: str) -> int:
    """``C7`` is column 3."""
    column = 0
    for character in reference[:4]:
        if not ("A" <= character <= "Z"):
            break
        column = column * 26 + ord(character) - 64
    return min(column, 16_384)


def _cell_text(cell: Element, strings: list[str], formats: list[bool], epoch: datetime) -> str:
    kind = cell.get("t", "")
    if kind == "inlineStr":
        return "".join(item.text or "" for item in cell.iter() if local(item.tag) == "t")
    value = next((item.text or "" for item in cell if local(item.tag) == "v"), "")
    if kind == "s":
        return strings[int(value)] if value.isdecimal() and len(value) < 10 and int(value) < len(strings) else ""
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    style = cell.get("s", "")
    if not kind and style.isdecimal() and len(style) < 7 and int(style) < len(formats) and formats[int(style)]:
        return _as_date(value, epoch)
    return value


def _as_date(value: str, epoch: datetime) -> str:
    try:
        moment = epoch + timedelta(days=float(value))
    except (ValueError, OverflowError):
        return value
    if float(value) < 1:
        return f"{moment:%H:%M:%S}"
    return (
        f"{moment:%Y-%m-%d}"
        if moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)
        else f"{moment:%Y-%m-%d %H:%M}"
    )
