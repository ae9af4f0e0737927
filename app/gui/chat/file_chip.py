"""A chip in the composer: an attached sound or document, what it takes, and a cross that takes it away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.gui.icons import make_icon, make_pixmap
from app.gui.theme import Tokens
from app.gui.translation import tr


class FileChip(QFrame):
    """``removed`` and ``opened`` carry the path."""

    removed = Signal(str)
    opened = Signal(str)

    def __init__(self, path: str, icon: str, words: str, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self.path = path
        self.is_gone = False
        self._tokens = tokens
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 6, 6)
        picture = QLabel(self)
        picture.setPixmap(make_pixmap(icon, tokens.accent, 20))
        column = QVBoxLayout()
        column.setSpacing(0)
        name = QLabel(self.fontMetrics().elidedText(Path(path).name, Qt.TextElideMode.ElideMiddle, 180), self)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setProperty("role", "strong")
        self.state = QPushButton(words, self)
        self.state.setFlat(True)
        self.state.setEnabled(False)
        self.state.clicked.connect(lambda: self.opened.emit(self.path))
        column.addWidget(name)
        column.addWidget(self.state, 0, Qt.AlignmentFlag.AlignLeft)
        remove = QToolButton(self)
        remove.setProperty("role", "tiny")
        remove.setIcon(make_icon("x", tokens.text_soft, size=14))
        remove.setAccessibleName(tr("Remove {name}").format(name=Path(path).name))
        remove.clicked.connect(lambda: self.removed.emit(self.path))
        row.addWidget(picture)
        row.addLayout(column)
        row.addWidget(remove)
        self.describe(words)

    def describe(self, words: str, *, can_open: bool = False, is_trouble: bool = False) -> None:
        """What stands below the name; with ``can_open`` it is a button, with ``is_trouble`` it is coloured."""
        colour = self._tokens.warning if is_trouble else self._tokens.text_soft if can_open else self._tokens.text_faint
        self.state.setText(words + ("  ›" if can_open else ""))
        self.state.setEnabled(can_open)
        self.state.setCursor(Qt.CursorShape.PointingHandCursor if can_open else Qt.CursorShape.ArrowCursor)
        style = f"border: none; background: transparent; padding: 0; text-align: left; font-size: 12px; color: {colour};"
        self.state.setStyleSheet(style)
        self.state.setAccessibleName(words)
