"""The request inspector: every call with its client, what the model read, and where the time went."""

from __future__ import annotations

import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.models.background import Background
from app.gui.server.clients import as_curl, as_python
from app.gui.server.prompt_reader import PromptReader
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.services.opened_calls import open_call
from app.services.own_requests import replay
from app.services.request_log import RequestRecord
from app.workstation import Workstation
from models.errors import UserFacingError

_SHOWN = 200


class Inspector(QWidget):
    """A table of calls, newest first, and the one that is chosen below it.

    ``opened`` carries the id of a conversation that was made of a call, ``trouble`` an error.
    """

    opened = Signal(str)
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._records: list[RequestRecord] = []
        self._reader = PromptReader(workstation, self)
        self._reader.came.connect(self._show_chosen)
        self._replaying = Background(workstation.jobs, "network", self)
        self._shown = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._name = make_label("", "strong", self)
        self._empty = make_label("", "soft", self)
        self.table = QTableWidget(0, 8, self)
        self.table.setObjectName("calls")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.itemSelectionChanged.connect(self._show_chosen)
        self.detail = QPlainTextEdit(self)
        self.detail.setReadOnly(True)
        self.detail.setObjectName("codePane")
        self._open = QPushButton(self)
        self._open.clicked.connect(self._open_call)
        self._replay = QPushButton(self)
        self._replay.clicked.connect(self._ask_replay)
        self._curl = QPushButton(self)
        self._curl.clicked.connect(lambda: self._copy("curl"))
        self._python = QPushButton(self)
        self._python.clicked.connect(lambda: self._copy("python"))
        self._clear = QPushButton(self)
        self._clear.clicked.connect(self._forget)
        head = QHBoxLayout()
        head.addWidget(self._name)
        head.addStretch()
        for button in (self._open, self._replay, self._curl, self._python, self._clear):
            head.addWidget(button)
        layout.addLayout(head)
        layout.addWidget(self._empty)
        layout.addWidget(self.table, 3)
        layout.addWidget(self.detail, 2)

    def refresh(self) -> None:
        """Read the log again; what has not changed stays as it is."""
        records = list(reversed(self._workstation.server.log.list()))[:_SHOWN]
        chosen = self._chosen()
        if [record.id for record in records] != [record.id for record in self._records]:
            self._records = records
            self.table.blockSignals(True)
            self.table.setRowCount(len(records))
            if chosen is not None and chosen in records:
                self.table.selectRow(records.index(chosen))
            self.table.blockSignals(False)
        for row, record in enumerate(records):
            self._fill(row, record)
        self._empty.setVisible(not records)
        self.table.setVisible(bool(records))
        self.detail.setVisible(bool(records))
        self._show_chosen()

    def _fill(self, row: int, record: RequestRecord) -> None:
        usage = record.usage
        cached = f" ({usage.cached_tokens})" if usage.cached_tokens else ""
        prompt = f"{usage.prompt_tokens}{cached}" if usage.prompt_tokens else f"{record.read_tokens}/{record.prompt_tokens}"
        cells = (
            datetime.datetime.fromtimestamp(record.started_at).strftime("%H:%M:%S"),
            record.client.split("/")[0][:24],
            record.path,
            record.model,
            state_in_words(record.state),
            prompt if record.request is not None else "",
            str(usage.output_tokens or ""),
            f"{record.seconds:.2f} s",
        )
        for column, text in enumerate(cells):
            item = self.table.item(row, column)
            if item is None:
                item = QTableWidgetItem()
                self.table.setItem(row, column, item)
                if column >= 5:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if item.text() != text:
                item.setText(text)

    def _chosen(self) -> RequestRecord | None:
        row = self.table.currentRow()
        return self._records[row] if 0 <= row < len(self._records) and self.table.selectedItems() else None

    def _show_chosen(self) -> None:
        record = self._chosen()
        text = "" if record is None else self._describe(record)
        for button in (self._open, self._replay):
            button.setEnabled(record is not None and record.request is not None)
        for button in (self._curl, self._python):
            button.setEnabled(record is not None)
        if text != self._shown:
            self._shown = text
            self.detail.setPlainText(text)

    def _describe(self, record: RequestRecord) -> str:
        usage = record.usage
        lines = [f"{record.path}  {record.client}", ""]
        if record.error:
            lines += [tr("Error: {error}").format(error=record.error), ""]
        if record.ended_at and usage.prompt_tokens:
            times = tr("waited {wait:.2f} s, read {read:.2f} s, wrote {write:.2f} s, {rate:.0f} tokens a second")
            lines.append(
                times.format(
                    wait=usage.waiting_seconds,
                    read=usage.prompt_seconds,
                    write=usage.output_seconds,
                    rate=usage.tokens_per_second,
                )
            )
            reuse = tr("{cached} of {total} tokens of the prompt were in the cache")
            lines += [reuse.format(cached=usage.cached_tokens, total=usage.prompt_tokens), self._reader.reason(record), ""]
        if record.request is not None:
            lines += ["── " + tr("What the model read") + " ──", self._reader.prompt(record), ""]
        lines += ["── " + tr("Answer") + " ──", record.text]
        return "\n".join(lines)

    def _open_call(self) -> None:
        """Make a conversation of the chosen call."""
        record = self._chosen()
        if record is not None and record.request is not None:
            try:
                made = open_call(record, self._workstation.conversations, self._workstation.messages)
            except UserFacingError as error:
                self.trouble.emit(error)
                return
            self.opened.emit(made)

    def replay_menu(self) -> QMenu:
        """The models to which the chosen call can be sent again."""
        menu = QMenu(self)
        for card in self._workstation.library.list_models():
            if card.can_be_loaded and card.kind in ("chat", "base"):
                place = (
                    f"  ·  {card.store}" if card.format == "remote" else f"  ·  {card.quantization}" if card.quantization else ""
                )
                action = menu.addAction(card.name.replace("&", "&&") + place)
                action.triggered.connect(lambda _checked=False, model=card.id: self._replay_on(model))
        return menu

    def _ask_replay(self) -> None:
        menu = self.replay_menu()
        menu.exec(self._replay.mapToGlobal(self._replay.rect().bottomLeft()))
        menu.deleteLater()

    def _replay_on(self, model: str) -> None:
        record = self._chosen()
        if record is not None:
            switch = self._workstation.server
            self._replaying.run(lambda: replay(switch, record, model), lambda _said: self._choose_newest(), self.trouble.emit)

    def _choose_newest(self) -> None:
        self.refresh()
        if self.table.rowCount():
            self.table.selectRow(0)

    def _copy(self, kind: str) -> None:
        record = self._chosen()
        if record is None:
            return
        make = as_curl if kind == "curl" else as_python
        url = self._workstation.server.address or "http://127.0.0.1"
        key = tr("YOUR-KEY") if self._workstation.server.keys.are_needed else "none"
        QGuiApplication.clipboard().setText(make(url, record.path, record.body, key))

    def _forget(self) -> None:
        self._workstation.server.log.clear()
        self.refresh()

    def retranslate(self) -> None:
        """Speak another language."""
        self._name.setText(tr("Calls"))
        self._empty.setText(tr("Nothing was asked yet. Start the server and connect a program."))
        self._open.setText(tr("Open in chat"))
        self._replay.setText(tr("Replay on…"))
        self._curl.setText(tr("Copy as curl"))
        self._python.setText(tr("Copy as Python"))
        self._clear.setText(tr("Clear"))
        names = (tr("Time"), tr("Program"), tr("Path"), tr("Model"), tr("State"), tr("Read"), tr("Written"), tr("Took"))
        self.table.setHorizontalHeaderLabels(list(names))
        self.refresh()


def state_in_words(state: str) -> str:
    """How far a call is."""
    return {
        "waiting": tr("waiting"),
        "reading": tr("reading"),
        "writing": tr("writing"),
        "done": tr("done"),
        "cancelled": tr("cancelled"),
        "failed": tr("failed"),
    }[state]
