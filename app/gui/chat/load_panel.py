"""How the model is put in memory: context length, GPU layers, threads, KV cache type; and what is loaded now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.gui.chat.device_panel import FIELD_WIDTH, LABEL_WIDTH, DevicePanel
from app.gui.theme import Tokens
from app.gui.translation import tr, tr_notice
from app.gui.widgets import Switch, make_label
from backends.devices import Device
from backends.events import LoadedModel
from backends.options import KV_TYPES, LoadOptions

_CHOICES = (None, True, False)
"""What “automatic”, “on” and “off” stand for."""


class LoadPanel(QWidget):
    """``load_requested`` carries the options chosen; ``unload_requested`` frees the memory."""

    load_requested = Signal(object)
    unload_requested = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(10)
        self._facts = make_label("", "soft", self)
        self._facts.setWordWrap(True)
        self._facts.setTextInteractionFlags(self._facts.textInteractionFlags().TextSelectableByMouse)
        layout.addWidget(self._facts)
        form = QFormLayout()
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._context = self._make_number(0, 16_777_216, 512)
        self._gpu_layers = self._make_number(-1, 100_000, 1)
        self._threads = self._make_number(0, 1024, 1)
        self._batch = self._make_number(1, 65_536, 64)
        self._kv_type = QComboBox(self)
        self._kv_type.addItems(list(KV_TYPES))
        self._flash = QComboBox(self)
        self._experts = self._make_number(-1, 100_000, 1)
        self._lookup = self._make_number(0, 64, 1)
        self._draft = QLineEdit(self)
        self._mmap = QComboBox(self)
        self._mlock = Switch(tokens, self)
        self._fields: tuple[QWidget, ...] = (
            self._context, self._gpu_layers, self._threads, self._batch, self._kv_type, self._flash, self._experts,
            self._lookup, self._draft, self._mmap, self._mlock,
        )  # fmt: skip
        for narrow in self._fields[:-1]:
            narrow.setFixedWidth(FIELD_WIDTH)
        self._labels = [QLabel(self) for _ in self._fields]
        for label in self._labels:  # a long name takes two lines: beside it the field must stay in sight
            label.setWordWrap(True)
            label.setFixedWidth(LABEL_WIDTH)
        for label, field in zip(self._labels, self._fields, strict=True):
            row = QHBoxLayout()
            row.addStretch()
            row.addWidget(field)
            form.addRow(label, row)
        layout.addLayout(form)
        self.devices = DevicePanel(tokens, self)
        layout.addWidget(self.devices)
        self._note = make_label("", "faint", self)
        self._note.setWordWrap(True)
        layout.addWidget(self._note)
        self._reload = QPushButton(self)
        self._reload.setProperty("role", "primary")
        self._reload.clicked.connect(lambda: self.load_requested.emit(self.options()))
        self.devices.checked.connect(self._reload.setEnabled)
        self._unload = QPushButton(self)
        self._unload.clicked.connect(self.unload_requested)
        layout.addWidget(self._reload)
        layout.addWidget(self._unload)
        layout.addStretch()
        self._loaded: LoadedModel | None = None
        self.retranslate()
        self.show_options(LoadOptions())

    def _make_number(self, low: int, high: int, step: int) -> QSpinBox:
        field = QSpinBox(self)
        field.setRange(low, high)
        field.setSingleStep(step)
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        if low <= 0:
            field.setSpecialValueText(tr("automatic"))
        return field

    def show_options(self, options: LoadOptions) -> None:
        """Show how the model is, or will be, loaded."""
        self._base = options
        self._context.setValue(options.context_length)
        self._gpu_layers.setValue(options.gpu_layers)
        self._threads.setValue(options.threads)
        self._batch.setValue(options.batch_size)
        self._kv_type.setCurrentText(options.kv_type)
        self._flash.setCurrentIndex(_CHOICES.index(options.flash_attention))
        self._experts.setValue(options.cpu_experts)
        self._lookup.setValue(options.lookup_tokens)
        self._draft.setText(options.draft_model)
        self._mmap.setCurrentIndex(_CHOICES.index(options.use_mmap))
        self._mlock.setChecked(options.use_mlock)
        self.devices.show_options(options)
        self._enable_layers()

    def show_devices(self, devices: Sequence[Device]) -> None:
        """Offer the engine's devices."""
        self.devices.show_devices(devices)
        self._enable_layers()

    def _enable_layers(self) -> None:
        """Layers need a GPU; a number that was chosen before can be taken back without one."""
        self._gpu_layers.setEnabled(not self.devices.lacks_gpu or self._base.gpu_layers != LoadOptions().gpu_layers)

    def options(self) -> LoadOptions:
        """The options as they stand in the fields; what has no field stays as it was.

        Raises:
            InvalidOption: what was written about devices makes no sense.
        """
        return replace(
            self.devices.apply(self._base),
            context_length=self._context.value(),
            gpu_layers=self._gpu_layers.value(),
            threads=self._threads.value(),
            batch_size=self._batch.value(),
            kv_type=self._kv_type.currentText(),
            flash_attention=_CHOICES[max(0, self._flash.currentIndex())],
            cpu_experts=self._experts.value(),
            lookup_tokens=self._lookup.value(),
            draft_model=self._draft.text().strip(),
            use_mmap=_CHOICES[max(0, self._mmap.currentIndex())],
            use_mlock=self._mlock.isChecked(),
        )

    def show_loaded(self, facts: LoadedModel | None) -> None:
        """Say what is in memory."""
        self._loaded = facts
        self._unload.setEnabled(facts is not None)
        if facts is None:
            self._facts.setText(tr("No model is in memory."))
            return
        size = f"{facts.parameter_count / 1e9:.1f} B" if facts.parameter_count >= 1e8 else f"{facts.parameter_count / 1e6:.1f} M"
        lines = [
            f"<b>{escape(facts.name)}</b>",
            tr("{architecture}, {size} parameters, {quantization}").format(
                architecture=facts.architecture, size=size, quantization=facts.quantization
            ),
            tr("Context {held} of {trained} tokens").format(
                held=f"{facts.context_length:,}", trained=f"{facts.trained_context:,}"
            ),
            tr("Engine {backend} {version} on {device}").format(
                backend=facts.backend, version=facts.engine_version, device=facts.device
            ),
        ]
        if facts.memory_bytes:
            lines.append(tr("{size} MB of memory").format(size=f"{facts.memory_bytes / 2**20:,.0f}"))
        if facts.notice:
            lines += tr_notice(facts.notice).split("\n")
        self._facts.setText("<br>".join([lines[0], *(escape(line) for line in lines[1:])]))

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._mlock.tokens = tokens
        self.devices.retheme(tokens)
        self.update()

    def retranslate(self) -> None:
        """Speak another language."""
        names = (
            tr("Context length"), tr("GPU layers"), tr("Threads"), tr("Batch size"),
            tr("KV cache type"), tr("Flash attention"), tr("Experts on the CPU"),
            tr("Guess ahead from the text"), tr("Draft model"), tr("Memory-map the file"), tr("Lock in memory"),
        )  # fmt: skip
        for label, field, name in zip(self._labels, self._fields, names, strict=True):
            label.setText(name)
            field.setAccessibleName(name)
        for field in (self._context, self._gpu_layers, self._threads):
            field.setSpecialValueText(tr("automatic"))
        self._experts.setSpecialValueText(tr("all"))
        self._lookup.setSpecialValueText(tr("off"))
        self._draft.setPlaceholderText(tr("no draft model"))
        self._experts.setToolTip(tr("Layers of a mixture of experts whose experts stay in main memory"))
        self._lookup.setToolTip(tr("Tokens guessed from what was written before; the text stays the same"))
        self._draft.setToolTip(
            tr("Id or path of a small model that guesses ahead, or “own” for layers of its own (MTP); the text stays the same")
        )
        self._mmap.setToolTip(
            tr("Without it the file is read into memory: the processor computes faster there, but nothing gives it back")
        )
        for choice in (self._flash, self._mmap):
            index = max(0, choice.currentIndex())
            choice.clear()
            choice.addItems([tr("automatic"), tr("on"), tr("off")])
            choice.setCurrentIndex(index)
        self._note.setText(tr("Changes take effect when the model is loaded again."))
        self._reload.setText(tr("Load with these settings"))
        self._unload.setText(tr("Free the memory"))
        if hasattr(self, "_loaded"):
            self.show_loaded(self._loaded)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
