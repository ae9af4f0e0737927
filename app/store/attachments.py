"""Attached files, each kept once under its SHA-256, and removed only when nothing refers to it any more."""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import os
import re
import secrets
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from app.store.connections import Connections
from app.store.records import Attachment
from backends.media_desk import MediaDesk
from backends.messages import AudioPart, FilePart, ImagePart, Part, PassagePart
from models.errors import AttachmentRefused, DiskFull, StoreError

SIZE_LIMIT = 512 * 1024 * 1024
"""Bytes of the largest file that can be attached."""

TEXT_LIMIT = 8 * 1024 * 1024
"""Bytes of the largest document that a model is given as text."""

_SCHEME = "attachment:"
_GRACE_SECONDS = 24 * 60 * 60
_SAFE_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
_SVG = "image/svg+xml"
_MADE_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "audio/flac": ".flac"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_HASH = re.compile(r"[0-9a-f]{64}")
_IMAGE_STARTS = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"))


class Attachments:
    """Thread-safe. Files lie in ``folder/ab/abcd….suffix``; the database names them by hash, so that the folder may move."""

    def __init__(self, connections: Connections, folder: Path, desk: MediaDesk | None = None) -> None:
        """Pictures and sounds are looked at by ``desk`` before they are kept; without one they are taken as they are."""
        self._connections = connections
        self._folder = folder
        self._desk = desk
        self._notes: dict[str, tuple[str, ...]] = {}

    def add(self, path: str | Path) -> Attachment:
        """Copy a file in; the same content is kept once.

        Raises:
            AttachmentRefused: it is no file, cannot be read, or is larger than ``SIZE_LIMIT``.
            DiskFull: there is no room for it.
        """
        source = Path(path)
        try:
            if not source.is_file():
                raise AttachmentRefused(file=source.name, reason="There is no such file.")
            if source.stat().st_size > SIZE_LIMIT:
                raise AttachmentRefused(file=source.name, reason=f"It is larger than {SIZE_LIMIT // 1024**2} MB.")
            data = source.read_bytes()
        except OSError as error:
            raise AttachmentRefused(file=source.name, reason=f"{error.strerror or error}.") from error
        return self.add_bytes(data, source.name, guess_mime(source.name, data))

    def add_bytes(self, data: bytes, name: str, mime: str = "") -> Attachment:
        """Keep bytes that come from the clipboard or an import."""
        sha256 = hashlib.sha256(data).hexdigest()
        known = self._connections.row("SELECT suffix FROM attachments WHERE sha256 = ?", (sha256,))
        suffix = str(known["suffix"]) if known else _suffix(name)
        target = self._path(sha256, suffix)
        if not target.is_file() or target.stat().st_size != len(data):
            _write_file(target, data)
        attachment = Attachment(sha256, str(target), name, mime or guess_mime(name, data), len(data))
        with self._connections.write() as connection:
            connection.execute(
                "INSERT INTO attachments (sha256, suffix, name, mime, size, added_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (sha256) DO UPDATE SET added_at = excluded.added_at",
                (sha256, suffix, name, attachment.mime, len(data), time.time()),
            )
        if not target.is_file():  # collected between the two: the row is fresh now, so this cannot happen again
            _write_file(target, data)
        return attachment

    def make_part(self, path: str | Path) -> Part:
        """Attach a file as what it is: a picture, a sound, or a document that is given to the model as text.

        Raises:
            AttachmentRefused: it is none of them.
        """
        source = Path(path)
        mime = guess_mime(source.name, _first_bytes(source))
        if mime.startswith("image/") and mime != _SVG:
            kept = self._add_checked(source, mime)
            return ImagePart(kept.path, kept.mime, source.name)
        if mime.startswith("audio/"):
            kept = self._add_checked(source, mime)
            return AudioPart(kept.path, kept.mime, source.name)
        try:
            if source.stat().st_size > TEXT_LIMIT:
                raise AttachmentRefused(file=source.name, reason=f"As text it is larger than {TEXT_LIMIT // 1024**2} MB.")
            text = decode_text(source.read_bytes())
        except OSError as error:
            raise AttachmentRefused(file=source.name, reason=f"{error.strerror or error}.") from error
        if text is None:
            raise AttachmentRefused(file=source.name, reason="It is neither a picture, a sound nor text that can be read.")
        kept = self.add(source)
        return FilePart(kept.path, source.name, text, kept.mime)

    def _add_checked(self, source: Path, mime: str) -> Attachment:
        """Keep a picture or a sound as a plain one that every engine can read: upright, no bomb, whole.

        Raises:
            AttachmentRefused: it cannot be read, or would do harm.
        """
        if self._desk is None:
            return self.add(source)
        with tempfile.TemporaryDirectory(prefix="yanmo-media-") as folder:
            target = Path(folder) / source.stem
            look = self._desk.check_picture if mime.startswith("image/") else self._desk.check_sound
            found = look(source, target, source.name)
            if found.path == str(source):
                return replace(self.add(source), mime=found.mime)
            try:
                made = self.add_bytes(target.read_bytes(), source.stem + _MADE_SUFFIXES[found.mime], found.mime)
                self._notes[made.path] = found.notes
                return made
            except OSError as error:
                raise AttachmentRefused(file=source.name, reason=f"{error.strerror or error}.") from error

    def notes_on(self, part: Part) -> tuple[str, ...]:
        """What was changed of a picture when it was attached, as sentences; nothing after a restart."""
        return self._notes.get(part.path, ()) if isinstance(part, ImagePart | AudioPart) else ()

    def adopt(self, part: Part) -> Part:
        """The same part with its file kept here, whatever folder it came from."""
        if not isinstance(part, ImagePart | AudioPart | FilePart) or not part.path or self.hash_of(part.path):
            return part
        return replace(part, path=self.add(part.path).path)

    def get(self, sha256: str) -> Attachment | None:
        """What is kept under that hash."""
        row = self._connections.row("SELECT * FROM attachments WHERE sha256 = ?", (sha256,))
        if row is None:
            return None
        return Attachment(sha256, str(self._path(sha256, row["suffix"])), row["name"], row["mime"], row["size"])

    def collect(self) -> int:
        """Delete files that no message refers to and that were added more than a day ago; returns how many."""
        before = time.time() - _GRACE_SECONDS
        with self._connections.write() as connection:
            rows = connection.execute(
                "SELECT sha256, suffix FROM attachments AS a WHERE added_at < ? "
                "AND NOT EXISTS (SELECT 1 FROM message_attachments WHERE sha256 = a.sha256)",
                (before,),
            ).fetchall()
            connection.executemany("DELETE FROM attachments WHERE sha256 = ?", [(row["sha256"],) for row in rows])
            for row in rows:
                with contextlib.suppress(OSError):
                    self._path(row["sha256"], row["suffix"]).unlink(missing_ok=True)
        return len(rows)

    def hash_of(self, path: str) -> str:
        """The SHA-256 of a file that is kept here, by its path; empty for any other path."""
        stem = Path(path).stem
        return stem if _HASH.fullmatch(stem) and Path(path).parent == self._folder / stem[:2] else ""

    def encode(self, part: Part) -> Part:
        """The part as the database holds it: a kept file by hash instead of by path."""
        if isinstance(part, ImagePart | AudioPart | FilePart | PassagePart) and self.hash_of(part.path):
            return replace(part, path=_SCHEME + Path(part.path).name)
        return part

    def decode(self, part: Part) -> Part:
        """The inverse of :meth:`encode`."""
        if isinstance(part, ImagePart | AudioPart | FilePart | PassagePart) and part.path.startswith(_SCHEME):
            name = part.path.removeprefix(_SCHEME)
            return replace(part, path=str(self._folder / name[:2] / Path(name).name))
        return part

    def refer(self, connection: sqlite3.Connection, message_id: str, parts: tuple[Part, ...]) -> None:
        """Note which kept files a message uses, inside the transaction that writes it."""
        hashes = {
            sha256 for part in parts if isinstance(part, ImagePart | AudioPart | FilePart) if (sha256 := self.hash_of(part.path))
        }
        connection.executemany(
            "INSERT OR IGNORE INTO message_attachments (message_id, sha256) SELECT ?, sha256 FROM attachments WHERE sha256 = ?",
            [(message_id, sha256) for sha256 in hashes],
        )

    def _path(self, sha256: str, suffix: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}{suffix}"


def guess_mime(name: str, data: bytes = b"") -> str:
    """The media type by what the file begins with, else by its name."""
    for start, mime in _IMAGE_STARTS:
        if data.startswith(start):
            return mime
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if data[8:12] == b"WEBP" else "audio/wav"
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def decode_text(data: bytes) -> str | None:
    """Text in UTF-8, UTF-16 with its mark, or GB 18030; none where it is not text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
        if b"\x00" in data or data.startswith(b"%PDF"):
            return None
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            controls = len(_CONTROLS.findall(text))
            return text if controls * 100 <= len(text) else None
    return None


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if _SAFE_SUFFIX.fullmatch(suffix) else ""


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise AttachmentRefused(file=path.name, reason=f"{error.strerror or error}.") from error


def _write_file(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if error.errno == 28:  # ENOSPC
            raise DiskFull(folder=target.parent, free="too little") from error
        raise StoreError(reason=f"{target.name}: {error.strerror or error}.") from error
