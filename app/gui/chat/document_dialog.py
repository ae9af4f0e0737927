"""How much of a document a model reads: all of it, some pages, its beginning, what fits each question, or its pages as pictures."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.documents.document import parse_pages
from app.gui.knowledge.words import count_words
from app.gui.translation import tr, tr_reason, translated_error
from app.gui.widgets import make_label
from app.services.documents import MODES, DocumentChoice, Weighed
from models.errors import UserFacingError


class DocumentDialog(QDialog):
    """Says what the document takes and what is free, and offers what can be done."""

    def __init__(self, weighed: Weighed, choice: DocumentChoice, room: int, can_see: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        document = weighed.document
        self._document = document
        self.setWindowTitle(document.name)
        self.setMinimumWidth(520)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(10)
        title = make_label(document.name, "heading", self)
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setWordWrap(True)
        layout.addWidget(title)
        layout.addWidget(make_label(self._facts(weighed, room), "soft", self))
        for note in document.notes:
            layout.addWidget(make_label(tr_reason(note), "faint", self))
        self._group = QButtonGroup(self)
        self.pages = QLineEdit(choice.pages, self)
        self.pages.setPlaceholderText("2-5, 8")
        self.pages.setMaximumWidth(140)
        self.pages.setAccessibleName(tr("Pages"))
        self.tokens = QSpinBox(self)
        self.tokens.setRange(16, 10_000_000)
        self.tokens.setSingleStep(256)
        self.tokens.setValue(choice.tokens or max(16, room or weighed.tokens))
        self.tokens.setAccessibleName(tr("Tokens"))
        words = {
            "whole": tr("All of it"),
            "pages": tr("These pages:"),
            "trim": tr("Its beginning, so many tokens:"),
            "search": tr("Only passages that fit each question, with citations"),
            "pictures": tr("Its pages as pictures, for a model that sees"),
        }
        for number, mode in enumerate(MODES):
            button = QRadioButton(words[mode], self)
            button.setChecked(mode == choice.mode)
            button.setEnabled(
                (mode != "pages" or bool(document.unit)) and (mode != "pictures" or (document.kind == "pdf" and can_see))
            )
            button.setVisible(button.isEnabled())
            self._group.addButton(button, number)
            row = QHBoxLayout()
            row.addWidget(button)
            if mode in ("pages", "trim"):
                row.addWidget(self.pages if mode == "pages" else self.tokens)
            row.addStretch()
            layout.addLayout(row)
        self.pages.textEdited.connect(lambda _text: self._group.button(MODES.index("pages")).setChecked(True))
        self.tokens.valueChanged.connect(lambda _value: self._group.button(MODES.index("trim")).setChecked(True))
        self.pages.setVisible(bool(document.unit))
        self._trouble = QLabel(self)
        self._trouble.setProperty("role", "error")
        self._trouble.setWordWrap(True)
        self._trouble.hide()
        layout.addWidget(self._trouble)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout.addWidget(box)

    def choice(self) -> DocumentChoice:
        """What was chosen."""
        mode = MODES[max(0, self._group.checkedId())]
        has_pages = mode == "pages" or (mode == "pictures" and self.pages.text().strip())
        return DocumentChoice(mode, self.pages.text().strip() if has_pages else "", self.tokens.value() if mode == "trim" else 0)

    def accept(self) -> None:
        """Close, unless the pages are none of this document."""
        chosen = self.choice()
        if chosen.mode == "pages" or chosen.pages:
            try:
                parse_pages(chosen.pages, self._document.count, self._document.name)
            except UserFacingError as error:
                self._trouble.setText(" ".join(part for part in translated_error(error) if part))
                self._trouble.show()
                return
        super().accept()

    @staticmethod
    def _facts(weighed: Weighed, room: int) -> str:
        pages = count_words(weighed.document.count, weighed.document.unit)
        template = tr("{count} tokens") if weighed.is_exact else tr("about {count} tokens")
        free = tr("{count} are free in the context").format(count=f"{room:,}") if room else ""
        return "  ·  ".join(piece for piece in (pages, template.format(count=f"{weighed.tokens:,}"), free) if piece)
