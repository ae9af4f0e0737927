"""What Yanmo is made of, and under which licences."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.translation import tr
from app.gui.widgets import make_label
from app.services.licences import LicensedPart, list_parts


class LicencesDialog(QDialog):
    """A list of the parts, and the text of the one that is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Licences"))
        self.setMinimumSize(820, 560)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.addWidget(make_label(tr("Licences"), "heading", self))
        words = make_label(tr("Yanmo is under the MIT licence. These parts are in it, each under its own:"), "soft", self)
        words.setWordWrap(True)
        layout.addWidget(words)
        self.list = QListWidget(self)
        self.list.setAccessibleName(tr("Parts"))
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("Text of the licence"))
        for part in list_parts():
            item = QListWidgetItem(f"{part.name} {part.version}".strip())
            item.setToolTip(part.licence)
            item.setData(Qt.ItemDataRole.UserRole, part)
            self.list.addItem(item)
        self.list.currentItemChanged.connect(lambda item, _before: self._show(item))
        row = QHBoxLayout()
        row.addWidget(self.list, 2)
        row.addWidget(self.text, 5)
        layout.addLayout(row, 1)
        close = QPushButton(tr("Close"), self)
        close.clicked.connect(self.accept)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.list.setCurrentRow(0)

    def _show(self, item: QListWidgetItem | None) -> None:
        part: LicensedPart | None = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        if part is not None:
            self.text.setPlainText(f"{part.licence}\n\n{part.text}".rstrip())
