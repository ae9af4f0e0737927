"""Pictures at their full size, one after another with the arrow keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from app.gui.chat.thumbnails import Thumbnails, scale
from app.gui.translation import tr

LARGEST = 3072


class PictureView(QDialog):
    """A window with one picture, as large as it fits."""

    def __init__(self, pictures: Sequence[tuple[str, str]], place: int, thumbnails: Thumbnails, parent: QWidget) -> None:
        """``pictures`` are pairs of path and name."""
        super().__init__(parent)
        self._pictures = list(pictures)
        self._place = place
        self._thumbnails = thumbnails
        self._picture = QPixmap()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 8)
        self.label = QLabel(self)
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.label.setMinimumSize(QSize(200, 150))
        self.label.setWordWrap(True)
        self.caption = QLabel(self)
        self.caption.setTextFormat(Qt.TextFormat.PlainText)
        self.caption.setProperty("role", "soft")
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.caption)
        self.resize(parent.size() * 0.8)
        self._show_picture()

    def _show_picture(self) -> None:
        path, name = self._pictures[self._place]
        self.setWindowTitle(name or tr("Picture"))
        self._thumbnails.fetch(path, LARGEST, lambda picture, reason: self._take(path, picture, reason))

    def _take(self, path: str, picture: QPixmap, reason: str) -> None:
        if path != self._pictures[self._place][0]:
            return
        self._picture = picture
        words = [self._pictures[self._place][1]]
        if picture.isNull():
            self.label.setText(reason)
        else:
            words.append(tr("{width} × {height} pixels").format(width=picture.width(), height=picture.height()))
        if len(self._pictures) > 1:
            words.append(tr("{place} of {count}").format(place=self._place + 1, count=len(self._pictures)))
        self.caption.setText("  ·  ".join(word for word in words if word))
        self._fit()

    def _fit(self) -> None:
        if not self._picture.isNull():
            ratio = self.devicePixelRatioF()
            fitted = scale(self._picture, round(self.label.width() * ratio), round(self.label.height() * ratio))
            fitted.setDevicePixelRatio(ratio)
            self.label.setPixmap(fitted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()), 0)
        if step and len(self._pictures) > 1:
            self._place = (self._place + step) % len(self._pictures)
            self._show_picture()
        else:
            super().keyPressEvent(event)


def show_pictures(pictures: Sequence[tuple[str, str]], place: int, thumbnails: Thumbnails, parent: QWidget) -> PictureView:
    """Open one of several pictures, beside the window that it belongs to."""
    view = PictureView(pictures, place, thumbnails, parent)
    view.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    view.show()
    return view
