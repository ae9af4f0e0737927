"""Questions to begin with, shown until the first one is asked."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.gui.translation import tr


def suggested_questions() -> tuple[str, ...]:
    """What the starter model answers well, in the language of the window."""
    return (tr("What is quantization?"), tr("Which file fits 8 GB of memory?"), tr("How do I download a larger model?"))


class Suggestions(QWidget):
    """``chosen`` carries a question."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 8)
        row.setSpacing(8)
        self._buttons = []
        for _ in suggested_questions():
            button = QPushButton(self)
            button.setProperty("role", "chip")
            button.clicked.connect(lambda _checked=False, source=button: self.chosen.emit(source.text()))
            self._buttons.append(button)
            row.addWidget(button)
        row.addStretch()
        self.retranslate()

    def retranslate(self) -> None:
        """Speak another language."""
        for button, text in zip(self._buttons, suggested_questions(), strict=True):
            button.setText(text)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
