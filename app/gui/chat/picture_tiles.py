"""The pictures that go with the next message: small, in an order that can be changed, each with what takes it away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QDragEnterEvent, QDropEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QToolButton, QWidget

from app.gui.icons import make_icon, make_pixmap
from app.gui.theme import Tokens
from app.gui.translation import tr

SIDE = 64
_KIND = "application/x-yanmo-attachment"


class PictureTile(QFrame):
    """One picture. ``moved`` carries the path that was dragged here, or the own one with the number of places to go."""

    opened = Signal(str)
    removed = Signal(str)
    dropped_here = Signal(str, str)
    moved = Signal(str, int)

    def __init__(self, path: str, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.path = path
        self.setObjectName("chip")
        self.setAcceptDrops(True)
        self.setFixedSize(SIDE + 8, SIDE + 8)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._pressed_at = QPoint()
        self.picture = QLabel(self)
        self.picture.setGeometry(4, 4, SIDE, SIDE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setPixmap(make_pixmap("photo", tokens.accent, 24))
        self.remove = QToolButton(self)
        self.remove.setProperty("role", "tiny")
        self.remove.setIcon(make_icon("x", tokens.text_soft, size=12))
        self.remove.setIconSize(QSize(12, 12))
        self.remove.setFixedSize(20, 20)
        self.remove.move(SIDE + 8 - 21, 1)
        self.remove.setStyleSheet(f"border-radius: 10px; background: {tokens.panel}; border: 1px solid {tokens.border_strong};")
        self.remove.clicked.connect(lambda: self.removed.emit(self.path))
        name = Path(path).name
        self.remove.setAccessibleName(tr("Remove {name}").format(name=name))
        self.setAccessibleName(name)
        self.describe("")

    def describe(self, words: str) -> None:
        """Say what is to be known of the picture; its name where there is nothing else."""
        hint = tr("Ctrl+← and Ctrl+→ move it")
        self.setToolTip("\n".join(part for part in (Path(self.path).name, words, hint) if part))

    def show_trouble(self, reason: str, tokens: Tokens) -> None:
        """It cannot be sent, for this reason."""
        self.picture.setPixmap(make_pixmap("alert-triangle", tokens.warning, 28))
        self.describe(reason)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed_at = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        distance = (event.position().toPoint() - self._pressed_at).manhattanLength()
        if event.buttons() & Qt.MouseButton.LeftButton and distance >= QApplication.startDragDistance():
            drag = QDrag(self)
            data = QMimeData()
            data.setData(_KIND, self.path.encode("utf-8", "surrogatepass"))
            drag.setMimeData(data)
            drag.setPixmap(self.picture.grab())
            drag.exec(Qt.DropAction.MoveAction)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.opened.emit(self.path)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if moves and step:
            self.moved.emit(self.path, step)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(self.path)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.opened.emit(self.path)
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(_KIND):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = bytes(event.mimeData().data(_KIND).data()).decode("utf-8", "surrogatepass")
        event.acceptProposedAction()
        self.dropped_here.emit(path, self.path)
