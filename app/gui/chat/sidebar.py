"""The sidebar of the chat page: new chat, search, the conversations, and the machine's memory."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QSize, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.gui.chat.conversation_list import ConversationList
from app.gui.icons import make_icon
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr
from app.gui.widgets import MemoryBar, make_separator
from app.store.records import Conversation
from app.workstation import Workstation

SEARCH_MILLISECONDS = 150
MEMORY_MILLISECONDS = 2000


class Sidebar(QWidget):
    """``action`` carries what was chosen in a conversation's menu and its id."""

    new_requested = Signal()
    fold_requested = Signal()
    chosen = Signal(str)
    hit_chosen = Signal(str, str)
    action = Signal(str, str)
    renamed = Signal(str, str)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self.setObjectName("sidebar")
        self.setFixedWidth(Sizes.SIDEBAR)
        self._shows_archive = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        row = QHBoxLayout()
        self._new = QPushButton(self)
        self._new.setProperty("role", "wide")
        self._new.clicked.connect(self.new_requested)
        self._fold = QToolButton(self)
        self._fold.setIconSize(QSize(18, 18))
        self._fold.clicked.connect(self.fold_requested)
        row.addWidget(self._new, 1)
        row.addWidget(self._fold)
        layout.addLayout(row)
        self.search = QLineEdit(self)
        self.search.setClearButtonEnabled(True)
        self._search_action = self.search.addAction(
            make_icon("search", tokens.text_soft), QLineEdit.ActionPosition.LeadingPosition
        )
        layout.addWidget(self.search)
        self.list = ConversationList(tokens, self)
        layout.addWidget(self.list, 1)
        self._archive_button = QPushButton(self)
        self._archive_button.setProperty("role", "link")
        self._archive_button.clicked.connect(self._toggle_archive)
        layout.addWidget(self._archive_button)
        layout.addWidget(make_separator(self))
        self.memory = MemoryBar("RAM", self)
        self.video_memory = MemoryBar("VRAM", self)
        self.video_memory.hide()
        layout.addWidget(self.memory)
        layout.addWidget(self.video_memory)
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.setInterval(SEARCH_MILLISECONDS)
        self._search_timer.timeout.connect(self.refresh)
        self._memory_timer = QTimer(self)
        self._memory_timer.setInterval(MEMORY_MILLISECONDS)
        self._memory_timer.timeout.connect(self.refresh_memory)
        self._memory_timer.start()
        self._connect()
        self.retheme(tokens)
        self.retranslate()

    def _connect(self) -> None:
        self.search.textChanged.connect(self._search_timer.start)
        self.search.returnPressed.connect(self.list.setFocus)
        self.list.chosen.connect(self.chosen)
        self.list.hit_chosen.connect(self.hit_chosen)
        self.list.renamed.connect(self.renamed)
        self.list.delete_requested.connect(lambda conversation_id: self.action.emit("delete", conversation_id))
        self.list.menu_requested.connect(self._open_menu)

    def refresh(self) -> None:
        """Read the list again, or search again."""
        query = self.search.text().strip()
        if query:
            self.list.show_hits(self._workstation.search.find(query, limit=100))
        else:
            self.list.show_conversations(self._workstation.conversations.list(archived=self._shows_archive))

    def refresh_memory(self) -> None:
        """Show how much memory is used now."""
        if not self.isVisible():
            return
        now = self._workstation.hardware.snapshot()
        self.memory.show_bytes(now.ram_used, now.ram_total)
        self.video_memory.setVisible(bool(now.gpus))
        if now.gpus:
            self.video_memory.show_bytes(sum(gpu.memory_used for gpu in now.gpus), sum(gpu.memory_total for gpu in now.gpus))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self, self.refresh_memory)

    def _toggle_archive(self) -> None:
        self._shows_archive = not self._shows_archive
        self._name_archive()
        self.search.clear()
        self.refresh()

    def _name_archive(self) -> None:
        self._archive_button.setText(tr("Back to the conversations") if self._shows_archive else tr("Archive"))

    def _open_menu(self, conversation_id: str, point: QPoint) -> None:
        conversation = self._workstation.conversations.get(conversation_id)
        menu = self.make_menu(conversation)
        menu.exec(point)
        menu.deleteLater()

    def make_menu(self, conversation: Conversation) -> QMenu:
        """The menu of one conversation."""
        menu = QMenu(self)
        chosen = conversation.id

        def add(text: str, name: str) -> None:
            menu.addAction(text).triggered.connect(lambda: self.action.emit(name, chosen))

        add(tr("Rename"), "rename")
        add(tr("Unpin") if conversation.pinned else tr("Pin"), "pin")
        folders = menu.addMenu(tr("Move to folder"))
        for folder in self._workstation.conversations.folders():
            folders.addAction(folder).triggered.connect(
                lambda _checked=False, name=folder: self.action.emit(f"folder:{name}", chosen)
            )
        folders.addAction(tr("New folder…")).triggered.connect(lambda: self.action.emit("new_folder", chosen))
        if conversation.folder:
            folders.addAction(tr("No folder")).triggered.connect(lambda: self.action.emit("folder:", chosen))
        add(tr("Take out of the archive") if conversation.archived else tr("Archive"), "archive")
        export = menu.addMenu(tr("Export"))
        for name, label in (("md", "Markdown…"), ("json", "JSON…"), ("html", "HTML…")):
            export.addAction(label).triggered.connect(
                lambda _checked=False, kind=name: self.action.emit(f"export:{kind}", chosen)
            )
        menu.addSeparator()
        add(tr("Delete"), "delete")
        return menu

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._new.setIcon(make_icon("edit", tokens.text))
        self._fold.setIcon(make_icon("layout-sidebar", tokens.text_soft))
        self._search_action.setIcon(make_icon("search", tokens.text_soft))
        self.list.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._new.setText(tr("New chat"))
        self._fold.setToolTip(tr("Hide the list"))
        self._fold.setAccessibleName(tr("Hide the list"))
        self.search.setPlaceholderText(tr("Search chats"))
        self.search.setAccessibleName(tr("Search chats"))
        self.list.setAccessibleName(tr("Conversations"))
        self._name_archive()
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
