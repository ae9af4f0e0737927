"""The Knowledge page: collections of documents, how it stands with their index, and what would be found in them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QPushButton, QVBoxLayout, QWidget

from app.gui.knowledge.collection_panel import CollectionPanel
from app.gui.knowledge.recall_test import RecallTest
from app.gui.models.rows import Row, RowList
from app.gui.notices import Notice
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import make_label
from app.services.events import KnowledgeChanged, KnowledgeProgress
from app.workstation import Workstation
from models.errors import UserFacingError

_LEFT_WIDTH = 280


class KnowledgePage(QWidget):
    """Chooses a collection at the left; its documents and the test of what is found are at the right."""

    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 28, 32, 24)
        layout.setSpacing(10)
        self._heading = make_label("", "heading", self)
        self._note = make_label("", "soft", self)
        self._note.setWordWrap(True)
        layout.addWidget(self._heading)
        layout.addWidget(self._note)
        body = QHBoxLayout()
        body.setSpacing(24)
        layout.addLayout(body, 1)
        left = QWidget(self)
        left.setFixedWidth(_LEFT_WIDTH)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        self.list = RowList(tokens, self)
        self.list.currentItemChanged.connect(lambda *_items: self._show_chosen())
        self._new = QPushButton(self)
        self._new.setProperty("role", "primary")
        self._new.clicked.connect(self._ask_for_collection)
        column.addWidget(self.list, 1)
        column.addWidget(self._new)
        self.panel = CollectionPanel(workstation, tokens, self)
        self.panel.trouble.connect(self.tell)
        self.panel.deleted.connect(self.refresh)
        self.recall = RecallTest(workstation, tokens, self)
        self.recall.trouble.connect(self.tell)
        right = QVBoxLayout()
        right.setSpacing(14)
        right.addWidget(self.panel, 5)
        right.addWidget(self.recall, 6)
        body.addWidget(left)
        body.addLayout(right, 1)
        self.notice = Notice(self)
        self.retranslate()

    def chosen(self) -> str:
        """The id of the collection that is shown; empty where there is none."""
        return str(self.list.value() or "")

    def refresh(self) -> None:
        """Read the collections again."""
        if not self.isVisible():
            return
        knowledge = self._workstation.knowledge
        rows = []
        for one in knowledge.collections.all():
            states = knowledge.roots(one.id)
            documents = sum(state.documents for state in states)
            failures = sum(len(state.failures) for state in states)
            badge = tr("{count} unreadable").format(count=failures) if failures else ""
            rows.append(Row(one.name, tr("{count} documents").format(count=f"{documents:,}"), badge, "warning", "book", one.id))
        chosen = self.chosen() or (rows[0].value if rows else None)
        known = {row.value for row in rows}
        self.list.show_rows(rows, chosen if chosen in known else rows[0].value if rows else None)
        self._show_chosen()

    def make_collection(self, name: str) -> str:
        """Make a collection and show it; its id."""
        made = self._workstation.knowledge.create(name)
        rows = [Row(one.name, "", icon="book", value=one.id) for one in self._workstation.knowledge.collections.all()]
        self.list.show_rows(rows, made.id)
        self.refresh()
        return made.id

    def hear(self, event: KnowledgeChanged | KnowledgeProgress) -> None:
        """A fact about the index."""
        if isinstance(event, KnowledgeProgress):
            self.panel.show_progress(event)
        else:
            self.refresh()

    def tell(self, error: UserFacingError) -> None:
        """Say an error in one line."""
        self.notice.say(" ".join(part for part in translated_error(error) if part))

    def _ask_for_collection(self) -> None:
        name, is_given = QInputDialog.getText(self, tr("New collection"), tr("Name"))
        if is_given and name.strip():
            try:
                self.make_collection(name)
            except UserFacingError as error:
                self.tell(error)

    def _show_chosen(self) -> None:
        self.panel.show_collection(self.chosen())
        self.recall.show_collection(self.chosen())

    def add_paths(self, paths: list[str]) -> None:
        """Add files and folders to the collection that is shown."""
        try:
            for path in paths:
                self._workstation.knowledge.add(self.chosen(), Path(path))
        except UserFacingError as error:
            self.tell(error)

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.list.retheme(tokens)
        self.panel.retheme(tokens)
        self.recall.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._heading.setText(tr("Knowledge"))
        self._note.setText(
            tr("Folders and documents to answer from. They stay where they are and are only read; answers cite passage and page.")
        )
        self._new.setText(tr("New collection…"))
        self.list.setAccessibleName(tr("Collections"))
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
