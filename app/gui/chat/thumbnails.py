"""Small pictures for the window: made in a process of their own, for the files come from anywhere, and shown when they are there."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QLabel

from app.gui.translation import translated_error
from app.workstation import Workstation
from models.errors import UserFacingError

_REMEMBERED = 200

_Key = tuple[str, int, int]
"""Path, side, and when the file was written."""

Shown = Callable[[QPixmap, str], None]
"""Takes a picture, and why there is none where it is empty."""


class Thumbnails(QObject):
    """Gives pictures by path and size.

    Thread contract: ``_make`` runs in a lane of the jobs, everything else on the window's thread.
    """

    _came = Signal(object, str, object)

    def __init__(self, workstation: Workstation, parent: QObject) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._known: OrderedDict[_Key, tuple[QPixmap, str]] = OrderedDict()
        self._waiting: dict[_Key, list[Shown]] = {}
        self._came.connect(self._hear)

    def fetch(self, path: str, side: int, shown: Shown) -> None:
        """Hand the picture over, now or later; ``side`` in pixels of the screen is the most that it measures."""
        key = (path, side, _stamp(path))
        if (known := self._known.get(key)) is not None:
            shown(*known)
            return
        waiting = self._waiting.setdefault(key, [])
        waiting.append(shown)
        if len(waiting) == 1:
            self._workstation.jobs.submit("media", lambda _is_cancelled: self._make(key), "thumbnail")

    def show_in(self, label: QLabel, path: str, height: int, most_width: int) -> None:
        """Put a picture into a label, of this height unless it is too wide."""
        ratio = label.devicePixelRatioF()

        def show(picture: QPixmap, reason: str) -> None:
            if picture.isNull():
                label.setToolTip(reason)
                return
            fitted = scale(picture, round(most_width * ratio), round(height * ratio))
            fitted.setDevicePixelRatio(ratio)
            label.setPixmap(fitted)

        self.fetch(path, round(max(height, most_width) * ratio), show)

    def _make(self, key: _Key) -> None:
        path, reason = "", None
        try:
            path = self._workstation.media.thumbnail(key[0], key[1])
        except UserFacingError as error:
            reason = error
        with contextlib.suppress(RuntimeError):  # the window is gone, and with it who would see
            self._came.emit(key, path, reason)

    @Slot(object, str, object)
    def _hear(self, key: _Key, path: str, error: object) -> None:
        picture = QPixmap(path) if path else QPixmap()
        reason = " ".join(part for part in translated_error(error) if part) if isinstance(error, UserFacingError) else ""
        self._known[key] = (picture, reason)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        for shown in self._waiting.pop(key, []):
            with contextlib.suppress(RuntimeError):  # its label was deleted meanwhile
                shown(picture, reason)


def _stamp(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def scale(picture: QPixmap, width: int, height: int) -> QPixmap:
    """The picture within these pixels; never larger than it is."""
    from PySide6.QtCore import Qt

    if picture.width() <= width and picture.height() <= height:
        return QPixmap(picture)
    return picture.scaled(width, height, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
