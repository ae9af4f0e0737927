"""Short notices at the bottom of the window, with an undo or another action; they leave by themselves."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

SHOWN_MILLISECONDS = 6000
_NARROWEST, _MARGIN = 200, 160
_NO_LIMIT = (1 << 24) - 1
"""Qt's own number for no limit, which PySide6 does not export."""


class Notice(QFrame):
    """One line over the page."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._over = parent
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 8, 8)
        self._label = QLabel(self)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._button = QPushButton(self)
        self._button.setProperty("role", "link")
        self._button.clicked.connect(self._act)
        self._action: Callable[[], None] | None = None
        layout.addWidget(self._label)
        layout.addWidget(self._button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    def say(self, text: str, button: str = "", action: Callable[[], None] | None = None) -> None:
        """Show a line; with a button that does something, such as undo."""
        self._label.setText(text)
        self._wrap(text)
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self._action = action
        self.setAccessibleName(text)
        self.adjustSize()
        self._settle()
        self.show()
        self.raise_()
        self._timer.start(SHOWN_MILLISECONDS)

    def _wrap(self, text: str) -> None:
        """Break lines that are wider than the page."""
        room = max(_NARROWEST, self._over.width() - _MARGIN)
        is_wide = max(map(self._label.fontMetrics().horizontalAdvance, text.split("\n"))) > room
        self._label.setWordWrap(is_wide)
        self._label.setMinimumWidth(room if is_wide else 0)
        self._label.setMaximumWidth(room if is_wide else _NO_LIMIT)

    def _act(self) -> None:
        self.hide()
        if self._action is not None:
            self._action()

    def _settle(self) -> None:
        parent = self._over
        self.move((parent.width() - self.width()) // 2, parent.height() - self.height() - 150)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._settle()
        return bool(super().eventFilter(watched, event))
