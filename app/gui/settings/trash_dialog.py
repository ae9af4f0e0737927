"""The trash: conversations that were deleted, to put back or remove for good."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QMessageBox, QPushButton, QVBoxLayout, QWidget

from app.gui.translation import tr
from app.gui.widgets import make_label
from app.workstation import Workstation


class TrashDialog(QDialog):
    """Lists the trash, newest first."""

    def __init__(self, workstation: Workstation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self.setWindowTitle(tr("Trash"))
        self.setMinimumSize(480, 380)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.addWidget(make_label(tr("Trash"), "heading", self))
        days = workstation.settings.get("trash.days")
        layout.addWidget(make_label(tr("Conversations stay here for {days} days.").format(days=f"{days:g}"), "soft", self))
        self.list = QListWidget(self)
        self.list.setAccessibleName(tr("Trash"))
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        layout.addWidget(self.list, 1)
        row = QHBoxLayout()
        for text, action in ((tr("Put back"), self._restore), (tr("Delete for good…"), self._purge), (tr("Close"), self.accept)):
            button = QPushButton(text, self)
            button.clicked.connect(action)
            row.addWidget(button)
        layout.addLayout(row)
        self._refresh()

    def _refresh(self) -> None:
        self.list.clear()
        for conversation in self._workstation.conversations.trash():
            moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.deleted_at or 0))
            item = QListWidgetItem(f"{conversation.title or tr('New chat')}  ·  {moment}")
            item.setData(Qt.ItemDataRole.UserRole, conversation.id)
            self.list.addItem(item)

    def _chosen(self) -> list[str]:
        return [item.data(Qt.ItemDataRole.UserRole) for item in self.list.selectedItems()]

    def _restore(self) -> None:
        for conversation_id in self._chosen():
            self._workstation.conversations.restore(conversation_id)
        self._refresh()

    def _purge(self) -> None:
        chosen = self._chosen()
        question = tr("Delete for good? This cannot be undone.")
        if chosen and QMessageBox.question(self, tr("Trash"), question) == QMessageBox.StandardButton.Yes:
            for conversation_id in chosen:
                self._workstation.conversations.purge(conversation_id)
            self._refresh()
