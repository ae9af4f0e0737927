"""A model's own sampling settings: what is left empty is as usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from app.gui.chat.sampling_names import slider_names
from app.gui.translation import tr
from backends.options import SAMPLING_RANGES, SamplingOptions
from models.errors import InvalidOption

_COLUMNS = 2
_USUAL = asdict(SamplingOptions())
_FIELD_WIDTH = 76


class SamplingForm(QWidget):
    """A field for every setting."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(7)
        names = slider_names() | {
            "mirostat": ("Mirostat", tr("Steers the surprise of the text instead of top-k, top-p and min-p: 0 off, 1 or 2.")),
        }
        rows = -(-len(_USUAL) // _COLUMNS)
        self.fields: dict[str, QLineEdit] = {}
        for number, (name, usual) in enumerate(_USUAL.items()):
            label, tip = names[name]
            field = QLineEdit(self)
            field.setFixedWidth(_FIELD_WIDTH)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setPlaceholderText(f"{usual:g}")
            field.setAccessibleName(label)
            shown = QLabel(label, self)
            for widget in (shown, field):
                widget.setToolTip(tip)
            column = 2 * (number // rows)
            grid.addWidget(shown, number % rows, column + number // rows)
            grid.addWidget(field, number % rows, column + 1 + number // rows, Qt.AlignmentFlag.AlignRight)
            self.fields[name] = field
        grid.setColumnMinimumWidth(2, 20)
        for column in (0, 3):
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(rows, 1)

    def show_values(self, values: Mapping[str, float]) -> None:
        """Show what was chosen."""
        for name, field in self.fields.items():
            field.setText(f"{values[name]:g}" if name in values else "")

    def values(self) -> dict[str, float]:
        """What was chosen.

        Raises:
            InvalidOption: a field holds no number, or one out of range.
        """
        found: dict[str, float] = {}
        for name, field in self.fields.items():
            if text := field.text().strip().replace(",", "."):
                found[name] = _read(name, text)
        SamplingOptions(**found)  # type: ignore[arg-type]
        return found


def _read(name: str, text: str) -> float:
    try:
        return int(text) if isinstance(_USUAL[name], int) else float(text)
    except ValueError:
        low, high = SAMPLING_RANGES[name]
        raise InvalidOption(option=name, value=text, allowed=f"a number from {low:g} to {high:g}") from None
