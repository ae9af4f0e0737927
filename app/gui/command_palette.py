"""The command palette: every action and every conversation, found by typing a few letters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.actions import Action
from app.gui.icons import make_icon
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.store.records import Conversation


def match_score(query: str, text: str) -> int:
    """How well letters match a text: 0 for not at all, more for a beginning and for letters together."""
    query, text = query.casefold(), text.casefold()
    if not query:
        return 1
    place = text.find(query)
    if place >= 0:
        return 1000 - place + (500 if place == 0 or not text[place - 1].isalnum() else 0)
    position = 0
    for letter in query:
        if letter.isspace():
            continue
        position = text.find(letter, position) + 1
        if position == 0:
            return 0
    return max(1, 300 - position)


SHORTCUT = int(Qt.ItemDataRole.UserRole) + 1
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class _PaletteDelegate(QStyledItemDelegate):
    """Draws the shortcut at the right edge."""

    def __init__(self, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.tokens = tokens

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().paint(painter, option, index)
        shortcut = index.data(SHORTCUT)
        if shortcut:
            painter.save()
            painter.setPen(QColor(self.tokens.text_faint))
            painter.drawText(option.rect.adjusted(0, 0, -14, 0), RIGHT, shortcut)
            painter.restore()


class CommandPalette(QFrame):
    """An overlay; ``action_chosen`` carries an action's name, ``conversation_chosen`` an id."""

    action_chosen = Signal(str)
    conversation_chosen = Signal(str)
    closed = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("palette")
        self._tokens = tokens
        self._over = parent
        self._entries: list[tuple[str, str, str, str]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 10)
        self.field = QLineEdit(self)
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.list = QListWidget(self)
        self.list.setIconSize(QSize(18, 18))
        self._delegate = _PaletteDelegate(tokens, self)
        self.list.setItemDelegate(self._delegate)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemActivated.connect(self._run)
        self.list.itemClicked.connect(self._run)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.hide()

    def open_with(self, actions: Sequence[Action], conversations: Sequence[Conversation], tokens: Tokens) -> None:
        """Show the palette over the window."""
        self._tokens = self._delegate.tokens = tokens
        self._entries = [
            ("action", action.name, action.text, f"{action.icon}|{action.shortcut}")
            for action in actions
            if action.name != "palette"
        ]
        self._entries += [("conversation", item.id, item.title or tr("New chat"), "message-2|") for item in conversations]
        self.field.setPlaceholderText(tr("Type a command or the title of a chat"))
        self.field.setAccessibleName(tr("Command palette"))
        self.list.setAccessibleName(tr("Commands"))
        self.field.clear()
        self._filter("")
        parent = self._over
        width, height = min(560, parent.width() - 40), min(420, parent.height() - 120)
        self.setGeometry((parent.width() - width) // 2, 72, width, height)
        self.show()
        self.raise_()
        self.field.setFocus()

    def _filter(self, query: str) -> None:
        scored = [(match_score(query.strip(), text), index) for index, (_, _, text, _) in enumerate(self._entries)]
        best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0] if query.strip() else 0, pair[1]))[:60]
        self.list.clear()
        for _, index in best:
            _, _, text, look = self._entries[index]
            icon, _, shortcut = look.partition("|")
            item = QListWidgetItem(make_icon(icon, self._tokens.text_soft), text)
            item.setData(SHORTCUT, QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText))
            item.setData(Qt.ItemDataRole.UserRole, index)
            self.list.addItem(item)
        if self.list.count():
            self.list.setCurrentRow(0)

    def _run(self, item: QListWidgetItem) -> None:
        kind, name, _, _ = self._entries[item.data(Qt.ItemDataRole.UserRole)]
        self.hide()
        if kind == "action":
            self.action_chosen.emit(name)
        else:
            self.conversation_chosen.emit(name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and event.type() == QEvent.Type.FocusOut and not self.list.hasFocus():
            self.hide()
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, self.list.currentRow() + step)))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                item = self.list.currentItem()
                if item is not None:
                    self._run(item)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.hide()
                self.closed.emit()
                return True
        return bool(super().eventFilter(watched, event))
