"""Which collections the open conversation is answered from: a button in the top bar with a list to tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.gui.translation import tr
from app.workstation import Workstation

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class KnowledgeChoice(QObject):
    """A choice made before the first message is kept with it."""

    def __init__(self, workstation: Workstation, page: ChatPage) -> None:
        super().__init__(page)
        self._collections = workstation.knowledge.collections
        self._page = page
        self._new: list[str] = []
        page.top_bar.knowledge.clicked.connect(self.open_menu)
        page.title_changed.connect(lambda _title: self.hear())

    def chosen(self) -> list[str]:
        """The ids of the collections that are ticked."""
        conversation = self._page.conversation_id
        return self._collections.chosen(conversation) if conversation else list(self._new)

    def toggle(self, collection_id: str, is_on: bool) -> None:
        """Ask a collection, or no longer."""
        ids = [one for one in self.chosen() if one != collection_id] + ([collection_id] if is_on else [])
        if self._page.conversation_id:
            self._collections.choose(self._page.conversation_id, ids)
        else:
            self._new = ids
        self.hear()

    def keep_choice(self, conversation_id: str) -> None:
        """The conversation is stored now: so is what was ticked for it."""
        if self._new:
            self._collections.choose(conversation_id, self._new)
            self._new = []
        self.hear()

    def hear(self) -> None:
        """Show whether anything is ticked."""
        count = len(self.chosen())
        words = tr("Answered from {count} collections").format(count=count) if count else tr("Answer from documents")
        self._page.top_bar.show_knowledge(count, words)

    def make_menu(self) -> QMenu:
        """The list to tick."""
        menu = QMenu(self._page)
        chosen = self.chosen()
        for one in self._collections.all():
            action = QAction(one.name, menu, checkable=True, checked=one.id in chosen)
            action.toggled.connect(lambda is_on, collection=one.id: self.toggle(collection, is_on))
            menu.addAction(action)
        if menu.isEmpty():
            nothing = menu.addAction(tr("There are no collections yet: make one on the page Knowledge."))
            nothing.setEnabled(False)
        return menu

    def open_menu(self) -> None:
        """Show the list below the button."""
        menu = self.make_menu()
        button = self._page.top_bar.knowledge
        menu.exec(button.mapToGlobal(button.rect().bottomLeft()))
        menu.deleteLater()
