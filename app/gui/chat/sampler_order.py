"""In which order the steps between the model's numbers and the draw are applied: one line, with commas between."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from app.gui.translation import short_error, tr
from app.gui.widgets import make_label
from backends.options import SAMPLER_STEPS, GenerationOptions
from models.errors import InvalidOption


class SamplerOrder(QWidget):
    """``changed`` carries an order that can be used; one that cannot is explained under the field and not told."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._label = QLabel(self)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText(", ".join(SAMPLER_STEPS))
        self.field.editingFinished.connect(self._edited)
        self.error = make_label("", "error", self)
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.error.setWordWrap(True)
        self.error.hide()
        for widget in (self._label, self.field, self.error):
            layout.addWidget(widget)
        self._order: tuple[str, ...] = SAMPLER_STEPS
        self.retranslate()

    def show_order(self, order: tuple[str, ...]) -> None:
        """Show an order; the usual one is an empty field."""
        self._order = order
        self.field.setText("" if order == SAMPLER_STEPS else ", ".join(order))
        self._tell("")

    def _edited(self) -> None:
        order: tuple[str, ...] = (
            tuple(step for step in (part.strip() for part in self.field.text().split(",")) if step) or SAMPLER_STEPS
        )
        try:
            GenerationOptions(sampler_order=order)
        except InvalidOption as error:
            self._tell(short_error(error))
            return
        self._tell("")
        if order != self._order:
            self._order = order
            self.changed.emit(order)

    def _tell(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))

    def retranslate(self) -> None:
        """Speak another language."""
        name = tr("Order of the sampling steps")
        self._label.setText(name)
        self.field.setAccessibleName(name)
        tip = tr("With commas between; a step that is left out is not applied. Usual: {steps}").format(
            steps=", ".join(SAMPLER_STEPS)
        )
        for widget in (self._label, self.field):
            widget.setToolTip(tip)
