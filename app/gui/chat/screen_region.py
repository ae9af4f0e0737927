"""A part of the screen as a picture: the screen is shown still, and the reader draws a frame on it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QScreen
from PySide6.QtWidgets import QWidget

from app.gui.translation import tr

_HIDING_MILLISECONDS = 250
_SMALLEST = 8


class ScreenRegion(QWidget):
    """Covers one screen with a still picture of it. ``taken`` carries the part that was framed."""

    taken = Signal(QImage)

    def __init__(self, still: QPixmap, screen: QScreen) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint | Qt.WindowType.Tool)
        self._still = still
        self._from = self._to = QPoint()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setGeometry(screen.geometry())
        self.setAccessibleName(tr("Draw a frame around what is to be shown; Esc leaves"))

    @property
    def frame(self) -> QRect:
        """What is framed, in the widget's pixels."""
        return QRect(self._from, self._to).normalized()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(self.rect(), self._still)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 110))
        if self._from != self._to:
            ratio = self._still.width() / max(1, self.width())
            frame = self.frame
            source = QRect(frame.topLeft() * ratio, frame.size() * ratio)
            painter.drawPixmap(frame, self._still, source)
            painter.setPen(QPen(QColor("white"), 2))
            painter.drawRect(frame)
        else:
            painter.setPen(QColor("white"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.accessibleName())
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = self._to = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._to = event.position().toPoint()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._to = event.position().toPoint()
        frame = self.frame
        if min(frame.width(), frame.height()) >= _SMALLEST:
            ratio = self._still.width() / max(1, self.width())
            self.taken.emit(self._still.copy(QRect(frame.topLeft() * ratio, frame.size() * ratio)).toImage())
            self.close()
        else:
            self._from = self._to = QPoint()
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()


class ScreenPicker(QWidget):
    """Hides the window, takes a picture of the screen that it was on, and shows it for a frame to be drawn."""

    taken = Signal(QImage)
    refused = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self.region: ScreenRegion | None = None

    @staticmethod
    def is_possible() -> bool:
        """Whether this system lets a program see the screen: Wayland does not."""
        return not QGuiApplication.platformName().startswith("wayland")

    def pick(self) -> None:
        """Begin, once the window is out of the way."""
        self.window().setWindowOpacity(0.0)
        QTimer.singleShot(_HIDING_MILLISECONDS, self, self._take)

    def _take(self) -> None:
        screen = self.screen()
        still = screen.grabWindow(0) if screen is not None else QPixmap()
        self.window().setWindowOpacity(1.0)
        if still.isNull():
            self.refused.emit()
            return
        self.region = ScreenRegion(still, screen)
        self.region.taken.connect(self.taken)
        self.region.showFullScreen()
        self.region.activateWindow()
