"""The Server page: on and off, keys, how to connect, and every call of other programs as it happens."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.gui.server.clients import CLIENTS, find_text, make_requests
from app.gui.server.inspector import Inspector
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import Switch, make_label, make_separator
from app.services.events import Event, RequestChanged, ServerChanged
from app.services.own_requests import try_client
from app.workstation import Workstation
from models.errors import UserFacingError

_LEFT_WIDTH = 380
_REFRESH_MILLISECONDS = 400


class ServerPage(QWidget):
    """``opened`` carries the id of a conversation that was made of a call.

    Starting and stopping happen in a thread: a server that stops waits for its streams.
    """

    opened = Signal(str)
    _settled = Signal(object)
    _tested = Signal(str)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        self._server = workstation.server
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 28, 32, 24)
        layout.setSpacing(10)
        self._heading = make_label("", "heading", self)
        self._note = make_label("", "soft", self)
        self._note.setWordWrap(True)
        left = QWidget(self)
        left.setFixedWidth(_LEFT_WIDTH)
        self._column = QVBoxLayout(left)
        self._column.setContentsMargins(0, 0, 12, 0)
        self._column.setSpacing(10)
        self._add_switches(tokens)
        self._column.addWidget(make_separator(self))
        self._add_keys()
        self._column.addWidget(make_separator(self))
        self._add_clients()
        self.inspector = Inspector(workstation, self)
        self.inspector.opened.connect(self.opened)
        self.inspector.trouble.connect(self._settle)
        body = QHBoxLayout()
        body.setSpacing(20)
        body.addWidget(left)
        body.addWidget(self.inspector, 1)
        layout.addWidget(self._heading)
        layout.addWidget(self._note)
        layout.addLayout(body, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MILLISECONDS)
        self._timer.timeout.connect(self._tick)
        self._settled.connect(self._settle)
        self._tested.connect(self._show_test)
        self.retranslate()

    def _add_switches(self, tokens: Tokens) -> None:
        self.switch = Switch(tokens, self)
        self.switch.clicked.connect(self._toggle)
        self._state = make_label("", "strong", self)
        self._copy_address = QPushButton(self)
        self._copy_address.clicked.connect(lambda: self._copy(self._server.address))
        self._port_name = make_label("", "", self)
        self.port = QSpinBox(self)
        self.port.setRange(1, 65535)
        self.port.setValue(int(self._workstation.settings.get("server.port")))
        self.port.valueChanged.connect(lambda value: self._workstation.settings.set("server.port", value))
        self._at_start_name = make_label("", "", self)
        self.at_start = Switch(tokens, self)
        self.at_start.setChecked(bool(self._workstation.settings.get("server.start_with_window")))
        self.at_start.toggled.connect(lambda on: self._workstation.settings.set("server.start_with_window", on))
        self._ollama_name = make_label("", "", self)
        self.ollama = Switch(tokens, self)
        self.ollama.setChecked(bool(self._workstation.settings.get("server.ollama_port")))
        self.ollama.toggled.connect(lambda on: self._workstation.settings.set("server.ollama_port", on))
        self._pictures_name = make_label("", "", self)
        self.pictures = Switch(tokens, self)
        self.pictures.setChecked(bool(self._workstation.settings.get("server.fetches_images")))
        self.pictures.toggled.connect(lambda on: self._workstation.settings.set("server.fetches_images", on))
        self._add_row(self._state, self._copy_address, self.switch)
        self._add_row(self._port_name, self.port)
        self._add_row(self._ollama_name, self.ollama)
        self._add_row(self._pictures_name, self.pictures)
        self._add_row(self._at_start_name, self.at_start)

    def _add_row(self, *widgets: QWidget) -> None:
        row = QHBoxLayout()
        row.addWidget(widgets[0])
        row.addStretch()
        for widget in widgets[1:]:
            row.addWidget(widget)
        self._column.addLayout(row)

    def _add_keys(self) -> None:
        self._keys_name = make_label("", "strong", self)
        self._keys_note = make_label("", "soft", self)
        self._keys_note.setWordWrap(True)
        self.keys = QListWidget(self)
        self.keys.setObjectName("codePane")
        self.keys.setMaximumHeight(92)
        self._new_key = QPushButton(self)
        self._new_key.clicked.connect(self._create_key)
        self._remove_key = QPushButton(self)
        self._remove_key.clicked.connect(self._take_key_back)
        self._column.addWidget(self._keys_name)
        self._column.addWidget(self._keys_note)
        self._column.addWidget(self.keys)
        row = QHBoxLayout()
        row.addWidget(self._new_key)
        row.addWidget(self._remove_key)
        row.addStretch()
        self._column.addLayout(row)

    def _add_clients(self) -> None:
        self._clients_name = make_label("", "strong", self)
        self.client = QComboBox(self)
        self.client.addItems(list(CLIENTS))
        self.client.currentIndexChanged.connect(lambda _index: self._show_client())
        self._client_text = QPlainTextEdit(self)
        self._client_text.setReadOnly(True)
        self._client_text.setObjectName("codePane")
        self._copy_client = QPushButton(self)
        self._copy_client.clicked.connect(lambda: self._copy(self._client_text.toPlainText()))
        self._test = QPushButton(self)
        self._test.clicked.connect(self._run_test)
        self._test_result = make_label("", "soft", self)
        self._test_result.setWordWrap(True)
        self._column.addWidget(self._clients_name)
        self._column.addWidget(self.client)
        self._column.addWidget(self._client_text, 1)
        row = QHBoxLayout()
        row.addWidget(self._copy_client)
        row.addWidget(self._test)
        row.addStretch()
        self._column.addLayout(row)
        self._column.addWidget(self._test_result)

    # ---- doing

    def start_if_wished(self) -> None:
        """At the window's start, where that was chosen."""
        if self._workstation.settings.get("server.start_with_window"):
            self._toggle()

    def _toggle(self) -> None:
        """Start or stop, in a thread; the switch follows what became of it."""
        self.switch.setEnabled(False)
        is_running = bool(self._server.address)

        def work() -> None:
            try:
                if is_running:
                    self._server.stop()
                else:
                    self._server.start()
                _tell(self._settled, None)
            except UserFacingError as error:
                _tell(self._settled, error)

        threading.Thread(target=work, name="server switch", daemon=True).start()

    def _settle(self, error: object) -> None:
        self.switch.setEnabled(True)
        if isinstance(error, UserFacingError):
            self._test_result.setText(" ".join(part for part in translated_error(error) if part))
        self._show_state()

    def _create_key(self) -> None:
        name, is_given = QInputDialog.getText(self, tr("New key"), tr("What is it for?"))
        if not is_given:
            return
        try:
            secret = self._server.keys.create(name)
        except UserFacingError as error:
            self._test_result.setText(" ".join(part for part in translated_error(error) if part))
            return
        self._copy(secret)
        self._test_result.setText(tr("The key is in the clipboard. It is shown only now: {key}").format(key=secret))
        self._show_keys()

    def _take_key_back(self) -> None:
        item = self.keys.currentItem()
        if item is not None:
            self._server.keys.remove(item.data(0x0100))
            self._show_keys()

    def _run_test(self) -> None:
        """Ask the server as the chosen program would, in a thread."""
        if not self._server.address:
            self._tested.emit(tr("The server is off."))
            return
        self._test.setEnabled(False)
        server, requests = self._server, make_requests(self.client.currentText(), self._model())
        ok, failed = tr("It answers: {answer}"), tr("It does not answer: {reason}")

        def work() -> None:
            try:
                said = find_text(try_client(server, requests))
                _tell(self._tested, ok.format(answer=said))
            except UserFacingError as error:
                _tell(self._tested, failed.format(reason=error.english()))

        threading.Thread(target=work, name="self-test", daemon=True).start()

    def _show_test(self, text: str) -> None:
        self._test.setEnabled(True)
        self._test_result.setText(text)

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)

    # ---- showing

    def showEvent(self, event: QShowEvent) -> None:
        self._show_state()
        self._show_keys()
        self.inspector.refresh()
        self._timer.start()

    def _tick(self) -> None:
        if self.isVisible():
            self.inspector.refresh()
        else:
            self._timer.stop()

    def hear(self, event: Event) -> None:
        """A fact from the services."""
        if isinstance(event, ServerChanged):
            self._show_state()
        elif isinstance(event, RequestChanged) and self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def _show_state(self) -> None:
        address = self._server.address
        self.switch.blockSignals(True)
        self.switch.setChecked(bool(address))
        self.switch.blockSignals(False)
        self._state.setText(
            address or (tr("The server did not start") if self._server.state == "failed" else tr("The server is off"))
        )
        self._copy_address.setVisible(bool(address))
        self.port.setEnabled(not address)
        self.ollama.setEnabled(not address)
        self._show_client()

    def _show_keys(self) -> None:
        self.keys.clear()
        for key in self._server.keys.list():
            self.keys.addItem(f"{key.name}  …{key.hint}  ({', '.join(key.scopes)})")
            self.keys.item(self.keys.count() - 1).setData(0x0100, key.name)

    def _show_client(self) -> None:
        address = self._server.address or f"http://127.0.0.1:{self.port.value()}"
        model = self._model()
        key = tr("YOUR-KEY") if self._server.keys.are_needed else "none"
        self._client_text.setPlainText(CLIENTS[self.client.currentText()](address, model, key))

    def _model(self) -> str:
        return self._workstation.engines.current_model or self._workstation.starter_model()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        for switch in (self.switch, self.at_start, self.ollama):
            switch.set_tokens(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._heading.setText(tr("Server"))
        self._note.setText(
            tr("Other programs use your models here, in the words of OpenAI, Anthropic, Ollama, LM Studio and llama-server.")
        )
        self._port_name.setText(tr("Port"))
        self._ollama_name.setText(tr("Listen at Ollama's port 11434 too"))
        self._pictures_name.setText(tr("Fetch pictures by address"))
        self._at_start_name.setText(tr("Start together with the window"))
        self._copy_address.setText(tr("Copy"))
        self._keys_name.setText(tr("Keys"))
        self._keys_note.setText(tr("Without a key every program on this machine may use the server, and no other machine."))
        self._new_key.setText(tr("New key…"))
        self._remove_key.setText(tr("Take back"))
        self._clients_name.setText(tr("Connect a program"))
        self._copy_client.setText(tr("Copy"))
        self._test.setText(tr("Self-test"))
        self.switch.setAccessibleName(tr("Server"))
        self.ollama.setAccessibleName(tr("Listen at Ollama's port 11434 too"))
        self.at_start.setAccessibleName(tr("Start together with the window"))
        self.inspector.retranslate()
        self._show_state()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def _tell(signal: Any, value: object) -> None:
    """Emit from a thread; the window may have been closed meanwhile."""
    with contextlib.suppress(RuntimeError):
        signal.emit(value)
