"""Files of pictures and sounds as an engine meets them: what they are, by content, and what a request refers to."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.chat_template import MEDIA_CLOSE, MEDIA_OPEN
from backends.messages import AudioPart, ImagePart, Message
from backends.pictures import read_facts
from models.errors import AttachmentRefused

MARKER = re.compile(f"{MEDIA_OPEN}([0-9]+){MEDIA_CLOSE}")
"""Where a picture or a sound goes in a rendered prompt, by its number among all of the request."""

_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A picture or a sound. ``digest`` is its content's SHA-256; ``width`` and ``height`` are pixels as shown, 0 for a sound."""

    path: str
    name: str
    digest: bytes
    is_sound: bool
    width: int = 0
    height: int = 0


class MediaFiles:
    """What was found out about files, so that a turn of a long conversation reads none of them again. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int, bool], MediaFile] = {}
        self._lock = threading.Lock()

    def of(self, messages: Sequence[Message]) -> list[MediaFile]:
        """The media of a request, in their order.

        Raises:
            AttachmentRefused: a file is gone, or is none that can be shown.
        """
        parts = [part for message in messages for part in message.parts if isinstance(part, ImagePart | AudioPart)]
        return [self._find(part) for part in parts]

    def _find(self, part: ImagePart | AudioPart) -> MediaFile:
        name = part.name or Path(part.path).name
        is_sound = isinstance(part, AudioPart)
        try:
            status = Path(part.path).stat()
            key = (part.path, status.st_size, status.st_mtime_ns, is_sound)
            with self._lock:
                if (known := self._known.get(key)) is not None:
                    return known
            with Path(part.path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise AttachmentRefused(file=name, reason=f"{error.strerror or error}.") from error
        if is_sound:
            found = MediaFile(part.path, name, digest, True)
        else:
            facts = read_facts(part.path, name)
            found = MediaFile(part.path, name, digest, False, facts.width, facts.height)
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = found
        return found
