"""The Quantize page: make smaller models and see what that cost."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.gui.models.background import Background
from app.gui.quantize.job_panel import JobPanel
from app.gui.quantize.order_form import OrderForm
from app.gui.quantize.recipe_dialog import RecipeDialog
from app.gui.quantize.results import Results
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.services.events import Event, LibraryChanged, QuantizingChanged, SizesPredicted
from app.services.matrix_coverage import read_coverages
from app.workstation import Workstation
from models.errors import UserFacingError
from quantize.order import Order

_FORM_WIDTH = 390


class QuantizePage(QWidget):
    """``trouble`` carries an error, ``load_requested`` the path of a model to talk to."""

    trouble = Signal(object)
    load_requested = Signal(str)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        self._seen = ("", 0)
        self._tokens = tokens
        self._covering = Background(workstation.jobs, "disk", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 28, 32, 24)
        layout.setSpacing(10)
        self._heading = make_label("", "heading", self)
        self._note = make_label("", "soft", self)
        self._note.setWordWrap(True)
        self.form = OrderForm(workstation, self)
        self.form.ordered.connect(self._order)
        self.form.trouble.connect(self.trouble)
        self.form.source_changed.connect(self._source_changed)
        self.form.search_wanted.connect(self.open_search)
        self.jobs = JobPanel(tokens, self)
        self.jobs.asked.connect(self._asked)
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(12)
        column.addWidget(self.form, 1)
        column.addWidget(self.jobs)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(left)
        scroll.setFixedWidth(_FORM_WIDTH)
        self.results = Results(tokens, self)
        self.results.loading_asked.connect(self.load_requested)
        self.results.pick_button.clicked.connect(self.pick)
        body = QHBoxLayout()
        body.setSpacing(20)
        body.addWidget(scroll)
        body.addWidget(self.results, 1)
        layout.addWidget(self._heading)
        layout.addWidget(self._note)
        layout.addLayout(body, 1)
        self.retranslate()

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Read library, jobs and cards again."""
        if self.isVisible():
            self.form.fill_sources()
            self.jobs.show_jobs(self._workstation.quantizing.jobs())
            self._show_cards()

    def open_model(self, path: str) -> None:
        """Turn to a model, such as one from the library."""
        self.form.choose_source(path)

    def hear(self, event: Event) -> None:
        """A fact from the services."""
        if isinstance(event, SizesPredicted):
            self.form.show_sizes(event.source, dict(event.sizes), is_exact=event.is_exact, is_quantized=event.is_quantized)
        elif isinstance(event, QuantizingChanged):
            jobs = self._workstation.quantizing.jobs()
            self.jobs.show_jobs(jobs)
            job = next((job for job in jobs if job.id == event.job_id), None)
            if job is not None and (job.id, len(job.cards)) != self._seen:
                self._seen = (job.id, len(job.cards))
                self._show_cards()
        elif isinstance(event, LibraryChanged):
            self.refresh()

    def _source_changed(self, path: str) -> None:
        self.results.say("")
        self._show_cards()
        if path:
            self._workstation.quantizing.predict_sizes(path)

    def _show_cards(self) -> None:
        folder = Path(self.form.target())
        self.results.show_cards(self._workstation.quantizing.find_cards(folder))
        self._covering.run(lambda: read_coverages(folder), self.results.show_coverages, self.trouble.emit)

    def _order(self, order: Order) -> None:
        try:
            self._workstation.quantizing.start(order)
        except (UserFacingError, OSError) as error:
            self.trouble.emit(error if isinstance(error, UserFacingError) else UserFacingError(reason=str(error)))

    def _asked(self, what: str, job_id: str) -> None:
        quantizing = self._workstation.quantizing
        {"cancel": quantizing.cancel, "resume": quantizing.resume, "forget": quantizing.forget}[what](job_id)

    def open_search(self) -> RecipeDialog:
        """A search for the best recipe of the model that is chosen."""
        form = self.form
        dialog = RecipeDialog(
            self._workstation.jobs, self._tokens, Path(form.path()), form.matrix_file(), Path(form.target()), self
        )
        dialog.chosen.connect(form.add_recipe)
        dialog.open()
        return dialog

    def pick(self) -> None:
        """Choose for this machine."""
        self.results.pick_for(self._workstation.hardware.snapshot().ram_free)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.results.retheme(tokens)
        self.jobs.retheme(tokens)
        self.refresh()

    def retranslate(self) -> None:
        """Speak another language."""
        self._heading.setText(tr("Quantize"))
        self._note.setText(
            tr("Make a model smaller and see what that cost, measured against the original on a text neither was tuned to.")
        )
        self.form.retranslate()
        self.results.retranslate()
        self.jobs.clear()
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
