"""A scroll area whose content is placed by hand, with the keys of a reader."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication


class KeyScrollArea(QAbstractScrollArea):
    """Page keys, arrows, space, Home and End scroll; ``scroll_to_end`` may be given another meaning."""

    def scroll_to_end(self) -> None:
        """Show the end."""
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Rows are placed by hand."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        QApplication.sendEvent(self.verticalScrollBar(), event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        steps = {
            Qt.Key.Key_PageDown: bar.pageStep(),
            Qt.Key.Key_PageUp: -bar.pageStep(),
            Qt.Key.Key_Down: bar.singleStep(),
            Qt.Key.Key_Up: -bar.singleStep(),
            Qt.Key.Key_Space: bar.pageStep(),
        }
        if event.key() in steps:
            bar.setValue(bar.value() + steps[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        else:
            super().keyPressEvent(event)
