"""What all rows of the transcript have in common: their facts, their height, and buttons that tell what the reader asked for."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from app.gui.chat.message_model import Row
from app.gui.icons import make_icon
from app.gui.theme import Tokens
from app.gui.translation import tr


class RowWidget(QWidget):
    """One live row. ``acted`` carries an action's name and the message's id."""

    acted = Signal(str, str)

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.row = row
        self.tokens = tokens

    def height_for(self, width: int) -> int:
        """Pixels needed at ``width``."""
        self.resize(width, max(1, self.height()))
        layout = self.layout()
        if layout is not None and layout.hasHeightForWidth():
            return layout.heightForWidth(width)
        return self.sizeHint().height()

    def refresh_row(self, row: Row, width: int) -> None:
        """Show the row's newest facts."""

    def act(self, action: str) -> None:
        """Tell the transcript what the reader asked for."""
        self.acted.emit(action, self.row.model.message.id)

    def make_button(self, icon: str, name: str, action: str) -> QToolButton:
        """A small icon button with an accessible name and a tool tip."""
        button = QToolButton(self)
        button.setProperty("role", "tiny")
        button.setIcon(make_icon(icon, self.tokens.text_soft, size=16))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(lambda: self.act(action))
        return button

    def add_sibling_buttons(self, layout: QHBoxLayout) -> None:
        """‹ 2/3 › where the message has siblings."""
        message = self.row.model.message
        if message.sibling_count < 2:
            return
        previous = self.make_button("chevron-left", tr("Previous version"), "previous_sibling")
        following = self.make_button("chevron-right", tr("Next version"), "next_sibling")
        previous.setEnabled(message.sibling_index > 0)
        following.setEnabled(message.sibling_index < message.sibling_count - 1)
        count = QLabel(f"{message.sibling_index + 1}/{message.sibling_count}", self)
        count.setProperty("role", "faint")
        for widget in (previous, count, following):
            layout.addWidget(widget)
