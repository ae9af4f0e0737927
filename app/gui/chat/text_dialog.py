"""A long text in a window of its own."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QPlainTextEdit, QVBoxLayout, QWidget

from app.gui.translation import tr


class TextDialog(QDialog):
    """Shows a text of any length, to read and to select from."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Your message"))
        self.resize(760, 620)
        layout = QVBoxLayout(self)
        field = QPlainTextEdit(text, self)
        field.setProperty("role", "field")
        field.setReadOnly(True)
        field.setAccessibleName(tr("Your message"))
        layout.addWidget(field)
