"""The recall test: which passages a question would be given, without asking a model."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.knowledge.source_viewer import SourceViewer
from app.gui.knowledge.words import place_words
from app.gui.models.background import Background
from app.gui.models.rows import Row, RowList
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.retrieval.search import Hit
from app.workstation import Workstation


class RecallTest(QWidget):
    """Searches the collection that is shown; a passage opens where it stands. ``trouble`` carries an error."""

    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._tokens = tokens
        self._collection = ""
        self.hits: list[Hit] = []
        self._seconds = 0.0
        self._work = Background(workstation.jobs, "network", self)  # a lane that does not wait behind copying
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._title = make_label("", "strong", self)
        row = QHBoxLayout()
        self.question = QLineEdit(self)
        self.question.returnPressed.connect(self.search)
        self._find = QPushButton(self)
        self._find.clicked.connect(self.search)
        row.addWidget(self.question, 1)
        row.addWidget(self._find)
        self.list = RowList(tokens, self)
        self.list.itemActivated.connect(lambda _item: self.open_chosen())
        self.list.itemClicked.connect(lambda _item: self.open_chosen())
        self._state = make_label("", "faint", self)
        layout.addWidget(self._title)
        layout.addLayout(row)
        layout.addWidget(self.list, 1)
        layout.addWidget(self._state)
        self.retranslate()

    def show_collection(self, collection_id: str) -> None:
        """Search this one from now on."""
        if collection_id != self._collection:
            self._collection = collection_id
            self._show([], 0.0)
            self._state.setText("")
        self.setEnabled(bool(collection_id))

    def search(self) -> None:
        """Find passages for the question."""
        question, collection = self.question.text().strip(), self._collection
        if not question or not collection:
            return
        begun = time.monotonic()
        self._work.run(
            lambda: self._workstation.knowledge.search(question, [collection]),
            lambda hits: self._show(hits, time.monotonic() - begun),
            self.trouble.emit,
        )

    def open_chosen(self) -> None:
        """Show where the chosen passage stands."""
        number = self.list.value()
        if number is None:
            return
        hit = self.hits[int(number)]
        source = (hit.path, hit.name, hit.place, hit.text)
        SourceViewer(self._workstation, self._tokens, source, hit.number, self).exec()

    def _show(self, hits: list[Hit], seconds: float) -> None:
        self.hits, self._seconds = hits, seconds
        rows = [
            Row(
                f"[{number + 1}] {hit.name}, {place_words(hit.place)}",
                " ".join(hit.text.split())[:300],
                self._describe(hit),
                "ok",
                "file-text",
                number,
            )
            for number, hit in enumerate(hits)
        ]
        self.list.show_rows(rows)
        words = (
            tr("Passages: {count}, in {seconds} s").format(count=len(hits), seconds=f"{seconds:.2f}")
            if hits
            else tr("Nothing fits.")
        )
        self._state.setText(words)

    @staticmethod
    def _describe(hit: Hit) -> str:
        """Which way of searching found it."""
        if hit.word_rank and hit.meaning_rank:
            return tr("words and meaning")
        return tr("words") if hit.word_rank else tr("meaning")

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.list.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._title.setText(tr("Recall test"))
        self.question.setPlaceholderText(tr("A question, to see which passages a model would be given"))
        self.question.setAccessibleName(tr("Recall test"))
        self._find.setText(tr("Find passages"))
        self.list.setAccessibleName(tr("Passages"))
        if self.hits:
            self._show(self.hits, self._seconds)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
