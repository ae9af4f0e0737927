"""The rail at the left: a button for each page, the theme, and the settings."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from app.gui.icons import make_icon
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr

_TOP = {"chat": "message-2", "library": "stack-2", "knowledge": "book", "quantize": "adjustments", "server": "server"}
_BOTTOM = {"theme": "moon", "settings": "settings"}


class Rail(QFrame):
    """``page_chosen`` carries a page's name; ``theme_switched`` asks for the other theme."""

    page_chosen = Signal(str)
    theme_switched = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setFixedWidth(Sizes.RAIL)
        self._tokens = tokens
        self._buttons: dict[str, QToolButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 14, 8, 12)
        layout.setSpacing(8)
        for name in (*_TOP, *_BOTTOM):
            if name == "theme":
                layout.addStretch()
            layout.addWidget(self._make_button(name))
        self.retranslate()

    def _make_button(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "rail")
        button.setIconSize(QSize(22, 22))
        button.setFixedSize(44, 44)
        button.setCheckable(name != "theme")
        button.clicked.connect(self.theme_switched if name == "theme" else lambda: self.page_chosen.emit(name))
        self._buttons[name] = button
        return button

    def show_page(self, name: str) -> None:
        """Mark the page that is open."""
        for key, button in self._buttons.items():
            button.setChecked(key == name)
        self.retheme(self._tokens)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        for name, button in self._buttons.items():
            icon = {**_TOP, **_BOTTOM}[name]
            shown = "sun" if name == "theme" and tokens.name == "dark" else icon
            button.setIcon(make_icon(shown, tokens.accent if button.isChecked() else tokens.text_soft, size=22))

    def retranslate(self) -> None:
        """Speak another language."""
        names = {
            "chat": tr("Chat"),
            "library": tr("Models"),
            "knowledge": tr("Knowledge"),
            "quantize": tr("Quantize"),
            "server": tr("Server"),
            "theme": tr("Switch between light and dark"),
            "settings": tr("Settings"),
        }
        for name, button in self._buttons.items():
            button.setToolTip(names[name])
            button.setAccessibleName(names[name])

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
