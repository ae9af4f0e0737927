"""Pictures, sounds and documents that come with a request, as files for as long as it is answered."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.api.errors import ApiError, bad_request, describe
from app.api.fetching import check_address, fetch
from backends.backend import GenerationRequest
from backends.messages import FilePart, Part
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.services.documents import Documents

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "audio/wav": ".wav"}
_DOCUMENT_SUFFIXES = {"application/pdf": ".pdf", "text/html": ".html", "text/csv": ".csv", "text/markdown": ".md"}
_PLAIN = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f]*")
_LONGEST_NAME = 80


class Media:
    """The files of one request; :meth:`close` removes them."""

    def __init__(self, *, may_fetch: bool = False, documents: Documents | None = None) -> None:
        self.may_fetch = may_fetch
        self._documents = documents
        self._folder: Path | None = None
        self._count = 0
        self._wanted: list[tuple[str, Path, str]] = []
        self._unread: list[Path] = []
        self._texts: dict[str, str] = {}

    def save(self, data: bytes, mime: str) -> str:
        """Write bytes that came with a request; gives the path."""
        self._count += 1
        path = self.folder() / f"{self._count}{_SUFFIXES.get(mime, '.bin')}"
        path.write_bytes(data)
        return str(path)

    def save_later(self, url: Any, place: str) -> str:
        """Note the address of a picture for :meth:`fetch`; gives the path under which it will lie. Raises ApiError."""
        if not self.may_fetch:
            raise bad_request(f"“{place}” must be a data: address with base64; nothing is fetched from elsewhere.", place)
        self._count += 1
        path = self.folder() / f"{self._count}.bin"
        self._wanted.append((check_address(url, place), path, place))
        return str(path)

    def save_document(self, data: bytes, name: str, mime: str, place: str) -> FilePart:
        """A document. Plain text is taken as it is; another is read by :meth:`fetch`, and its text comes with :meth:`fill`.

        Raises:
            ApiError: it is no text, and there is nobody here to read it.
        """
        text = _as_plain_text(data, name, mime)
        if text is not None:
            return FilePart("", name, text, mime)
        if self._documents is None:
            raise bad_request(f"“{place}”: only files of plain text can be read here.", place)
        self._count += 1
        folder = self.folder() / str(self._count)
        folder.mkdir()
        # the reader tells of a file by its name, and knows some kinds by it
        path = folder / _file_name(name, mime)
        path.write_bytes(data)
        self._unread.append(path)
        return FilePart(str(path), name, "", mime)

    def fetch(self) -> None:
        """Fetch and read what was noted. Takes its time: for a thread. Raises ApiError."""
        wanted, self._wanted = self._wanted, []
        for url, path, place in wanted:
            fetch(url, path, place)
        unread, self._unread = self._unread, []
        for path in unread:
            assert self._documents is not None
            try:
                self._texts[str(path)] = self._documents.read(path, is_kept=False).text
            except UserFacingError as error:
                raise describe(error) from error

    def fill(self, request: GenerationRequest) -> GenerationRequest:
        """The same request with the texts of its documents."""
        if not self._texts:
            return request
        messages = tuple(replace(one, parts=tuple(self._fill(part) for part in one.parts)) for one in request.messages)
        return replace(request, messages=messages)

    def _fill(self, part: Part) -> Part:
        if isinstance(part, FilePart) and part.path in self._texts:
            return replace(part, path="", text=self._texts[part.path])
        return part

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to fetch or to read."""
        return bool(self._wanted or self._unread)

    def folder(self) -> Path:
        """Where they lie."""
        import tempfile

        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="yanmo-request-"))
        return self._folder

    def close(self) -> None:
        """Remove every file."""
        import shutil

        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def refuse_document(place: str, *, is_elsewhere: bool) -> ApiError:
    """The error for a document that does not come with the request: by address, or by the number of one that was sent before."""
    how = "nothing is fetched from elsewhere" if is_elsewhere else "none are kept here between requests"
    return bad_request(f"“{place}”: documents must come in the request itself as base64; {how}.", place)


def _as_plain_text(data: bytes, name: str, mime: str) -> str | None:
    """The text of a file that is nothing but UTF-8; None for one that must be read."""
    if mime in _DOCUMENT_SUFFIXES or name.lower().endswith(tuple(_DOCUMENT_SUFFIXES.values())) or b"%PDF-" in data[:1024]:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if _PLAIN.fullmatch(text) else None


def _file_name(name: str, mime: str) -> str:
    """A name that every file system takes, with the ending that the client gave or its kind has."""
    stem, dot, ending = re.split(r"[/\\]", name)[-1].rpartition(".")
    plain = re.sub(r"[^\w. ()\[\]-]+", "_", stem if dot else ending).strip(" .")[:_LONGEST_NAME] or "document"
    known = re.fullmatch(r"\w{1,8}", ending) if dot else None
    return f"{plain}.{ending}" if known else plain + _DOCUMENT_SUFFIXES.get(mime, "")
