"""What is shown when the data cannot be opened: the reason, and a snapshot to restore where that helps."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

from app.gui.error_card import make_error_card
from app.gui.theme import choose_tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.paths import Paths
from app.store.snapshots import Snapshots
from app.workstation import restore_snapshot
from models.errors import UserFacingError


def ask_what_to_do(error: UserFacingError, paths: Paths | None) -> bool:
    """Show the error; true where a snapshot was restored and opening should be tried again."""
    dialog = StartErrorDialog(error, paths)
    return dialog.exec() == QDialog.DialogCode.Accepted


class StartErrorDialog(QDialog):
    """With ``paths`` it offers the snapshots of that data folder."""

    def __init__(self, error: UserFacingError, paths: Paths | None) -> None:
        super().__init__()
        self._paths = paths
        self.setWindowTitle("Yanmo")
        self.setMinimumWidth(520)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(20, 18, 20, 16)
        self._layout.setSpacing(12)
        self._layout.addWidget(make_error_card(error, choose_tokens("system"), self, offers_fixes=False))
        self.list = QListWidget(self)
        self.list.setAccessibleName(tr("Snapshots"))
        if paths is not None:
            self._add_snapshots(paths)
        self.list.setVisible(self.list.count() > 0)
        self._layout.addWidget(self.list)
        row = QHBoxLayout()
        row.addStretch()
        close = QPushButton(tr("Quit"), self)
        close.clicked.connect(self.reject)
        row.addWidget(close)
        if self.list.count():
            restore = QPushButton(tr("Restore this snapshot"), self)
            restore.setProperty("role", "primary")
            restore.clicked.connect(self._restore)
            row.addWidget(restore)
        self._layout.addLayout(row)

    def _add_snapshots(self, paths: Paths) -> None:
        self._layout.addWidget(make_label(tr("Snapshots of your conversations:"), "strong", self))
        for snapshot in Snapshots(paths.database, paths.snapshots).list():
            moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.created_at))
            item = QListWidgetItem(f"{moment}  ·  {snapshot.size / 2**20:.1f} MB")
            item.setData(Qt.ItemDataRole.UserRole, snapshot.name)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _restore(self) -> None:
        item = self.list.currentItem()
        if item is None or self._paths is None:
            return
        try:
            restore_snapshot(self._paths, item.data(Qt.ItemDataRole.UserRole))
        except UserFacingError as error:
            self._layout.insertWidget(1, make_error_card(error, choose_tokens("system"), self))
            return
        self.accept()
