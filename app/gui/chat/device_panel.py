"""On which devices a model is put, and how they share it: the part of the load panel that few need, folded away."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.gui.theme import Tokens
from app.gui.translation import short_error, tr
from app.gui.widgets import Switch, make_label
from backends.devices import Device
from backends.options import NUMA_STRATEGIES, SPLIT_MODES, LoadOptions
from models.errors import InvalidOption

FIELD_WIDTH, LABEL_WIDTH = 118, 132
_OVERRIDES_HEIGHT = 62


class DevicePanel(QWidget):
    """``devices_wanted`` asks once for the engine's devices, when the part is unfolded; ``checked`` tells whether all can be loaded."""

    devices_wanted = Signal()
    checked = Signal(bool)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._base = LoadOptions()
        self._devices: Sequence[Device] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._fold = QPushButton(self)
        self._fold.setProperty("role", "link")
        self._fold.clicked.connect(self._toggle)
        layout.addWidget(self._fold)
        self._body = QWidget(self)
        rows = QVBoxLayout(self._body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        self._no_gpu = make_label("", "faint", self._body)
        self._no_gpu.setWordWrap(True)
        self._no_gpu.hide()
        rows.addWidget(self._no_gpu)
        self.device, self.split_mode, self.numa = (QComboBox(self._body) for _ in range(3))
        self.device.setMinimumContentsLength(6)
        self.main_gpu = self._make_number(0, 127)
        self.tensor_split = QLineEdit(self._body)
        self.tensor_split.setPlaceholderText("3,1")
        self.kv_offload = Switch(tokens, self._body)
        self.parallel = self._make_number(1, 128)
        self.tensor_overrides = QPlainTextEdit(self._body)
        self.tensor_overrides.setProperty("role", "field")
        self.tensor_overrides.setFixedHeight(_OVERRIDES_HEIGHT)
        self.tensor_overrides.setTabChangesFocus(True)
        self.tensor_overrides.setPlaceholderText("blk\\.[0-3]\\.ffn=CPU")
        self._labels: dict[QWidget, QLabel] = {}
        self._errors: dict[str, QLabel] = {}
        for field in (self.device, self.split_mode, self.main_gpu, self.tensor_split, self.kv_offload, self.parallel, self.numa):
            self._add_row(rows, field)
        self._errors["tensor_split"] = self._make_error()
        rows.insertWidget(rows.indexOf(self._no_gpu) + 5, self._errors["tensor_split"])
        self._labels[self.tensor_overrides] = QLabel(self._body)
        self._errors["tensor_overrides"] = self._make_error()
        for widget in (self._labels[self.tensor_overrides], self.tensor_overrides, self._errors["tensor_overrides"]):
            rows.addWidget(widget)
        for part in (self.numa, self._labels[self.numa]):
            part.setVisible(sys.platform == "linux")
        layout.addWidget(self._body)
        self._body.hide()
        self.tensor_split.textChanged.connect(self._check)
        self.tensor_overrides.textChanged.connect(self._check)
        self.retranslate()
        self.show_options(LoadOptions())

    def _make_number(self, low: int, high: int) -> QSpinBox:
        field = QSpinBox(self._body)
        field.setRange(low, high)
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        return field

    def _make_error(self) -> QLabel:
        label = make_label("", "error", self._body)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.hide()
        return label

    def _add_row(self, rows: QVBoxLayout, field: QWidget) -> None:
        row = QHBoxLayout()
        self._labels[field] = QLabel(self._body)
        if not isinstance(field, Switch):
            field.setFixedWidth(FIELD_WIDTH)
        row.addWidget(self._labels[field])
        row.addStretch()
        row.addWidget(field)
        rows.addLayout(row)

    # ---- showing

    @property
    def lacks_gpu(self) -> bool:
        """Whether it is known that there is no GPU to use, here or on another machine that was named."""
        return self._devices is not None and not self._gpus() and not self._base.rpc_servers

    def show_devices(self, devices: Sequence[Device]) -> None:
        """Offer the engine's devices; without a GPU what needs one can only be taken back."""
        self._devices = tuple(devices)
        self._fill_devices(str(self.device.currentData()))
        self._enable()

    def show_options(self, options: LoadOptions) -> None:
        """Show how the model is, or will be, loaded."""
        self._base = options
        self._fill_devices(options.device)
        for combo, value in ((self.split_mode, options.split_mode), (self.numa, options.numa)):
            combo.setCurrentIndex(combo.findData(value))
        self.main_gpu.setValue(options.main_gpu)
        self.tensor_split.setText(",".join(f"{share:g}" for share in options.tensor_split))
        self.kv_offload.setChecked(options.kv_offload)
        self.parallel.setValue(options.parallel)
        self.tensor_overrides.setPlainText("\n".join(f"{pattern}={place}" for pattern, place in options.tensor_overrides))
        self._enable()
        self._check()

    def _gpus(self) -> list[Device]:
        return [device for device in self._devices or () if device.kind in ("gpu", "integrated_gpu")]

    def _fill_devices(self, chosen: str) -> None:
        self.device.clear()
        self.device.addItem(tr("automatic"), "")
        self.device.addItem(tr("CPU only"), "CPU")
        for gpu in self._gpus():
            self.device.addItem(f"{gpu.name}: {gpu.description.strip()}" if gpu.description.strip() else gpu.name, gpu.name)
        known = [str(self.device.itemData(index)).lower() for index in range(self.device.count())]
        if chosen.lower() not in known:
            self.device.addItem(chosen, chosen)  # several with commas, or one that is not here now
            known.append(chosen.lower())
        self.device.setCurrentIndex(known.index(chosen.lower()))

    def _enable(self) -> None:
        usual, lacks = LoadOptions(), self.lacks_gpu
        self._no_gpu.setVisible(lacks)
        for name in ("device", "split_mode", "main_gpu", "tensor_split", "kv_offload"):
            field: QWidget = getattr(self, name)
            can_change = not lacks or getattr(self._base, name) != getattr(usual, name)
            field.setEnabled(can_change)
            self._labels[field].setProperty("role", "" if can_change else "faint")
            self._labels[field].style().polish(self._labels[field])

    # ---- what was chosen

    def apply(self, options: LoadOptions) -> LoadOptions:
        """The same options with what is chosen here.

        Raises:
            InvalidOption: the shares or the places of tensors make no sense.
        """
        return replace(
            options,
            device=str(self.device.currentData()),
            split_mode=str(self.split_mode.currentData()),
            main_gpu=self.main_gpu.value(),
            tensor_split=_read_shares(self.tensor_split.text()),
            kv_offload=self.kv_offload.isChecked(),
            numa=str(self.numa.currentData()),
            parallel=self.parallel.value(),
            tensor_overrides=_read_overrides(self.tensor_overrides.toPlainText()),
        )

    def _check(self) -> None:
        """Say beside a field why its text cannot be used."""
        is_right = True
        for name, text, read in (
            ("tensor_split", self.tensor_split.text(), _read_shares),
            ("tensor_overrides", self.tensor_overrides.toPlainText(), _read_overrides),
        ):
            label, said = self._errors[name], ""
            try:
                LoadOptions(**{name: read(text)})  # type: ignore[arg-type]
            except InvalidOption as error:
                said = short_error(error)
                is_right = False
            label.setText(said)
            label.setVisible(bool(said))
        self.checked.emit(is_right)

    def _toggle(self) -> None:
        self._body.setVisible(self._body.isHidden())
        self._name_fold()
        if not self._body.isHidden() and self._devices is None:
            self.devices_wanted.emit()

    def _name_fold(self) -> None:
        self._fold.setText(tr("Devices and requests at once") if self._body.isHidden() else tr("Fewer settings"))

    # ---- looks and words

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.kv_offload.set_tokens(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        names: dict[QWidget, tuple[str, str]] = {
            self.device: (tr("Device"), tr("Where the model computes; automatic puts as many layers on GPUs as fit")),
            self.split_mode: (tr("Split over GPUs"), tr("How several GPUs share the model")),
            self.main_gpu: (
                tr("Main GPU"),
                tr("The number of the GPU that computes alone, or first where rows are split; the first is 0"),
            ),
            self.tensor_split: (tr("Shares of the GPUs"), tr("In which proportion GPUs take the model, with commas between")),
            self.kv_offload: (
                tr("KV cache on the GPU"),
                tr("Off keeps the cache in main memory, so that more layers fit the GPU"),
            ),
            self.parallel: (tr("Requests at once"), tr("Replies that are written at the same time; others wait")),
            self.numa: ("NUMA", tr("How memory and threads are spread over several processors")),
            self.tensor_overrides: (
                tr("Places of single tensors"),
                tr(
                    "One a line: a regular expression for names of tensors, “=”, and the place where they lie, such as CPU or CUDA0"
                ),
            ),
        }
        for field, (name, tip) in names.items():
            self._labels[field].setText(name)
            field.setAccessibleName(name)
            for widget in (field, self._labels[field]):
                widget.setToolTip(tip)
        modes = dict(
            zip(SPLIT_MODES, (tr("automatic"), tr("one GPU alone"), tr("layers"), tr("rows"), tr("tensors")), strict=True)
        )
        strategies = {value: value or tr("off") for value in NUMA_STRATEGIES}
        for combo, words in ((self.split_mode, modes), (self.numa, strategies)):
            index = max(0, combo.currentIndex())
            combo.clear()
            for value, word in words.items():
                combo.addItem(word, value)
            combo.setCurrentIndex(index)
        self._fill_devices(str(self.device.currentData() or ""))
        self._no_gpu.setText(tr("The engine finds no GPU here, so the processor computes."))
        self._name_fold()
        self._check()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def _read_shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(",")) if text.strip() else ()
    except ValueError:
        raise InvalidOption(option="tensor_split", value=text, allowed=tr("numbers with commas between, such as 3,1")) from None


def _read_overrides(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        pattern, equals, place = line.rpartition("=")  # a pattern may hold the sign itself, a place does not
        if not equals or not pattern.strip() or not place.strip():
            raise InvalidOption(option="tensor_overrides", value=line, allowed=tr("pattern=place on each line, such as ffn=CPU"))
        found.append((pattern.strip(), place.strip()))
    return tuple(found)
