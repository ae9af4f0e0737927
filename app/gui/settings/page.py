"""The settings page: language, looks, what starts with the program, data, and about."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QUrl, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app import __version__
from app.gui.chat.context_page import policy_names
from app.gui.outside import open_outside
from app.gui.settings.hubs import HubSettings
from app.gui.settings.licences_dialog import LicencesDialog
from app.gui.settings.machine_dialog import MachineDialog
from app.gui.settings.network_dialog import NetworkDialog
from app.gui.settings.remotes import RemoteSettings
from app.gui.settings.snapshots_dialog import SnapshotsDialog
from app.gui.settings.trash_dialog import TrashDialog
from app.gui.theme import Tokens
from app.gui.translation import LANGUAGES, tr
from app.gui.widgets import Switch, make_label, make_separator
from app.workstation import Workstation


class SettingsPage(QWidget):
    """Every change takes effect at once. ``import_requested`` and ``export_requested`` are for the window."""

    import_requested = Signal()
    export_requested = Signal()

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        self._tokens = tokens
        self._names: list[tuple[QLabel, Callable[[], str]]] = []
        self._switches: list[Switch] = []
        self._switch_names: list[tuple[Switch, Callable[[], str]]] = []
        self._choices: list[tuple[QComboBox, Callable[[], list[tuple[str, str]]], Callable[[], str]]] = []
        self._fields: dict[str, QComboBox | Switch] = {}
        self._shows: list[Callable[[], None]] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        outer.addWidget(area)
        page = QWidget(area)
        area.setWidget(page)
        centre = QHBoxLayout(page)
        centre.addStretch(1)
        column = QWidget(page)
        column.setMaximumWidth(680)
        column.setMinimumWidth(420)
        centre.addWidget(column, 100)
        centre.addStretch(1)
        self._layout = QVBoxLayout(column)
        self._layout.setContentsMargins(24, 28, 24, 28)
        self._layout.setSpacing(14)
        self._add_rows()
        self._layout.addStretch()
        self.retranslate()

    def _add_rows(self) -> None:
        self._heading(lambda: tr("Settings"))
        self._caption(lambda: tr("Appearance"))
        self._choice("language", lambda: tr("Language"), lambda: [("system", tr("As the system")), *LANGUAGES.items()])
        self._choice(
            "theme", lambda: tr("Theme"), lambda: [("system", tr("As the system")), ("light", tr("Light")), ("dark", tr("Dark"))]
        )
        self._layout.addWidget(make_separator(self))
        self._caption(lambda: tr("Models"))
        self._switch("model.load_at_start", lambda: tr("Load the last model at start"))
        self._choice(
            "chat.context_policy",
            lambda: tr("When a conversation no longer fits the context"),
            lambda: list(policy_names().items()),
        )
        self._file(
            "quantize.converter", lambda: tr("llama.cpp's converter, for checkpoints that Yanmo does not know"), "Python (*.py)"
        )
        self._file("torch.python", lambda: tr("Another Python with torch, for safetensors and AWQ"), parts=3)
        self._layout.addWidget(make_separator(self))
        self._caption(lambda: tr("Hubs"))
        self._hubs = HubSettings(self._workstation, self._tokens, self)
        self._layout.addWidget(self._hubs)
        self._layout.addWidget(make_separator(self))
        self._caption(lambda: tr("Other servers"))
        self._remotes = RemoteSettings(self._workstation, self._tokens, self)
        self._layout.addWidget(self._remotes)
        self._layout.addWidget(make_separator(self))
        self._caption(lambda: tr("Your data"))
        self._folder = make_label("", "soft", self)
        self._folder.setWordWrap(True)
        self._layout.addWidget(self._folder)
        self._switch("snapshots.daily", lambda: tr("Make a snapshot every day"))
        self._buttons: list[tuple[QPushButton, Callable[[], str]]] = []
        actions: tuple[tuple[Callable[[], str], Callable[[], Any]], ...] = (
            (lambda: tr("Open the folder"), self._open_folder),
            (lambda: tr("Snapshots…"), lambda: SnapshotsDialog(self._workstation, self).exec()),
            (lambda: tr("Trash…"), lambda: TrashDialog(self._workstation, self).exec()),
            (lambda: tr("Export everything…"), self.export_requested.emit),
            (lambda: tr("Import…"), self.import_requested.emit),
        )
        self._button_row(actions)
        self._layout.addWidget(make_separator(self))
        self._caption(lambda: tr("About"))
        self._about = make_label("", "soft", self)
        self._about.setWordWrap(True)
        self._layout.addWidget(self._about)
        about: tuple[tuple[Callable[[], str], Callable[[], Any]], ...] = (
            (lambda: tr("This machine…"), lambda: MachineDialog(self._workstation, self).exec()),
            (lambda: tr("Licences…"), lambda: LicencesDialog(self).exec()),
            (lambda: tr("Network…"), lambda: NetworkDialog(self).exec()),
        )
        self._button_row(about)

    def _button_row(self, actions: tuple[tuple[Callable[[], str], Callable[[], Any]], ...]) -> None:
        row = QHBoxLayout()
        for name, action in actions:
            button = QPushButton(self)
            button.clicked.connect(lambda _checked=False, act=action: act())
            self._buttons.append((button, name))
            row.addWidget(button)
        row.addStretch()
        self._layout.addLayout(row)

    # ---- rows

    def _heading(self, name: Callable[[], str]) -> None:
        label = make_label("", "heading", self)
        self._names.append((label, name))
        self._layout.addWidget(label)

    def _caption(self, name: Callable[[], str]) -> None:
        label = make_label("", "strong", self)
        self._names.append((label, name))
        self._layout.addWidget(label)

    def _row(self, name: Callable[[], str], field: QWidget) -> None:
        label = QLabel(self)
        label.setBuddy(field)
        self._names.append((label, name))
        row = QHBoxLayout()
        row.addWidget(label)
        row.addStretch()
        row.addWidget(field)
        self._layout.addLayout(row)

    def show_setting(self, key: str) -> None:
        """A setting was changed elsewhere: show its value."""
        for name, field in self._fields.items():
            if name == key:
                field.blockSignals(True)
                if isinstance(field, QComboBox):
                    field.setCurrentIndex(max(0, field.findData(self._workstation.settings.get(key))))
                else:
                    field.setChecked(bool(self._workstation.settings.get(key)))
                field.blockSignals(False)

    def _choice(self, key: str, name: Callable[[], str], choices: Callable[[], list[tuple[str, str]]]) -> None:
        field = QComboBox(self)
        field.setMinimumWidth(180)
        for value, label in choices():
            field.addItem(label, value)
        field.setCurrentIndex(max(0, field.findData(self._workstation.settings.get(key))))
        field.activated.connect(lambda index: self._workstation.settings.set(key, field.itemData(index)))
        self._choices.append((field, choices, name))
        self._fields[key] = field
        self._row(name, field)

    def _switch(self, key: str, name: Callable[[], str]) -> None:
        field = Switch(self._tokens, self)
        field.setChecked(bool(self._workstation.settings.get(key)))
        field.toggled.connect(lambda is_on: self._workstation.settings.set(key, is_on))
        self._switches.append(field)
        self._switch_names.append((field, name))
        self._fields[key] = field
        self._row(name, field)

    def _file(self, key: str, name: Callable[[], str], pattern: str = "", *, parts: int = 1) -> None:
        """A row for the path of a file: one button chooses it, another takes it away; so many of its last parts are shown."""
        both = QWidget(self)
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        field, clear = QPushButton(both), QPushButton(both)
        clear.setProperty("role", "link")
        row.addWidget(clear)
        row.addWidget(field)

        def show() -> None:
            path = str(self._workstation.settings.get(key))
            field.setText("/".join(Path(path).parts[-parts:]) or tr("Choose…"))
            field.setToolTip(escape(path))
            clear.setText(tr("Remove"))
            clear.setVisible(bool(path))

        def keep(path: str) -> None:
            self._workstation.settings.set(key, path)
            show()

        def choose() -> None:
            path, _ = QFileDialog.getOpenFileName(self, name(), "", pattern)
            if path:
                keep(path)

        field.clicked.connect(choose)
        clear.clicked.connect(lambda: keep(""))
        self._shows.append(show)
        self._row(name, both)

    def _open_folder(self) -> None:
        open_outside(QUrl.fromLocalFile(str(self._workstation.paths.data)))

    # ---- looks and words

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._hubs.retheme(tokens)
        self._remotes.retheme(tokens)
        for switch in self._switches:
            switch.tokens = tokens
            switch.update()

    def retranslate(self) -> None:
        """Speak another language."""
        self._hubs.retranslate()
        self._remotes.retranslate()
        for label, name in self._names:
            label.setText(name())
        for show in self._shows:
            show()
        for button, name in self._buttons:
            button.setText(name())
        for field, choices, name in self._choices:
            field.setAccessibleName(name())
            for index, (_, label_text) in enumerate(choices()):
                field.setItemText(index, label_text)
        for switch, name in self._switch_names:
            switch.setAccessibleName(name())
        self._folder.setText(tr("Conversations and settings lie in {folder}").format(folder=self._workstation.paths.data))
        self._about.setText(
            tr("Yanmo {version}. Local models, nothing leaves this machine: no telemetry, no account.").format(
                version=__version__
            )
        )

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
