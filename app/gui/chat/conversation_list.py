"""The list of conversations: grouped by day or folder, with search, pins and a menu for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPainterPath
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.gui.icons import make_pixmap
from app.gui.theme import Sizes, Tokens, make_font
from app.gui.translation import tr
from app.store.records import Conversation, SearchHit

Index = QModelIndex | QPersistentModelIndex
ITEM = int(Qt.ItemDataRole.UserRole) + 1
DAY = 86_400


class FolderName(str):
    """A heading that a person chose: shown as it was written."""

    __slots__ = ()


def group_name(conversation: Conversation, now: float) -> str:
    """The heading under which a conversation stands."""
    if conversation.pinned:
        return tr("Pinned")
    if conversation.folder:
        return FolderName(conversation.folder)
    midnight = time.mktime((*time.localtime(now)[:3], 0, 0, 0, 0, 0, -1))
    for limit, name in (
        (midnight, tr("Today")),
        (midnight - DAY, tr("Yesterday")),
        (midnight - 7 * DAY, tr("Last 7 days")),
        (midnight - 30 * DAY, tr("Last 30 days")),
    ):
        if conversation.updated_at >= limit:
            return name
    return tr("Older")


class ConversationModel(QAbstractListModel):
    """Rows are headings (str), conversations, or search hits."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[str | Conversation | SearchHit] = []

    def show_conversations(self, conversations: Sequence[Conversation]) -> None:
        """Pinned first, then folders by name, then days."""
        now = time.time()
        pinned = [item for item in conversations if item.pinned]
        filed = sorted(
            (item for item in conversations if item.folder and not item.pinned), key=lambda item: item.folder.casefold()
        )
        rest = [item for item in conversations if not item.pinned and not item.folder]
        items: list[str | Conversation | SearchHit] = []
        heading = ""
        for conversation in (*pinned, *filed, *rest):
            name = group_name(conversation, now)
            if name != heading:
                items.append(name)
                heading = name
            items.append(conversation)
        self._replace(items)

    def show_hits(self, hits: Sequence[SearchHit]) -> None:
        """What a search found, or a word that it found nothing."""
        self._replace([tr("{count} found").format(count=len(hits)) if hits else tr("Nothing found"), *hits])

    def _replace(self, items: list[str | Conversation | SearchHit]) -> None:
        if items == self._items:
            return
        self.beginResetModel()
        self._items = items
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == ITEM:
            return item
        if role in (int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.AccessibleTextRole), int(Qt.ItemDataRole.EditRole)):
            return item if isinstance(item, str) else (item.title or tr("New chat"))
        if role == int(Qt.ItemDataRole.ToolTipRole) and isinstance(item, SearchHit):
            return escape(item.snippet)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        item = self._items[index.row()] if index.isValid() else ""
        if isinstance(item, str):
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if isinstance(item, Conversation) else flags

    def row_of(self, conversation_id: str) -> int:
        """The row of a conversation, or -1."""
        for row, item in enumerate(self._items):
            if isinstance(item, Conversation) and item.id == conversation_id:
                return row
        return -1


class ConversationDelegate(QStyledItemDelegate):
    """Draws headings, conversations and hits."""

    renamed = Signal(str, str)

    def __init__(self, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.tokens = tokens
        self.busy: set[str] = set()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        item = index.data(ITEM)
        if isinstance(item, str):
            return QSize(100, 32)
        return QSize(100, 54 if isinstance(item, SearchHit) else 34)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item = index.data(ITEM)
        box: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(item, str):
            painter.setFont(make_font(Sizes.TEXT_CAPTION, weight=QFont.Weight.Bold))
            painter.setPen(QColor(self.tokens.text_faint))
            heading = item if isinstance(item, FolderName) else item.upper()
            painter.drawText(box.adjusted(12, 10, -8, 0), Qt.AlignmentFlag.AlignVCenter, heading)
            painter.restore()
            return
        state = option.state
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            path = QPainterPath()
            path.addRoundedRect(box.adjusted(0, 1, 0, -1), 8, 8)
            painter.fillPath(path, QColor(self.tokens.selected if is_selected else self.tokens.hover))
        right = box.right() - 10
        if isinstance(item, Conversation):
            if item.pinned:
                painter.drawPixmap(right - 14, box.center().y() - 7, make_pixmap("pinned", self.tokens.text_faint, 14))
                right -= 20
            if item.id in self.busy:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(self.tokens.accent))
                painter.drawEllipse(QPoint(right - 4, box.center().y()), 4, 4)
                right -= 16
        self._paint_words(painter, item, box, right, is_selected)
        painter.restore()

    def _paint_words(self, painter: QPainter, item: Conversation | SearchHit, box: QRect, right: int, is_selected: bool) -> None:
        font = make_font(Sizes.TEXT_UI, weight=QFont.Weight.Medium if is_selected else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(self.tokens.text if is_selected or isinstance(item, SearchHit) else self.tokens.text_soft))
        width = right - box.left() - 14
        title = painter.fontMetrics().elidedText(item.title or tr("New chat"), Qt.TextElideMode.ElideRight, width)
        if isinstance(item, Conversation):
            painter.drawText(QRect(box.left() + 12, box.top(), width, box.height()), Qt.AlignmentFlag.AlignVCenter, title)
            return
        painter.drawText(QRect(box.left() + 12, box.top() + 6, width, 20), Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(make_font(Sizes.TEXT_SMALL))
        painter.setPen(QColor(self.tokens.text_faint))
        start = max(0, item.ranges[0][0] - 16) if item.ranges else 0
        words = ("…" if start else "") + " ".join(item.snippet[start:].split())
        snippet = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRect(box.left() + 12, box.top() + 27, width, 20), Qt.AlignmentFlag.AlignVCenter, snippet)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setAccessibleName(tr("New title"))
        return editor

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:
        item = index.data(ITEM)
        if isinstance(editor, QLineEdit) and isinstance(item, Conversation) and editor.text().strip():
            self.renamed.emit(item.id, editor.text().strip())


class ConversationList(QListView):
    """Shows conversations; signals carry what the person chose."""

    chosen = Signal(str)
    hit_chosen = Signal(str, str)
    renamed = Signal(str, str)
    delete_requested = Signal(str)
    menu_requested = Signal(str, QPoint)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ConversationModel()
        self._current = ""
        self._waiting: Sequence[Conversation] | None = None
        self.setModel(self._model)
        self.delegate = ConversationDelegate(tokens, self)
        self.setItemDelegate(self.delegate)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.customContextMenuRequested.connect(self._open_menu)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        self.delegate.renamed.connect(self.renamed)
        self.delegate.closeEditor.connect(lambda *_: QTimer.singleShot(0, self, self._catch_up))

    def show_conversations(self, conversations: Sequence[Conversation]) -> None:
        """Replace the list, keeping the current conversation selected; while a title is being typed it waits."""
        if self.state() == QAbstractItemView.State.EditingState:
            self._waiting = conversations
            return
        self._model.show_conversations(conversations)
        self._select_current()

    def _catch_up(self) -> None:
        """The title is typed: show what changed meanwhile."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.show_conversations(waiting)

    def show_hits(self, hits: Sequence[SearchHit]) -> None:
        """Show what a search found instead."""
        self._model.show_hits(hits)

    def set_current(self, conversation_id: str) -> None:
        """Select the conversation that is open."""
        self._current = conversation_id
        self._select_current()

    def rename(self, conversation_id: str) -> None:
        """Open the editor on a title."""
        row = self._model.row_of(conversation_id)
        if row >= 0:
            self.edit(self._model.index(row))

    def _select_current(self) -> None:
        row = self._model.row_of(self._current)
        if row >= 0:
            self.setCurrentIndex(self._model.index(row))
        else:
            self.clearSelection()

    def _choose(self, index: QModelIndex) -> None:
        item = index.data(ITEM)
        if isinstance(item, Conversation):
            self.chosen.emit(item.id)
        elif isinstance(item, SearchHit):
            self.hit_chosen.emit(item.conversation_id, item.message_id)

    def _open_menu(self, point: QPoint) -> None:
        item = self.indexAt(point).data(ITEM)
        if isinstance(item, Conversation):
            self.menu_requested.emit(item.id, self.viewport().mapToGlobal(point))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentIndex().data(ITEM)
        if isinstance(item, Conversation) and self.state() != QAbstractItemView.State.EditingState:
            if event.key() == Qt.Key.Key_F2:
                self.rename(item.id)
                return
            if event.key() == Qt.Key.Key_Delete:
                self.delete_requested.emit(item.id)
                return
        super().keyPressEvent(event)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.delegate.tokens = tokens
        self.viewport().update()
