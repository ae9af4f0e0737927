"""Plain text, Markdown, source code and CSV in any encoding, given as they are."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from app.documents.document import LARGEST_TEXT, Kind, Section
from app.documents.parts import Head, Pieces, Wanted, refuse

LARGEST_FILE = 48 * 1024 * 1024
"""Bytes of the largest text file that is read."""

_SAMPLE = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MULTIBYTE = ("gb18030", "big5", "big5hkscs", "shift_jis", "euc_jp", "euc_kr")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MARKDOWN = (".md", ".markdown", ".mdown", ".mkd", ".qmd", ".rmd")
_TABLES = (".csv", ".tsv")
_PROSE = ("", ".txt", ".text", ".log", ".rst", ".tex", ".org", ".adoc", ".srt", ".vtt")


def read(path: Path, wanted: Wanted) -> Pieces:
    """The text as it stands. Raises DocumentUnreadable where the bytes are no text."""
    if path.stat().st_size > LARGEST_FILE:
        raise refuse(path, f"It is larger than {LARGEST_FILE // 1024**2} MB.")
    text, encoding = decode(path.read_bytes(), path)
    if len(text) > LARGEST_TEXT:
        raise refuse(path, f"Its text is longer than {LARGEST_TEXT // 1_000_000} million characters.")
    yield Head(_kind_of(path), encoding=encoding)
    if wanted(0):
        yield Section(text.replace("\r\n", "\n").replace("\r", "\n"))


def decode(data: bytes, path: Path) -> tuple[str, str]:
    """The text and its encoding: by its mark, as UTF-8, as UTF-16 without a mark, else the likeliest of the older ones.

    Raises:
        DocumentUnreadable: it is no text in any of them.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_as(data, encoding, path)
    encoding = _guess_wide(data)
    if encoding:
        return _decode_as(data, encoding, path)
    if b"\x00" in data:
        raise refuse(path, "It is neither text nor a document of a kind that is known here.")
    try:
        return _checked(data.decode("utf-8"), path), "utf-8"
    except UnicodeDecodeError:
        return _decode_as(data, _guess_old(data), path)


def _decode_as(data: bytes, encoding: str, path: Path) -> tuple[str, str]:
    """A damaged character becomes �; where every hundredth is damaged, it is not that encoding and not text."""
    text = data.decode(encoding, "replace")
    if text.count("\ufffd") * 100 > len(text):
        raise refuse(path, "It is neither text nor a document of a kind that is known here.")
    return _checked(text, path), encoding.removesuffix("-sig")


def _checked(text: str, path: Path) -> str:
    if len(_CONTROLS.findall(text)) * 100 > len(text):
        raise refuse(path, "It is neither text nor a document of a kind that is known here.")
    return text


def _guess_wide(data: bytes) -> str:
    """UTF-16 and UTF-32 without a mark: where every other byte is of the same few kinds, it is the upper half."""
    sample = data[: _SAMPLE // 4 * 4]
    if len(sample) < 4 or len(data) % 2:
        return ""
    for encoding in ("utf-32-le", "utf-32-be"):
        if len(data) % 4 == 0 and sample.count(b"\x00") * 2 >= len(sample) and _reads(sample, encoding):
            return encoding
    nulls = (sample[0::2].count(0), sample[1::2].count(0))
    half = len(sample) // 2
    encoding = "utf-16-le" if nulls[1] > nulls[0] else "utf-16-be"
    if max(nulls) * 20 >= half and min(nulls) * 4 <= max(nulls) and _reads(sample, encoding):
        return encoding
    return ""


def _reads(sample: bytes, encoding: str) -> bool:
    try:
        return not _CONTROLS.search(sample.decode(encoding))
    except UnicodeDecodeError:
        return False


def _guess_old(data: bytes) -> str:
    """An encoding from before Unicode: of East Asia's the one whose letters are usual ones, else the Western one."""
    sample = data[:_SAMPLE]
    possible = [encoding for encoding in _MULTIBYTE if _decodes(sample, encoding)]
    if not possible:
        return "cp1252"
    return max(possible, key=lambda encoding: _plausibility(sample.decode(encoding, "ignore")))


def _decodes(sample: bytes, encoding: str) -> bool:
    """Whether all of it is valid, but for a character that the end of the sample cut."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _plausibility(text: str) -> float:
    """How much the characters beyond ASCII look like one East Asian language: the share of those that everybody uses."""
    wide = [character for character in text if character > "\x7f"]
    if not wide:
        return 0.0
    return sum(_weight(character) for character in wide) / len(wide)


def _weight(character: str) -> float:
    code = ord(character)
    if character in _FREQUENT:
        return 4.0
    if 0x3040 <= code <= 0x30FF:
        return 1.6
    if 0x3000 <= code <= 0x303F or 0xFF00 <= code <= 0xFFEF or 0x2010 <= code <= 0x2027:
        return 1.0
    if 0xAC00 <= code <= 0xD7A3:
        return 1.2
    if 0x4E00 <= code <= 0x9FFF:
        return 0.8
    return -2.0  # private use, rare extensions, box drawing: what a wrong guess looks like


_FREQUENT = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如"
    "都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实這個們來為國說時會對於過發後裡種經麼學現當沒動還進點樣開從實與問見長關"
    "機體電話語書門東車馬無聽讀寫給請應該裏頭號兒親愛種點線條數據圖網頁檔"
)


def _kind_of(path: Path) -> Kind:
    suffix = path.suffix.lower()
    if suffix in _MARKDOWN:
        return "markdown"
    if suffix in _TABLES:
        return "csv"
    return "text" if suffix in _PROSE else "code"
