"""A ZIP file as the Office formats and EPUB use it: members are read by name, within a budget, and never written anywhere."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from app.documents.parts import refuse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_MEMBERS = 20_000
LARGEST_MEMBER = 128 * 1024 * 1024
"""Bytes that one member may have when it is unpacked."""
LARGEST_IN_ALL = 256 * 1024 * 1024
MOST_TIMES = 200
"""How many times larger than packed a member above a megabyte may be: XML comes to 30 at most."""

_BOMB = "It unpacks to far more than a document would: it may have been made to fill the memory."
_BROKEN = "Its archive is damaged or cut off."


class Archive:
    """An opened archive. What is read of all members together is counted."""

    def __init__(self, path: Path) -> None:
        """Raises DocumentUnreadable where it is no archive, or one made to do harm."""
        self.path = path
        self._left = LARGEST_IN_ALL
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise refuse(path, _BROKEN) from error
        infos = self._zip.infolist()
        if len(infos) > MOST_MEMBERS:
            raise refuse(path, f"Its archive holds more than {MOST_MEMBERS:,} files.")
        self._members = {info.filename.lstrip("/").lower(): info for info in infos}

    def has(self, name: str) -> bool:
        """Whether there is such a member; case does not matter, as in Office itself."""
        return name.lstrip("/").lower() in self._members

    def names(self) -> list[str]:
        """Every member."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """A whole member. Raises DocumentUnreadable where it is missing, damaged, locked or a bomb."""
        with self.open(name) as file:
            return file.read()

    def open(self, name: str) -> IO[bytes]:
        """A member as a stream that counts."""
        info = self._members.get(name.lstrip("/").lower())
        if info is None:
            raise refuse(self.path, f"The part {name} is missing from it.")
        if info.flag_bits & 1:
            raise refuse(self.path, "It is locked with a password.")
        is_bomb = info.file_size > 1024**2 and info.file_size > MOST_TIMES * max(1, info.compress_size)
        if is_bomb or info.file_size > LARGEST_MEMBER:
            raise refuse(self.path, _BOMB)
        try:
            return io.BufferedReader(_Counted(self._zip.open(info), self), 64 * 1024)
        except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError) as error:
            raise refuse(self.path, _BROKEN) from error

    def spend(self, count: int) -> None:
        """Note bytes that were unpacked. Raises DocumentUnreadable once they are too many."""
        self._left -= count
        if self._left < 0:
            raise refuse(self.path, _BOMB)

    def iter_xml(self, name: str, events: tuple[str, ...] = ("end",)) -> Iterator[tuple[str, Element]]:
        """Parse a member piece by piece; entities and document types are refused before they are expanded."""
        import xml.etree.ElementTree as ElementTree

        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import iterparse

        with self.open(name) as file:
            try:
                yield from iterparse(file, events=events, forbid_dtd=True)
            except DefusedXmlException as error:
                raise refuse(
                    self.path, "Its XML declares entities of its own, as no document does that is meant to be read."
                ) from error
            except (ElementTree.ParseError, ValueError, LookupError) as error:
                raise refuse(self.path, f"The part {name} is damaged.") from error

    def read_xml(self, name: str) -> Element:
        """A small member as a tree."""
        root: Element | None = None
        for _, element in self.iter_xml(name, ("start",)):
            root = element if root is None else root
        if root is None:
            raise refuse(self.path, f"The part {name} is damaged.")
        return root

    def relations(self, name: str) -> dict[str, str]:
        """What a part refers to inside the archive: id to member. What lies outside, such as links to the web, is left out."""
        folder, _, file = name.rpartition("/")
        relations = f"{folder}/_rels/{file}.rels".lstrip("/")
        found: dict[str, str] = {}
        if not self.has(relations):
            return found
        for item in self.read_xml(relations):
            if str(item.get("TargetMode", "")).lower() == "external":
                continue
            found[str(item.get("Id"))] = join_inside(folder, str(item.get("Target", "")))
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()


class _Counted(io.RawIOBase):
    """A member's stream that tells the archive what was read, and turns damage into the one error."""

    def __init__(self, inner: IO[bytes], archive: Archive) -> None:
        self._inner = inner
        self._archive = archive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inner.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise refuse(self._archive.path, _BROKEN) from error
        self._archive.spend(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()


def join_inside(folder: str, target: str) -> str:
    """A member's name from a reference; ``..`` cannot lead out of the archive."""
    pieces = [] if target.startswith("/") else folder.split("/")
    for piece in target.split("/"):
        if piece == "..":
            pieces = pieces[:-1]
        elif piece not in ("", "."):
            pieces.append(piece)
    return "/".join(piece for piece in pieces if piece)


@lru_cache(maxsize=4096)
def local(tag: object) -> str:
    """An element's name without its namespace: Office writes two families of them."""
    return str(tag).rpartition("}")[2]


def attribute(element: Element, name: str) -> str:
    """An attribute by its name without namespace."""
    return next((value for key, value in element.attrib.items() if local(key) == name), "")
