"""What this machine has, which engines are built, and what would help: the report of ``yanmo doctor``, in the words of the window."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui.models.background import Background
from app.gui.theme import make_font
from app.gui.translation import tr, tr_reason
from app.gui.widgets import make_label
from app.services.diagnosis import DoctorReport, make_report
from app.services.findings import Finding
from app.workstation import Workstation

_MARKS = {"good": "✓", "note": "·", "trouble": "✗"}


class MachineDialog(QDialog):
    """Looks when it is opened, in the background: trying the engines takes a second."""

    def __init__(self, workstation: Workstation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("This machine"))
        self.setMinimumSize(720, 520)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.addWidget(make_label(tr("This machine"), "heading", self))
        self.words = make_label(tr("Looking…"), "soft", self)
        layout.addWidget(self.words)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        page = QWidget(area)
        self._grid = QGridLayout(page)
        self._grid.setColumnStretch(2, 1)
        self._grid.setVerticalSpacing(10)
        area.setWidget(page)
        layout.addWidget(area, 1)
        row = QHBoxLayout()
        row.addStretch()
        close = QPushButton(tr("Close"), self)
        close.clicked.connect(self.accept)
        row.addWidget(close)
        layout.addLayout(row)
        self._work = Background(workstation.jobs, "network", self)
        self._work.run(
            lambda: make_report(workstation.paths), self.show_report, lambda error: self.words.setText(error.english())
        )

    def show_report(self, report: DoctorReport) -> None:
        """Show what was found."""
        trouble = tr("Something keeps Yanmo from working.") if report.has_trouble else tr("Yanmo works here.")
        self.words.setText(trouble)
        names = topic_names()
        for finding in report.findings:
            row = self._grid.rowCount()
            for column, text in enumerate((_MARKS[finding.state], names.get(finding.topic, finding.topic))):
                self._grid.addWidget(QLabel(text, self), row, column, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(self._make_text(finding), row, 2)
            for number, command in enumerate(finding.commands):
                self._grid.addWidget(self._make_command(command), row + 1 + number, 2)
        self._grid.setRowStretch(self._grid.rowCount(), 1)

    def _make_text(self, finding: Finding) -> QLabel:
        remedy = f"<br>→ {escape(tr_reason(finding.remedy))}" if finding.remedy else ""
        label = QLabel(f"{escape(tr_reason(finding.text))}{remedy}", self)
        label.setWordWrap(True)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        return label

    def _make_command(self, command: str) -> QWidget:
        """A line for a shell, and a button that copies it."""
        both = QWidget(self)
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        line = QLineEdit(command, both)
        line.setReadOnly(True)
        line.setFont(make_font(12, mono=True))
        line.setCursorPosition(0)
        line.setToolTip(escape(command))
        line.setAccessibleName(tr("Command"))
        row.addWidget(line, 1)
        copy = QPushButton(tr("Copy"), both)
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(command))
        row.addWidget(copy)
        return both


def topic_names() -> dict[str, str]:
    """The topics of the report in the language of the window; what is missing is a proper name."""
    return {
        "System": tr("System"),
        "Processor": tr("Processor"),
        "Memory": tr("Memory"),
        "Window": tr("Window"),
        "Display": tr("Display"),
        "Acceleration": tr("Acceleration"),
        "Compiler": tr("Compiler"),
        "CUDA toolkit": tr("CUDA toolkit"),
        "Data": tr("Data"),
        "Starter model": tr("Starter model"),
        "Starter with eyes": tr("Starter with eyes"),
    }
