"""The settings of connections to other servers: each with its address and key, what it offers, and a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.models.background import Background
from app.gui.models.rows import Row, RowList
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import make_label
from app.services.remotes import RemoteReport, RemoteServer
from app.workstation import Workstation
from models.errors import UserFacingError

_FIELD_WIDTH = 300
_ROW_HEIGHT = 54
_MOST_ROWS = 4


class RemoteSettings(QWidget):
    """A list of connections and a form that makes or changes one. What asks a server does so in the background."""

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._remotes = workstation.remotes
        self._work = Background(workstation.jobs, "network", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        self._note = make_label("", "soft", self)
        self._note.setWordWrap(True)
        layout.addWidget(self._note)
        self.list = RowList(tokens, self)
        self.list.currentItemChanged.connect(lambda *_items: self._choose())
        layout.addWidget(self.list)
        grid = QGridLayout()
        grid.setVerticalSpacing(8)
        self._labels: list[QLabel] = []
        self.name, self.url, self.key = QLineEdit(self), QLineEdit(self), QLineEdit(self)
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        for row, field in enumerate((self.name, self.url, self.key)):
            label = QLabel(self)
            label.setBuddy(field)
            field.setMinimumWidth(_FIELD_WIDTH)
            field.returnPressed.connect(self._connect)
            self._labels.append(label)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        layout.addLayout(self._make_buttons())
        self.said = make_label("", "soft", self)
        self.said.setWordWrap(True)
        layout.addWidget(self.said)
        self.retranslate()

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.connect_button, self.test_button, self.refresh_button, self.remove_button = (QPushButton(self) for _ in range(4))
        self.remove_button.setProperty("role", "danger")
        actions: tuple[tuple[QPushButton, Callable[[], None]], ...] = (
            (self.connect_button, self._connect),
            (self.test_button, self._test),
            (self.refresh_button, self._refresh),
            (self.remove_button, self._remove),
        )
        for button, action in actions:
            button.clicked.connect(lambda _checked=False, act=action: act())
            row.addWidget(button)
        row.addStretch()
        return row

    # ---- doing

    def _connect(self) -> None:
        name, url, key = self.name.text(), self.url.text(), self.key.text()
        self._begin(lambda: self._remotes.add(name, url, key), self._tell_connected)

    def _tell_connected(self, server: RemoteServer) -> None:
        self.key.clear()
        said = tr("{name} is connected and offers {count} models. They stand among your models now.")
        self._end(said.format(name=server.name, count=len(server.models)), server.name)

    def _test(self) -> None:
        if name := self._chosen():
            self._begin(lambda: self._remotes.test(name), self._tell_test)

    def _tell_test(self, report: RemoteReport) -> None:
        said = tr("It answers after {milliseconds} ms.").format(milliseconds=round(report.seconds * 1000))
        if report.model:
            can = report.capabilities
            found = [
                (tr("tools"), can.can_call_tools),
                (tr("pictures"), can.can_see),
                (tr("probabilities"), can.has_logprobs),
                (tr("all sampling settings"), can.takes_extensions),
            ]
            words = tr(", ").join(f"{word} {'✓' if is_there else '✗'}" for word, is_there in found)
            said += " " + (
                f"{report.model}: {words}" if can.can_write else tr("{model} makes vectors.").format(model=report.model)
            )
        self._end(said, report.server.name)

    def _refresh(self) -> None:
        if name := self._chosen():
            self._begin(lambda: self._remotes.refresh(name), self._tell_connected)

    def _remove(self) -> None:
        name = self._chosen()
        try:
            if name:
                self._remotes.remove(name)
                self._end(tr("The connection {name} and its key are forgotten.").format(name=name), "")
        except UserFacingError as error:
            self._fail(error)

    def _begin(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        self.said.setText(tr("Asking the server…"))
        self._enable(False)
        self._work.run(work, then, self._fail)

    def _fail(self, error: UserFacingError) -> None:
        self.said.setText(" ".join(part for part in translated_error(error) if part))
        self._enable(True)

    def _end(self, said: str, chosen: str) -> None:
        self.said.setText(said)
        self.refresh(chosen)
        self._enable(True)

    # ---- showing

    def refresh(self, chosen: str | None = None) -> None:
        """Show the connections as they are kept."""
        servers = self._remotes.list()
        rows = [Row(server.name, _describe(server), icon="server", value=server.name) for server in servers]
        self.list.show_rows(rows, self._chosen() if chosen is None else chosen)
        self.list.setVisible(bool(rows))
        self.list.setFixedHeight(_ROW_HEIGHT * min(max(len(rows), 1), _MOST_ROWS) + 8)
        self._enable(True)

    def _chosen(self) -> str:
        return str(self.list.value() or "")

    def _choose(self) -> None:
        """Put the chosen connection into the form; its key is never shown."""
        server = next((server for server in self._remotes.list() if server.name == self._chosen()), None)
        if server is not None:
            self.name.setText(server.name)
            self.url.setText(server.url)
            self.key.clear()
        self._enable(True)

    def _enable(self, is_free: bool) -> None:
        self.connect_button.setEnabled(is_free)
        for button in (self.test_button, self.refresh_button, self.remove_button):
            button.setEnabled(is_free and bool(self._chosen()))

    # ---- looks and words

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.list.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._note.setText(
            tr(
                "Models that vLLM, SGLang, llama-server, another Yanmo or any server of OpenAI's kind holds. What you write goes there."
            )
        )
        names = (tr("Name"), tr("Address"), tr("Key"))
        hints = (tr("for example box"), tr("such as http://192.168.1.20:8000/v1"), tr("only where the server wants one"))
        for label, field, name, hint in zip(self._labels, (self.name, self.url, self.key), names, hints, strict=True):
            label.setText(name)
            field.setPlaceholderText(hint)
            field.setAccessibleName(f"{tr('Other servers')}: {name}")
        self.connect_button.setText(tr("Connect"))
        self.test_button.setText(tr("Test"))
        self.refresh_button.setText(tr("Ask again"))
        self.remove_button.setText(tr("Forget"))
        self.list.setAccessibleName(tr("Other servers"))
        self.refresh()


def _describe(server: RemoteServer) -> str:
    asked = time.strftime("%Y-%m-%d %H:%M", time.localtime(server.asked_at))
    words = tr("{count} models, asked {time}").format(count=len(server.models), time=asked)
    return f"{server.url}  ·  {words}"
