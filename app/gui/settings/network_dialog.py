"""Everyone that Yanmo has connected to since it was started: what it says of itself can be seen here."""

from __future__ import annotations

import time

from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.translation import tr
from app.gui.widgets import make_label
from backends.network_watch import Contact, list_contacts


class NetworkDialog(QDialog):
    """A table, newest first; connections inside this machine are listed too, and told apart."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Network"))
        self.setMinimumSize(680, 420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.addWidget(make_label(tr("Network"), "heading", self))
        self.words = make_label("", "soft", self)
        self.words.setWordWrap(True)
        layout.addWidget(self.words)
        self.table = QTableWidget(0, 4, self)
        self.table.setAccessibleName(tr("Connections"))
        self.table.setHorizontalHeaderLabels([tr("Time"), tr("Host"), tr("Address"), tr("Where")])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        layout.addWidget(self.table, 1)
        row = QHBoxLayout()
        row.addStretch()
        for text, action in ((tr("Refresh"), self.refresh), (tr("Close"), self.accept)):
            button = QPushButton(text, self)
            button.clicked.connect(action)
            row.addWidget(button)
        layout.addLayout(row)
        self.refresh()

    def refresh(self) -> None:
        """Read again what was noted."""
        contacts = list_contacts()
        outside = sum(not contact.is_local for contact in contacts)
        if outside:
            self.words.setText(tr("Connections to other machines since Yanmo was started: {count}.").format(count=outside))
        else:
            self.words.setText(tr("Since Yanmo was started, nothing has left this machine."))
        self.table.setRowCount(len(contacts))
        for row, contact in enumerate(reversed(contacts)):
            for column, text in enumerate(_show(contact)):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.resizeColumnsToContents()


def _show(contact: Contact) -> tuple[str, str, str, str]:
    moment = time.strftime("%H:%M:%S", time.localtime(contact.at))
    place = tr("this machine") if contact.is_local else tr("another machine")
    return moment, contact.host or contact.address, f"{contact.address}:{contact.port}", place
