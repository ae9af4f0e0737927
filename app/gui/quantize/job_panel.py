"""Orders that wait, run or were interrupted: a bar, what is done now, and buttons to cancel, go on, or put away."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.gui.error_card import make_error_card
from app.gui.quantize.words import step_words
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import ElidedLabel
from app.services.quantizing import QuantizeJob


class JobPanel(QWidget):
    """``asked`` carries what to do (cancel, resume, forget) and a job's id."""

    asked = Signal(str, str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._rows: dict[str, _JobRow] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)

    def show_jobs(self, jobs: list[QuantizeJob]) -> None:
        """Show these; a row that is there already only changes what it says."""
        shown = [job for job in jobs if job.state != "finished"]
        for gone in set(self._rows) - {job.id for job in shown}:
            self._rows.pop(gone).deleteLater()
        for job in shown:
            row = self._rows.get(job.id)
            if row is None or row.state != job.state:
                if row is not None:
                    row.deleteLater()
                row = _JobRow(job, self._tokens, self)
                row.asked.connect(self.asked)
                self._rows[job.id] = row
                self._layout.addWidget(row)
            row.show_job(job)
        self.setVisible(bool(shown))

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours: rows are made anew when they are shown next."""
        self._tokens = tokens
        self.clear()

    def clear(self) -> None:
        """Take all rows away."""
        while self._rows:
            self._rows.popitem()[1].deleteLater()


class _JobRow(QFrame):
    asked = Signal(str, str)

    def __init__(self, job: QuantizeJob, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("jobRow")
        self.state = job.state
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        head = QHBoxLayout()
        self._words = ElidedLabel("", self)
        head.addWidget(self._words, 1)
        buttons = {
            "waiting": (("cancel", tr("Cancel")),),
            "running": (("cancel", tr("Cancel")),),
            "interrupted": (("resume", tr("Go on")), ("forget", tr("Put away"))),
            "cancelled": (("resume", tr("Go on")), ("forget", tr("Put away"))),
            "failed": (("resume", tr("Try again")), ("forget", tr("Put away"))),
        }
        for name, label in buttons.get(job.state, ()):
            button = QPushButton(label, self)
            button.clicked.connect(lambda _checked=False, what=name, which=job.id: self.asked.emit(what, which))
            head.addWidget(button)
        layout.addLayout(head)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setVisible(job.is_open)
        layout.addWidget(self._bar)
        if job.error is not None:
            layout.addWidget(make_error_card(job.error, tokens, self, offers_fixes=False))

    def show_job(self, job: QuantizeJob) -> None:
        """What it does now."""
        types = ", ".join(recipe.file_type for recipe in job.order.recipes)
        if job.state == "running" and job.step is not None:
            self._words.set_full_text(step_words(job.step))
            self._bar.setValue(round(1000 * (job.step.number - 1 + job.step.fraction) / job.step.count))
        else:
            names = {
                "waiting": tr("Waiting: {types}"),
                "running": tr("Starting: {types}"),
                "interrupted": tr("Interrupted: {types}. What was finished is kept."),
                "cancelled": tr("Cancelled: {types}. What was finished is kept."),
                "failed": tr("Failed: {types}. What was finished is kept."),
            }
            self._words.set_full_text(names.get(job.state, "{types}").format(types=types))
        self._bar.setAccessibleName(self._words.accessibleName())
