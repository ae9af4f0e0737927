"""Database snapshots: list, make, restore."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QMessageBox, QPushButton, QVBoxLayout, QWidget

from app.gui.error_card import make_error_card
from app.gui.theme import LIGHT
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.workstation import Workstation
from models.errors import UserFacingError


class SnapshotsDialog(QDialog):
    """Restoring keeps the database of today beside the restored one; nothing is deleted."""

    def __init__(self, workstation: Workstation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self.setWindowTitle(tr("Snapshots"))
        self.setMinimumSize(480, 380)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.addWidget(make_label(tr("Snapshots"), "heading", self))
        note = make_label(tr("A copy of all conversations is made daily and before every upgrade; seven are kept."), "soft", self)
        note.setWordWrap(True)
        layout.addWidget(note)
        self.list = QListWidget(self)
        self.list.setAccessibleName(tr("Snapshots"))
        layout.addWidget(self.list, 1)
        row = QHBoxLayout()
        for text, action in ((tr("Make one now"), self._make), (tr("Restore…"), self._restore), (tr("Close"), self.accept)):
            button = QPushButton(text, self)
            button.clicked.connect(action)
            row.addWidget(button)
        layout.addLayout(row)
        self._refresh()

    def _refresh(self) -> None:
        self.list.clear()
        reasons = {"daily": tr("daily"), "migration": tr("before an upgrade"), "manual": tr("made by hand")}
        for snapshot in self._workstation.snapshots.list():
            moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.created_at))
            item = QListWidgetItem(f"{moment}  ·  {snapshot.size / 2**20:.1f} MB  ·  {reasons.get(snapshot.reason, '')}")
            item.setData(Qt.ItemDataRole.UserRole, snapshot.name)
            self.list.addItem(item)
        if self.list.count():
            self.list.setCurrentRow(0)

    def _make(self) -> None:
        try:
            self._workstation.snapshots.make("manual")
        except UserFacingError as error:
            self._show(error)
        self._refresh()

    def _restore(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        question = tr("Replace all conversations by this snapshot? Today's database is kept beside it.")
        if QMessageBox.question(self, tr("Restore a snapshot"), question) != QMessageBox.StandardButton.Yes:
            return
        try:
            self._workstation.snapshots.restore(item.data(Qt.ItemDataRole.UserRole))
        except UserFacingError as error:
            self._show(error)
            return
        self.accept()

    def _show(self, error: UserFacingError) -> None:
        layout = self.layout()
        if layout is not None:
            layout.addWidget(make_error_card(error, LIGHT, self))
