"""The models on this machine: filtered, sorted, described, and what can be done with each."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt, QUrl, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.models.background import Background
from app.gui.models.model_panel import ModelPanel
from app.gui.models.rows import Row, RowList
from app.gui.models.words import card_words, kind_words, size_words
from app.gui.outside import open_outside
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.services.model_details import ModelDetails
from app.services.updates import Update
from app.workstation import Workstation
from models.card import ModelCard
from models.errors import UserFacingError
from models.other_stores import find_stores

_KINDS = ("", "chat", "base", "embedding", "reranker", "projector", "adapter")
_MOST_NAMED = 12
_ORDERS = ("name", "size", "parameters", "quantization")


class LibraryView(QWidget):
    """``load_requested`` and ``verify_requested`` carry a model's id, ``import_requested`` a path, ``trouble`` an error.

    ``updating`` says that newer files are on their way.
    """

    load_requested = Signal(str)
    import_requested = Signal(str)
    verify_requested = Signal(str)
    said = Signal(str)
    updating = Signal()
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._cards: list[ModelCard] = []
        self._details: dict[str, ModelDetails] = {}
        self._scan = Background(workstation.jobs, "disk", self)
        self._sharing = Background(workstation.jobs, "disk", self)
        self._updating = Background(workstation.jobs, "network", self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addLayout(self._make_filters())
        self.list = RowList(tokens, self)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._open_menu)
        self.list.itemActivated.connect(lambda item: self._load())
        self.list.currentItemChanged.connect(lambda *_items: self._show_chosen())
        left.addWidget(self.list, 1)
        self._usage = make_label("", "faint", self)
        left.addWidget(self._usage)
        layout.addLayout(left, 5)
        self.panel = ModelPanel(workstation, tokens, self)
        self.panel.load_requested.connect(self._load)
        self.panel.show_requested.connect(self._show_in_folder)
        self.panel.verify_requested.connect(lambda: self.verify_requested.emit(self._chosen_id()))
        self.panel.remove_requested.connect(self._remove)
        self.panel.noted.connect(self._fill)
        layout.addWidget(self.panel, 4)
        self.retranslate()

    def _make_filters(self) -> QVBoxLayout:
        box = QVBoxLayout()
        box.setSpacing(8)
        first, second = QHBoxLayout(), QHBoxLayout()
        self._search = QLineEdit(self)
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(lambda text: self._fill())
        self._kind, self._order = QComboBox(self), QComboBox(self)
        for field, values in ((self._kind, _KINDS), (self._order, _ORDERS)):
            for value in values:
                field.addItem("", value)
            field.activated.connect(lambda index: self._fill())
        self._more = QPushButton(self)
        self._more.clicked.connect(self._open_more)
        self._add = QPushButton(self)
        self._add.clicked.connect(self._choose_file)
        first.addWidget(self._search, 1)
        for widget in (self._kind, self._order):
            second.addWidget(widget)
        second.addStretch()
        second.addWidget(self._more)
        second.addWidget(self._add)
        box.addLayout(first)
        box.addLayout(second)
        return box

    # ---- what is shown

    def refresh(self) -> None:
        """Show what is known at once, and look at the disk in the background."""
        self._cards = self._workstation.library.list_known() or self._cards
        self._fill()
        self._scan.run(self._workstation.library.list_models, self._take, self.trouble.emit)

    def _take(self, cards: list[ModelCard]) -> None:
        self._cards = cards
        self._fill()

    def _fill(self) -> None:
        self._details = self._workstation.details.all()
        chosen = self._chosen_id()
        cards = [card for card in self._cards if self._is_shown(card)]
        order = self._order.currentData()
        cards.sort(key=lambda card: not card.can_be_loaded)
        if order == "size":
            cards.sort(key=lambda card: -card.size_bytes)
        elif order == "parameters":
            cards.sort(key=lambda card: -card.parameter_count)
        elif order == "quantization":
            cards.sort(key=lambda card: (card.quantization, card.name.lower()))
        rows = [self._row(card) for card in cards]
        if not rows:
            rows = [Row(tr("No model fits this filter") if self._cards else tr("There is no model yet"))]
        self.list.show_rows(rows, chosen)
        if self.list.value() is None and cards:
            self.list.setCurrentRow(0)
        self._show_chosen()
        total = sum(card.size_bytes for card in self._cards)
        self._usage.setText(
            tr("{count} models, {size}; {free} free on the disk").format(
                count=len(self._cards), size=size_words(total), free=size_words(self._free_bytes())
            )
        )

    def _row(self, card: ModelCard) -> Row:
        details = self._details.get(card.id, ModelDetails())
        badge = "" if card.can_be_loaded else tr("needs the torch engine")
        if details.tags:
            badge = " ".join(f"#{tag}" for tag in details.tags)
        icon = "server" if card.format == "remote" else "eye" if card.projector else "stack-2"
        return Row(details.name or card.name, card_words(card), badge, icon=icon, value=card.id)

    def _is_shown(self, card: ModelCard) -> bool:
        kind = self._kind.currentData()
        if kind and card.kind != kind:
            return False
        details = self._details.get(card.id, ModelDetails())
        text = " ".join((card.name, details.name, card.architecture, card.quantization, card.store, details.notes, *details.tags))
        return all(
            word in f"{text} {Path(card.path).name}".lower() for word in self._search.text().lower().replace("#", "").split()
        )

    def _show_chosen(self) -> None:
        self.panel.show_card(self._chosen())

    def _chosen_id(self) -> str:
        return str(self.list.value() or "")

    def _chosen(self) -> ModelCard | None:
        return next((card for card in self._cards if card.id == self._chosen_id()), None)

    def _free_bytes(self) -> int:
        folder = self._workstation.paths.models
        while not folder.exists() and folder.parent != folder:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    # ---- what can be done

    def _load(self) -> None:
        card = self._chosen()
        if card is not None and card.can_be_loaded:
            self.load_requested.emit(card.id)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Add a GGUF file"), "", tr("GGUF models (*.gguf);;All files (*)"))
        if path:
            self.import_requested.emit(path)

    def _show_in_folder(self) -> None:
        card = self._chosen()
        if card is not None:
            open_outside(QUrl.fromLocalFile(str(Path(card.path).parent)))

    def _remove(self) -> None:
        card = self._chosen()
        if card is None:
            return
        if card.is_copy:
            question = tr("Delete {name} from the disk? {size} become free.").format(
                name=card.name, size=size_words(card.size_bytes)
            )
        else:
            question = tr("Take this model out of the library? Its file stays where it is.")
        use = self._workstation.details.use_of(card)
        if use.conversations:
            question += "\n" + tr("{count} conversations were held with it; they stay.").format(count=use.conversations)
        if use.models:
            question += "\n" + tr("{count} models are used with it, as draft model or adapter.").format(count=use.models)
        if use.is_default:
            question += "\n" + tr("It is the model that new conversations use.")
        if QMessageBox.question(self, tr("Models"), question) != QMessageBox.StandardButton.Yes:
            return
        try:
            self._workstation.library.remove(card.id)
        except UserFacingError as error:
            self.trouble.emit(error)
        self.refresh()

    def _open_menu(self, point: QPoint) -> None:
        menu = QMenu(self)
        for button in self.panel.buttons():
            menu.addAction(button.text()).triggered.connect(button.click)
        menu.exec(self.list.viewport().mapToGlobal(point))
        menu.deleteLater()

    def _open_more(self) -> None:
        menu = QMenu(self)
        menu.addAction(tr("Look again")).triggered.connect(self.refresh)
        menu.addAction(tr("Add a folder…")).triggered.connect(self._add_folder)
        menu.addAction(tr("Store equal files once")).triggered.connect(self._share)
        menu.addAction(tr("Look for newer files on the hubs")).triggered.connect(self._look_for_updates)
        menu.addSeparator()
        menu.addAction(tr("Also show the models of:")).setEnabled(False)
        settings = self._workstation.settings
        wanted = settings.get("models.scanned_programs")
        stores = {store.key: store.name for store in find_stores(Path.home())}
        for key, name in stores.items():
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(key in wanted)
            action.toggled.connect(lambda is_on, key=key: self._use_store(key, is_on))
        if not stores:
            menu.addAction(tr("no other program was found")).setEnabled(False)
        menu.exec(self._more.mapToGlobal(self._more.rect().bottomLeft()))
        menu.deleteLater()

    def _use_store(self, key: str, is_on: bool) -> None:
        settings = self._workstation.settings
        wanted = [one for one in settings.get("models.scanned_programs") if one != key]
        settings.set("models.scanned_programs", [*wanted, key] if is_on else wanted)

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Add a folder…"))
        if folder:
            settings = self._workstation.settings
            settings.set("model.folders", list(dict.fromkeys([*settings.get("model.folders"), folder])))

    def _look_for_updates(self) -> None:
        self.said.emit(tr("Asking the hubs…"))
        self._updating.run(self._workstation.updates.look, self._tell_updates, self.trouble.emit)

    def _tell_updates(self, found: list[Update]) -> None:
        if not found:
            self.said.emit(tr("Everything that was downloaded is what the hubs have"))
            return
        names = "\n".join(f"{one.repository}  ·  {Path(one.path).name}" for one in found[:_MOST_NAMED])
        question = tr("The hubs have other files now:") + f"\n\n{names}\n\n" + tr("Download them? The old ones stay until then.")
        if QMessageBox.question(self, tr("Models"), question) == QMessageBox.StandardButton.Yes:
            self._workstation.updates.apply(found)
            self.updating.emit()

    def _share(self) -> None:
        self._sharing.run(self._workstation.share_equal_files, self._tell_shared, self.trouble.emit)

    def _tell_shared(self, spared: int) -> None:
        if spared:
            self.said.emit(tr("{size} became free").format(size=size_words(spared)))
        else:
            self.said.emit(tr("No model of Yanmo's own folder is there twice"))
        self.refresh()

    # ---- looks and words

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.list.retheme(tokens)
        self.panel.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._search.setPlaceholderText(tr("Search name, tag, note…"))
        self._search.setAccessibleName(tr("Search name, tag, note…"))
        orders = {"name": tr("By name"), "size": tr("By size"), "parameters": tr("By parameters"), "quantization": tr("By type")}
        for index, kind in enumerate(_KINDS):
            self._kind.setItemText(index, kind_words(kind) if kind else tr("All kinds"))
        for index, order in enumerate(_ORDERS):
            self._order.setItemText(index, orders[order])
        self._kind.setAccessibleName(tr("Kind"))
        self._order.setAccessibleName(tr("Order"))
        self._more.setText(tr("More…"))
        self._add.setText(tr("Add a GGUF file…"))
        self.list.setAccessibleName(tr("Models"))
        self._fill()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
