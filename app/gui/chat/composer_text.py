"""The composer's text field: it grows with its text, and an input method's Enter never sends."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from app.gui.theme import Sizes, make_font

MOST_LINES = 10


class ComposerText(QPlainTextEdit):
    """The text field. ``sent`` on Enter, ``cancelled`` on Escape, ``recalled`` on Up in an empty field."""

    sent = Signal()
    cancelled = Signal()
    recalled = Signal()
    files_given = Signal(list)
    image_given = Signal(object)
    focus_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composerText")
        self.setFont(make_font(Sizes.TEXT_MESSAGE))
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.document().setDocumentMargin(4)
        self._is_composing = False
        self.textChanged.connect(self.fit)
        self.fit()

    def fit(self) -> None:
        """Grow with the text, up to ten lines."""
        line = self.fontMetrics().lineSpacing()
        lines = 0
        block = self.document().begin()
        while block.isValid() and lines < MOST_LINES:
            lines += max(1, block.layout().lineCount())
            block = block.next()
        self.setFixedHeight(round(line * min(max(lines, 1), MOST_LINES)) + 12)
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines >= MOST_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self.fit)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._is_composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and self._is_composing:
            event.accept()  # the Enter that chooses a candidate belongs to the input method
            return
        if is_enter and not event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier):
            event.accept()
            if not event.isAutoRepeat():
                self.sent.emit()
            return
        if is_enter:
            self.insertPlainText("\n")
            return
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
            return
        if event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.recalled.emit()
            return
        super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasUrls() or source.hasImage() or bool(super().canInsertFromMimeData(source))

    def insertFromMimeData(self, source: QMimeData) -> None:
        paths = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if paths:
            self.files_given.emit(paths)
        elif source.hasImage():
            self.image_given.emit(source.imageData())
        elif source.hasText():
            self.insertPlainText(source.text())

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._is_composing = False
        super().focusOutEvent(event)
        self.focus_changed.emit(False)
