"""The model picker in the top bar: what is loaded, how far loading has come, and the list to choose from."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from app.gui.icons import make_icon
from app.gui.theme import Tokens
from app.gui.translation import tr
from models.card import ModelCard

WIDEST = 320
"""Pixels of the name before it is cut in the middle."""


class ModelPicker(QPushButton):
    """A pill with the model's name. ``model_chosen`` carries a model's id."""

    model_chosen = Signal(str)
    cancel_requested = Signal()
    unload_requested = Signal()
    open_file_requested = Signal()
    menu_wanted = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "pill")
        self.setIconSize(QSize(18, 18))
        self._tokens = tokens
        self._name = ""
        self._quantization = ""
        self._fraction: float | None = None
        self._has_failed = False
        self.clicked.connect(self.menu_wanted)
        self.retheme(tokens)
        self._show()

    def show_model(self, name: str, quantization: str = "") -> None:
        """A model is ready, or none (an empty name)."""
        self._name, self._quantization = name, quantization
        self._fraction, self._has_failed = None, False
        self._show()

    def show_progress(self, name: str, fraction: float) -> None:
        """A model is being loaded."""
        self._name, self._quantization, self._fraction, self._has_failed = name, "", fraction, False
        self._show()

    def show_failure(self, name: str) -> None:
        """A model could not be loaded."""
        self._name, self._quantization, self._fraction, self._has_failed = name, "", None, True
        self._show()

    def _show(self) -> None:
        if self._fraction is not None:
            text = tr("Loading {model}… {percent} %").format(model=self._name, percent=int(self._fraction * 100))
        elif self._has_failed:
            text = tr("{model} is not running").format(model=self._name)
        elif self._name:
            text = "  ·  ".join(part for part in (self._name, self._quantization) if part)
        else:
            text = tr("Choose a model")
        short = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, WIDEST)
        self.setText(short.replace("&", "&&"))
        self.setAccessibleName(tr("Model: {name}").format(name=text))
        self.setToolTip(tr("Choose a model (Ctrl+M)"))
        self.update()

    def open_menu(self, cards: list[ModelCard], current: str) -> QMenu:
        """The list of models that can chat, with what else can be done."""
        menu = QMenu(self)
        if self._fraction is not None:
            menu.addAction(tr("Cancel loading")).triggered.connect(self.cancel_requested)
            menu.addSeparator()
        for card in cards:
            if card.kind not in ("chat", "base") or not card.can_be_loaded:
                continue
            size = f"{card.size_bytes / 2**30:.1f} GB" if card.size_bytes >= 2**28 else f"{card.size_bytes / 2**20:.1f} MB"
            size = card.store if card.format == "remote" else size
            action = menu.addAction(
                "  ·  ".join(part for part in (card.name.replace("&", "&&"), card.quantization, size) if part)
            )
            if card.id == current:
                action.setIcon(make_icon("check", self._tokens.accent))
            action.triggered.connect(lambda _checked=False, chosen=card.id: self.model_chosen.emit(chosen))
        menu.addSeparator()
        menu.addAction(tr("Add a GGUF file…")).triggered.connect(self.open_file_requested)
        unload = menu.addAction(tr("Free the memory"))
        unload.setEnabled(bool(current))
        unload.triggered.connect(self.unload_requested)
        return menu

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._fraction is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._tokens.accent), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        left, right, bottom = 18.0, self.width() - 18.0, self.height() - 2.0
        painter.drawLine(
            QRectF(left, bottom, 1, 1).topLeft(), QRectF(left + (right - left) * self._fraction, bottom, 1, 1).topLeft()
        )

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.setIcon(make_icon("cpu", tokens.accent))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._show()
        super().changeEvent(event)
