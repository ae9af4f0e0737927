"""The models on this machine: what they are, how large, and what can be done with them."""

from __future__ import annotations

from html import escape
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import make_icon
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.workstation import Workstation
from models.card import ModelCard
from models.errors import UserFacingError

LOADABLE = int(Qt.ItemDataRole.UserRole) + 1


def kind_label(kind: str) -> str:
    """What a model is for."""
    return {
        "chat": tr("chat"),
        "base": tr("base"),
        "embedding": tr("embedding"),
        "reranker": tr("reranker"),
        "projector": tr("projector"),
        "adapter": tr("adapter"),
    }.get(kind, kind)


def describe(card: ModelCard) -> str:
    """One line of facts."""
    size = f"{card.size_bytes / 2**30:.2f} GB" if card.size_bytes >= 2**28 else f"{card.size_bytes / 2**20:.1f} MB"
    count = f"{card.parameter_count / 1e9:.1f} B" if card.parameter_count >= 1e8 else f"{card.parameter_count / 1e6:.1f} M"
    parts = [kind_label(card.kind), card.architecture, card.quantization, tr("{count} parameters").format(count=count), size]
    if card.context_length:
        parts.append(tr("context {count}").format(count=f"{card.context_length:,}"))
    return "  ·  ".join(part for part in parts if part)


class LibraryPage(QWidget):
    """``load_requested`` carries a model's id, ``trouble`` an error, ``verify_requested`` a model's id."""

    load_requested = Signal(str)
    import_requested = Signal(str)
    verify_requested = Signal(str)
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        self._tokens = tokens
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 28, 32, 24)
        layout.setSpacing(12)
        row = QHBoxLayout()
        self._heading = make_label("", "heading", self)
        self._add = QPushButton(self)
        self._add.setProperty("role", "primary")
        self._add.clicked.connect(self._choose_file)
        self._rescan = QPushButton(self)
        self._rescan.clicked.connect(self.refresh)
        row.addWidget(self._heading)
        row.addStretch()
        row.addWidget(self._rescan)
        row.addWidget(self._add)
        layout.addLayout(row)
        self._note = make_label("", "soft", self)
        self._note.setWordWrap(True)
        layout.addWidget(self._note)
        self.list = QListWidget(self)
        self.list.setIconSize(QSize(28, 28))
        self.list.setSpacing(4)
        self.list.setWordWrap(True)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._open_menu)
        self.list.itemActivated.connect(lambda item: self._load(item))
        self.list.currentItemChanged.connect(self._selection_changed)
        layout.addWidget(self.list, 1)
        buttons = QHBoxLayout()
        self._load_button = QPushButton(self)
        self._load_button.clicked.connect(lambda: self._load(self.list.currentItem()))
        self._show_button = QPushButton(self)
        self._show_button.clicked.connect(self._show_in_folder)
        self._verify_button = QPushButton(self)
        self._verify_button.clicked.connect(self._verify)
        self._remove_button = QPushButton(self)
        self._remove_button.clicked.connect(self._remove)
        for button in (self._load_button, self._show_button, self._verify_button, self._remove_button):
            buttons.addWidget(button)
        buttons.addStretch()
        layout.addLayout(buttons)
        self.retranslate()

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Read the library again."""
        if not self.isVisible():
            return
        chosen = self._chosen()
        self.list.clear()
        for card in sorted(self._workstation.library.list_models(), key=lambda found: found.format != "gguf"):
            facts = describe(card) if card.format == "gguf" else f"{describe(card)}  ·  {tr('needs the torch engine')}"
            item = QListWidgetItem(make_icon("stack-2", self._tokens.accent, size=28), f"{card.name}\n{facts}")
            item.setData(LOADABLE, card.format == "gguf")
            item.setData(Qt.ItemDataRole.UserRole, card.id)
            item.setToolTip(escape(card.path))
            self.list.addItem(item)
            if chosen and chosen == card.id:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0 and self.list.count():
            self.list.setCurrentRow(0)

    def _chosen(self) -> str:
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def _load(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.data(LOADABLE):
            self.load_requested.emit(item.data(Qt.ItemDataRole.UserRole))

    def _selection_changed(self, item: QListWidgetItem | None) -> None:
        self._load_button.setEnabled(item is not None and bool(item.data(LOADABLE)))

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Add a GGUF file"), "", tr("GGUF models (*.gguf);;All files (*)"))
        if path:
            self.import_requested.emit(path)
            self.refresh()

    def _show_in_folder(self) -> None:
        if self._chosen():
            card = self._workstation.library.find(self._chosen())
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(card.path).parent)))

    def _verify(self) -> None:
        if self._chosen():
            self.verify_requested.emit(self._chosen())

    def _remove(self) -> None:
        if not self._chosen():
            return
        question = tr("Take this model out of the library? Its file stays where it is.")
        if QMessageBox.question(self, tr("Models"), question) != QMessageBox.StandardButton.Yes:
            return
        try:
            self._workstation.library.remove(self._chosen())
        except UserFacingError as error:
            self.trouble.emit(error)
        self.refresh()

    def _open_menu(self, point: QPoint) -> None:
        menu = QMenu(self)
        for button in (self._load_button, self._show_button, self._verify_button, self._remove_button):
            menu.addAction(button.text()).triggered.connect(button.click)
        menu.exec(self.list.viewport().mapToGlobal(point))
        menu.deleteLater()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.refresh()

    def retranslate(self) -> None:
        """Speak another language."""
        self._heading.setText(tr("Models"))
        self._add.setText(tr("Add a GGUF file…"))
        self._rescan.setText(tr("Look again"))
        self._note.setText(tr("Models are used where they lie; nothing is copied."))
        self.list.setAccessibleName(tr("Models"))
        self._load_button.setText(tr("Load"))
        self._show_button.setText(tr("Show in folder"))
        self._verify_button.setText(tr("Verify the file"))
        self._remove_button.setText(tr("Remove…"))
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
