"""Which reader reads a file: decided by what the file holds, not by its name alone."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from app.documents.parts import Pieces, Wanted, refuse

_NAMES = (
    ".pdf .docx .docm .pptx .pptm .xlsx .xlsm .epub .html .htm .xhtml .md .markdown .txt .text .rst .org .adoc .tex .csv .tsv .json "
    ".jsonl .yaml .yml .toml .ini .cfg .conf .xml .log .srt .vtt .py .js .ts .jsx .tsx .c .h .cc .cpp .hpp .cs .java .kt .go .rs .rb "
    ".php .swift .scala .sh .bash .zsh .ps1 .sql .r .jl .lua .pl .css .scss .vue .svelte .ipynb .proto .cmake .mk .gradle .dart .m "
    ".mm .f90 .hs .ml .ex .exs .erl .clj .lisp .el .vim .bat .diff .patch"
)
SUFFIXES = frozenset(_NAMES.split())
"""Names of files that are looked into when a folder is indexed. A file that a person chooses is read whatever its name."""

_HTML_NAMES = (".html", ".htm", ".xhtml")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MEMBERS = (("word/document.xml", "word"), ("ppt/presentation.xml", "slides"), ("xl/workbook.xml", "spreadsheet"))
_OTHERS = (
    (b"\x89PNG", "It is a picture."),
    (b"\xff\xd8\xff", "It is a picture."),
    (b"GIF8", "It is a picture."),
    (b"\x7fELF", "It is a program."),
    (b"MZ\x90", "It is a program."),
    (b"\x1f\x8b", "It is a compressed archive; unpack it first."),
    (b"7z\xbc\xaf", "It is a compressed archive; unpack it first."),
    (b"Rar!", "It is a compressed archive; unpack it first."),
    (b"SQLite format 3", "It is a database."),
    (b"GGUF", "It is a model."),
)


def read_pieces(path: Path, wanted: Wanted) -> Pieces:
    """Read with the module for this file.

    Raises:
        DocumentUnreadable: it is missing, damaged, locked, hostile or of a kind that is not read.
    """
    reader: Any = import_module(f"app.documents.{_choose(path)}")
    pieces: Pieces = reader.read(path, wanted)
    return pieces


def _choose(path: Path) -> str:
    try:
        if path.is_dir():
            raise refuse(path, "It is a folder.")
        if not path.is_file():
            raise refuse(path, "There is no such file." if not path.exists() else "It is no ordinary file.")
        with path.open("rb") as file:
            start = file.read(2048)
    except OSError as error:
        raise refuse(path, f"{error.strerror or error}.") from error
    suffix = path.suffix.lower()
    if b"%PDF-" in start[:1024]:
        return "pdf"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _choose_archive(path)
    if start.startswith(_OLE):
        raise refuse(
            path, "It is locked with a password, or was written by an Office from before 2007; save it as .docx, .xlsx or .pptx."
        )
    for magic, reason in _OTHERS:
        if start.startswith(magic):
            raise refuse(path, reason)
    if suffix in (".pdf", ".docx", ".pptx", ".xlsx", ".epub", ".docm", ".pptm", ".xlsm"):
        raise refuse(path, "It is damaged, or not what its name says.")
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if suffix in _HTML_NAMES or head.startswith((b"<!doctype html", b"<html")):
        return "web_page"
    return "plain_text"


def _choose_archive(path: Path) -> str:
    from app.documents.archive import Archive

    archive = Archive(path)
    try:
        for member, reader in _MEMBERS:
            if archive.has(member):
                return reader
        if archive.has("META-INF/container.xml"):
            return "epub"
    finally:
        archive.close()
    raise refuse(path, "It is an archive, but no document of Word, Excel or PowerPoint, and no electronic book.")
