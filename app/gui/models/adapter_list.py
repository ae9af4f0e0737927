"""LoRA adapters to choose from, each with its strength."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QScrollArea, QWidget

from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import ElidedLabel, Switch, make_label
from backends.options import Adapter

_FIELD_WIDTH = 84


class AdapterList(QScrollArea):
    """A row for each adapter: a switch, its name, and how strongly it speaks."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self.rows: dict[str, tuple[Switch, QDoubleSpinBox]] = {}
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName(tr("LoRA adapters"))

    def show_adapters(self, names: Mapping[str, str], scales: Mapping[str, float]) -> None:
        """``names`` by path are all there are; those with a scale are chosen."""
        page = QWidget(self)
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        self.rows = {}
        for number, (path, name) in enumerate(names.items()):
            switch, field, label = Switch(self._tokens, page), QDoubleSpinBox(page), ElidedLabel("", page)
            switch.setChecked(path in scales)
            switch.setAccessibleName(name)
            label.set_full_text(name)
            label.setToolTip(path)
            field.setRange(-100.0, 100.0)
            field.setSingleStep(0.1)
            field.setValue(scales.get(path, 1.0))
            field.setFixedWidth(_FIELD_WIDTH)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setAccessibleName(f"{tr('Strength')} {name}")
            field.setToolTip(tr("Strength"))
            for column, widget in enumerate((switch, label, field)):
                grid.addWidget(widget, number, column)
            self.rows[path] = (switch, field)
        if not names:
            grid.addWidget(make_label(tr("There is no adapter for this architecture in the library."), "soft", page), 0, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(max(1, len(names)), 1)
        self.setWidget(page)

    def chosen(self) -> tuple[Adapter, ...]:
        """The adapters that are switched on."""
        return tuple(Adapter(path, round(field.value(), 2)) for path, (switch, field) in self.rows.items() if switch.isChecked())
