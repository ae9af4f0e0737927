"""Finds the types that lose least within a size, or the smallest file within a loss, and shows how the two trade."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, SignalInstance, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.gui.quantize.search_plot import SearchPlot
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import ElidedLabel, make_label
from app.services.jobs import Jobs
from models.errors import UserFacingError, WorkCancelled
from quantize.calibration import held_out_text
from quantize.output import explain_write
from quantize.recipe import write_recipe
from quantize.recipe_search import RecipeSearch, Search

_USUAL_WINDOWS = 4


class RecipeDialog(QDialog):
    """``chosen`` carries the path of a recipe that was kept. Closing stops the search; what was measured is used the next time.

    Thread contract: ``_search`` runs in a lane of the jobs, everything else on the window's thread.
    """

    chosen = Signal(object)
    _progressed = Signal(float, str)
    _ended = Signal(object)

    def __init__(
        self, jobs: Jobs, tokens: Tokens, source: Path, imatrix: Path | None, folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._jobs, self._source, self._imatrix, self._folder = jobs, source, imatrix, folder
        self._cancelled = threading.Event()
        self._found: Search | None = None
        self._is_searching = False
        self.setWindowTitle(tr("Find a recipe"))
        self.resize(620, 620)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(12)
        layout.addWidget(make_label(tr("Find a recipe"), "heading", self))
        note = make_label(
            tr(
                "Each group of tensors is quantized alone and measured, then the types are chosen that cost least. That takes a while; "
                "it can be stopped, and goes on where it was."
            ),
            "soft",
            self,
        )
        note.setWordWrap(True)
        layout.addWidget(note)
        name = ElidedLabel("faint", self)
        name.set_full_text(source.name + (f"  ·  {imatrix.name}" if imatrix else ""))
        layout.addWidget(name)
        self._add_goals(layout)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.hide()
        layout.addWidget(self._bar)
        self._said = make_label("", "soft", self)
        self._said.setWordWrap(True)
        layout.addWidget(self._said)
        self.plot = SearchPlot(tokens, self)
        layout.addWidget(self.plot, 1)
        layout.addLayout(self._make_buttons())
        self._progressed.connect(self._show_progress)
        self._ended.connect(self._show_end)
        self.finished.connect(lambda _result: None if self.is_searching else self.deleteLater())

    def _add_goals(self, layout: QVBoxLayout) -> None:
        self.by_loss, self.by_size = QRadioButton(self), QRadioButton(self)
        self.by_loss.setText(tr("The smallest file within a KL divergence of"))
        self.by_size.setText(tr("The best file of at most"))
        self.by_loss.setChecked(True)
        self.loss, self.most = QDoubleSpinBox(self), QDoubleSpinBox(self)
        self.loss.setDecimals(4)
        self.loss.setRange(0.0001, 10.0)
        self.loss.setSingleStep(0.005)
        self.loss.setValue(0.02)
        self.most.setDecimals(1)
        self.most.setRange(0.1, 10_000_000.0)
        self.most.setSuffix(" MB")
        self.most.setValue(round(0.3 * self._source.stat().st_size / 2**20, 1))
        self.windows = QSpinBox(self)
        self.windows.setRange(1, 1000)
        self.windows.setValue(_USUAL_WINDOWS)
        rows = (
            (self.by_loss, self.loss, self.by_loss.text()),
            (self.by_size, self.most, self.by_size.text()),
            (make_label(tr("Windows of 512 tokens for each measurement"), "", self), self.windows, tr("Windows")),
        )
        for label, field, said in rows:
            field.setAccessibleName(said)
            field.setFixedWidth(130)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            row = QHBoxLayout()
            row.addWidget(label)
            row.addStretch()
            row.addWidget(field)
            layout.addLayout(row)

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.start, self.use, self.save = (QPushButton(self) for _ in range(3))
        self.start.setText(tr("Search"))
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(self._toggle)
        self.use.setText(tr("Use this recipe"))
        self.use.clicked.connect(self._use)
        self.save.setText(tr("Save the recipe…"))
        self.save.clicked.connect(self._save)
        for button in (self.use, self.save):
            button.setEnabled(False)
        row.addWidget(self.use)
        row.addWidget(self.save)
        row.addStretch()
        row.addWidget(self.start)
        return row

    # ---- searching

    @property
    def is_searching(self) -> bool:
        """Whether a search is under way."""
        return self._is_searching

    def _toggle(self) -> None:
        if self.is_searching:
            self._cancelled.set()
            self.start.setEnabled(False)
            return
        goal = (self.loss.value(), 0) if self.by_loss.isChecked() else (0.0, round(self.most.value() * 2**20))
        self._cancelled = cancelled = threading.Event()
        windows = self.windows.value()
        self._bar.setValue(0)
        self._is_searching = True
        self._bar.show()
        self._said.setText(tr("Waiting for its turn…"))
        self.start.setText(tr("Stop"))
        for widget in (self.by_loss, self.by_size, self.loss, self.most, self.windows, self.use, self.save):
            widget.setEnabled(False)
        self._jobs.submit("gpu", lambda is_closing: self._search(goal, windows, cancelled, is_closing), "recipe search")

    def _search(self, goal: tuple[float, int], windows: int, cancelled: threading.Event, is_closing: Callable[[], bool]) -> None:
        """In a lane of the jobs."""
        result: object = None  # what a bug leaves: the log has it
        try:
            search = RecipeSearch(
                self._source,
                held_out_text(),
                self._source.with_name(f"{self._source.stem}.search.json"),
                imatrix=self._imatrix,
                windows=windows,
                progress=lambda fraction, words: self._say_from_elsewhere(self._progressed, fraction, words),
                is_cancelled=lambda: cancelled.is_set() or is_closing(),
            )
            result = search.smallest_within(goal[0]) if goal[0] else search.best_within(goal[1])
        except UserFacingError as error:
            result = error
        except OSError as error:
            result = explain_write(self._source.name, self._source.with_suffix(".search.json"), error)
        finally:
            if not is_closing():
                self._say_from_elsewhere(self._ended, result)

    @staticmethod
    def _say_from_elsewhere(signal: SignalInstance, *facts: object) -> None:
        with contextlib.suppress(RuntimeError):  # the window is gone, and with it who would hear
            signal.emit(*facts)

    @Slot(float, str)
    def _show_progress(self, fraction: float, words: str) -> None:
        self._bar.setValue(round(1000 * fraction))
        self._said.setText(tr("Measuring: {what}").format(what=words))

    @Slot(object)
    def _show_end(self, result: object) -> None:
        self._is_searching = False
        self._bar.hide()
        if not self.isVisible():
            self.deleteLater()
        self.start.setText(tr("Search"))
        for widget in (self.start, self.by_loss, self.by_size, self.loss, self.most, self.windows):
            widget.setEnabled(True)
        if isinstance(result, Search):
            self._found = result
            self.plot.show_search(result)
            size = f"{result.chosen.size_bytes / 2**20:,.1f} MB"
            said = tr("Found: {size} with a KL divergence of {kl}, measured as a whole.")
            self._said.setText(said.format(size=size, kl=f"{result.quality.kl_mean:.4f}"))
        elif isinstance(result, WorkCancelled):
            self._said.setText(tr("Stopped. What was measured is kept."))
        elif isinstance(result, UserFacingError):
            self._said.setText(" ".join(filter(None, translated_error(result)[:2])))
        else:
            self._said.setText(tr("An unexpected error; the log has it."))
        for button in (self.use, self.save):
            button.setEnabled(self._found is not None)

    # ---- the recipe

    def _use(self) -> None:
        if self._found is None:
            return
        size = self._found.chosen.size_bytes / 2**20
        path = self._folder / f"{self._source.stem}-{size:.0f}MB.toml"
        if self._write(path):
            self.chosen.emit(path)
            self.accept()

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("Save the recipe…"), "recipe.toml", tr("Recipes (*.toml)"))
        if path:
            self._write(Path(path))

    def _write(self, path: Path) -> bool:
        assert self._found is not None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(write_recipe(self._found.chosen.recipe), encoding="utf-8")
        except OSError as error:
            reason = tr("{file} could not be written: {reason}").format(file=path.name, reason=error.strerror or error)
            self._said.setText(reason)
            return False
        return True

    def closeEvent(self, event: QCloseEvent) -> None:
        self._cancelled.set()
        super().closeEvent(event)

    def reject(self) -> None:
        """Escape stops the search too."""
        self._cancelled.set()
        super().reject()
