"""The bar above the transcript: title, model picker, menu and the buttons that fold the sides."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from app.gui.chat.model_picker import ModelPicker
from app.gui.icons import make_icon
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr
from app.gui.widgets import ElidedLabel


class TopBar(QFrame):
    """Holds the picker in the middle however long the title."""

    sidebar_toggled = Signal()
    inspector_toggled = Signal()
    menu_requested = Signal()

    def __init__(self, picker: ModelPicker, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self._tokens = tokens
        self._collections = 0
        self.setFixedHeight(Sizes.TOP_BAR)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 14, 0)
        self.unfold = self._make_button()
        self.unfold.clicked.connect(self.sidebar_toggled)
        self.unfold.hide()
        self.title = ElidedLabel("title", self)
        self.menu = self._make_button()
        self.menu.clicked.connect(self.menu_requested)
        self.knowledge = self._make_button()
        self._inspector = self._make_button()
        self._inspector.clicked.connect(self.inspector_toggled)
        left, right = QWidget(self), QWidget(self)
        left_row, right_row = QHBoxLayout(left), QHBoxLayout(right)
        for inner in (left_row, right_row):
            inner.setContentsMargins(0, 0, 0, 0)
        left_row.addWidget(self.unfold)
        left_row.addWidget(self.title, 1)
        right_row.addStretch()
        right_row.addWidget(self.knowledge)
        right_row.addWidget(self.menu)
        right_row.addWidget(self._inspector)
        # Equal stretch on both sides keeps the picker centred.
        for side in (left, right):
            policy = side.sizePolicy()
            policy.setHorizontalPolicy(policy.Policy.Ignored)
            side.setSizePolicy(policy)
        row.addWidget(left, 1)
        row.addWidget(picker)
        row.addWidget(right, 1)
        self.retheme(tokens)
        self.retranslate()

    def _make_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setIconSize(QSize(18, 18))
        return button

    def show_knowledge(self, count: int, words: str) -> None:
        """Say from how many collections the conversation is answered."""
        self._collections = count
        self.knowledge.setIcon(make_icon("book", self._tokens.accent if count else self._tokens.text_soft))
        self.knowledge.setToolTip(words)
        self.knowledge.setAccessibleName(words)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.show_knowledge(self._collections, self.knowledge.toolTip())
        for button, icon in ((self.unfold, "layout-sidebar"), (self.menu, "dots"), (self._inspector, "layout-sidebar-right")):
            button.setIcon(make_icon(icon, tokens.text_soft))

    def retranslate(self) -> None:
        """Speak another language."""
        names = (tr("Show the list"), tr("This conversation"), tr("Show or hide the settings"))
        for button, name in zip((self.unfold, self.menu, self._inspector), names, strict=True):
            button.setToolTip(name)
            button.setAccessibleName(name)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
