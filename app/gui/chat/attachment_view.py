"""What was attached to a message, as the transcript shows it: a picture small, anything else by its name."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app.gui.chat.picture_view import show_pictures
from app.gui.chat.thumbnails import Thumbnails
from app.gui.icons import make_pixmap
from app.gui.knowledge.words import extent_words
from app.gui.theme import Tokens
from app.gui.translation import tr
from backends.messages import AudioPart, FilePart, ImagePart

HEIGHT, WIDEST = 132, 260
_ICONS = {ImagePart: "photo", AudioPart: "music", FilePart: "file-text"}
Attachment = ImagePart | AudioPart | FilePart


class PictureLabel(QLabel):
    """A small picture that opens at its full size, among the others of its message."""

    def __init__(self, parts: list[ImagePart], place: int, thumbnails: Thumbnails, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        part = parts[place]
        self._pictures = [(one.path, one.name) for one in parts]
        self._place = place
        self._thumbnails = thumbnails
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(48)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(part.name or tr("picture"))
        self.setToolTip(escape(part.name))
        self.setPixmap(make_pixmap("photo", tokens.text_faint, 24))
        thumbnails.show_in(self, part.path, HEIGHT, WIDEST)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self._open()
        else:
            super().keyPressEvent(event)

    def _open(self) -> None:
        show_pictures(self._pictures, self._place, self._thumbnails, self.window())


def make_attachment_views(
    parts: list[Attachment], thumbnails: Thumbnails | None, tokens: Tokens, parent: QWidget
) -> list[QWidget]:
    """A widget for each, in their order."""
    pictures = [part for part in parts if isinstance(part, ImagePart)]
    views: list[QWidget] = []
    place = 0
    for part in parts:
        if isinstance(part, ImagePart) and thumbnails is not None:
            views.append(PictureLabel(pictures, place, thumbnails, tokens, parent))
            place += 1
        else:
            views.append(make_chip(part, tokens, parent))
    return views


def make_chip(part: Attachment, tokens: Tokens, parent: QWidget) -> QWidget:
    """The name of a document or a sound."""
    chip = QFrame(parent)
    chip.setObjectName("chip")
    layout = QHBoxLayout(chip)
    layout.setContentsMargins(10, 8, 12, 8)
    icon = QLabel(chip)
    icon.setPixmap(make_pixmap(_ICONS[type(part)], tokens.accent, 20))
    extent = extent_words(part.extent) if isinstance(part, FilePart) and part.extent else ""
    name = QLabel(f"{part.name}  ·  {extent}" if extent else part.name, chip)
    name.setTextFormat(Qt.TextFormat.PlainText)
    name.setProperty("role", "strong")
    layout.addWidget(icon)
    layout.addWidget(name)
    return chip
