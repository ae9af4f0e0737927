"""Pictures and sounds on their way to a model or a face: made plain in a process of their own, and shown small."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from backends.media_desk import MediaDesk
from backends.messages import AudioPart, ImagePart, Message, Part
from models.errors import AttachmentRefused


class Media:
    """Thread-safe. ``folder`` keeps small pictures, by what they show."""

    def __init__(self, desk: MediaDesk, folder: Path) -> None:
        self._desk = desk
        self._folder = folder

    def thumbnail(self, path: str, side: int) -> str:
        """The path of a PNG of a picture, ``side`` pixels at most, made once.

        Raises:
            AttachmentRefused: it cannot be read, or would do harm.
        """
        name = Path(path).name
        try:
            status = Path(path).stat()
            key = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{side}"
            target = self._folder / f"{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}.png"
            if not target.is_file():
                self._folder.mkdir(parents=True, exist_ok=True)
                self._desk.make_thumbnail(path, target, side, name)
        except OSError as error:
            raise AttachmentRefused(file=name, reason=f"{error.strerror or error}.") from error
        return str(target)

    def make_plain(self, messages: Iterable[Message], folder: Path) -> tuple[Message, ...]:
        """The same messages with pictures and sounds that every engine can read; what had to be made lies in ``folder``.

        Raises:
            AttachmentRefused: one cannot be read, or would do harm.
        """
        return tuple(
            replace(message, parts=tuple(self._make_plain(part, folder) for part in message.parts)) for message in messages
        )

    def _make_plain(self, part: Part, folder: Path) -> Part:
        if not isinstance(part, ImagePart | AudioPart):
            return part
        look = self._desk.check_picture if isinstance(part, ImagePart) else self._desk.check_sound
        found = look(part.path, folder / f"plain-{Path(part.path).stem}", part.name)
        return replace(part, path=found.path, mime=found.mime)
