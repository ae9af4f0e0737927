"""The panel at the right: preset, system prompt and sampling; how the model is loaded; how full the context is."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui.chat.context_page import ContextPage
from app.gui.chat.load_panel import LoadPanel
from app.gui.chat.sampler_order import SamplerOrder
from app.gui.chat.sampling_names import preset_label, slider_names
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr
from app.gui.widgets import NumberSlider, Segments, Switch, make_label, make_separator
from app.store.records import Conversation, Preset
from backends.options import GenerationOptions, SamplingOptions, generation_options_from_json
from models.errors import InvalidOption

SLIDERS: dict[str, tuple[float, float, float, int]] = {
    "temperature": (0, 2, 0.05, 2),
    "top_p": (0, 1, 0.01, 2),
    "min_p": (0, 1, 0.01, 2),
    "top_k": (0, 200, 1, 0),
    "repeat_penalty": (0.5, 2, 0.01, 2),
    "typical_p": (0, 1, 0.01, 2),
    "presence_penalty": (-2, 2, 0.05, 2),
    "frequency_penalty": (-2, 2, 0.05, 2),
    "repeat_last_n": (0, 4096, 16, 0),
    "dry_multiplier": (0, 5, 0.05, 2),
    "dry_base": (1, 4, 0.05, 2),
    "dry_allowed_length": (0, 20, 1, 0),
    "xtc_probability": (0, 1, 0.01, 2),
    "xtc_threshold": (0, 0.5, 0.01, 2),
    "top_n_sigma": (0, 10, 0.1, 1),
    "temperature_range": (0, 5, 0.05, 2),
    "temperature_exponent": (0, 10, 0.1, 1),
    "mirostat_tau": (0, 10, 0.1, 1),
    "mirostat_eta": (0, 1, 0.01, 2),
}
BASIC = ("temperature", "top_p", "min_p", "repeat_penalty")
WHOLE_NUMBERS = ("top_k", "repeat_last_n", "dry_allowed_length")


class Inspector(QWidget):
    """Edits one conversation's settings. ``changed`` carries the fields that changed, for the store."""

    changed = Signal(dict)
    preset_save_requested = Signal(str, dict)
    preset_delete_requested = Signal(str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setFixedWidth(Sizes.INSPECTOR)
        self._tokens = tokens
        self._options = GenerationOptions()
        self._presets: list[Preset] = []
        self._prompt_timer = QTimer(self)
        self._prompt_timer.setSingleShot(True)
        self._prompt_timer.setInterval(400)
        self._prompt_timer.timeout.connect(self._emit_prompt)
        self._options_timer = QTimer(self)
        self._options_timer.setSingleShot(True)
        self._options_timer.setInterval(300)
        self._options_timer.timeout.connect(self._emit_options)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 13, 16, 12)
        layout.setSpacing(12)
        self.tabs = Segments(3, self)
        self._stack = QStackedWidget(self)
        self.tabs.chosen.connect(self._stack.setCurrentIndex)
        layout.addWidget(self.tabs)
        layout.addWidget(self._stack, 1)
        self._stack.addWidget(self._in_scroll(self._make_sampling_page()))
        self.load_panel = LoadPanel(tokens, self)
        self._stack.addWidget(self._in_scroll(self.load_panel))
        self._context = ContextPage(self)
        self._context.policy_chosen.connect(lambda policy: self._store(replace(self._options, context_policy=policy)))
        self._stack.addWidget(self._context)
        self.retranslate()

    def _in_scroll(self, page: QWidget) -> QScrollArea:
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(page)
        area.setHorizontalScrollBarPolicy(area.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        return area

    # ---- pages

    def _make_sampling_page(self) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(10)
        row = QHBoxLayout()
        self._preset_label = make_label("", "strong", page)
        self._preset = QComboBox(page)
        self._preset.activated.connect(self._preset_chosen)
        row.addWidget(self._preset_label)
        row.addStretch()
        row.addWidget(self._preset, 1)
        layout.addLayout(row)
        self._prompt_label = make_label("", "strong", page)
        self._prompt = QPlainTextEdit(page)
        self._prompt.setProperty("role", "field")
        self._prompt.setFixedHeight(92)
        self._prompt.setTabChangesFocus(True)
        self._prompt.textChanged.connect(self._prompt_timer.start)
        layout.addWidget(self._prompt_label)
        layout.addWidget(self._prompt)
        self._sliders = {name: self._make_slider(name, page) for name in SLIDERS}
        for name in BASIC:
            layout.addWidget(self._sliders[name])
        layout.addWidget(make_separator(page))
        self._add_limits(page, layout)
        layout.addWidget(make_separator(page))
        self._more_button = QPushButton(page)
        self._more_button.setProperty("role", "link")
        self._more_button.clicked.connect(self._toggle_more)
        layout.addWidget(self._more_button)
        self._more = QWidget(page)
        more = QVBoxLayout(self._more)
        more.setContentsMargins(0, 0, 0, 0)
        more.setSpacing(10)
        for name in SLIDERS:
            if name not in BASIC and not name.startswith("mirostat"):
                more.addWidget(self._sliders[name])
        self.sampler_order = SamplerOrder(self._more)
        self.sampler_order.changed.connect(lambda order: self._store(replace(self._options, sampler_order=order)))
        more.addWidget(self.sampler_order)
        self._add_mirostat(more)
        self._more.hide()
        layout.addWidget(self._more)
        self._save_preset = QPushButton(page)
        self._save_preset.clicked.connect(
            lambda: self.preset_save_requested.emit(self._prompt.toPlainText(), self._options.to_json())
        )
        layout.addWidget(self._save_preset)
        self._delete_preset = QPushButton(page)
        self._delete_preset.setProperty("role", "link")
        self._delete_preset.clicked.connect(lambda: self.preset_delete_requested.emit(str(self._preset.currentData())))
        layout.addWidget(self._delete_preset)
        layout.addStretch()
        return page

    def _make_slider(self, name: str, page: QWidget) -> NumberSlider:
        slider = NumberSlider(*SLIDERS[name], page)
        slider.changed.connect(lambda value, field=name: self._sampling_changed(field, value))
        return slider

    def _add_limits(self, page: QWidget, layout: QVBoxLayout) -> None:
        self._limit_label = QLabel(page)
        self._limit = Switch(self._tokens, page)
        self._max_tokens = QSpinBox(page)
        self._max_tokens.setRange(1, 1_000_000)
        self._max_tokens.setValue(1024)
        self._max_tokens.setKeyboardTracking(False)
        self._max_tokens.setFixedWidth(84)
        self._stop_label = QLabel(page)
        self._stop = QLineEdit(page)
        self._seed_label = QLabel(page)
        self._seed = QLineEdit(page)
        self._seed.setFixedWidth(110)
        for widgets in ((self._limit_label, self._max_tokens, self._limit), (self._seed_label, self._seed)):
            row = QHBoxLayout()
            row.addWidget(widgets[0])
            row.addStretch()
            for widget in widgets[1:]:
                row.addWidget(widget)
            layout.addLayout(row)
        layout.addWidget(self._stop_label)
        layout.addWidget(self._stop)
        self._limit.toggled.connect(self._limits_changed)
        self._max_tokens.valueChanged.connect(self._limits_changed)
        self._seed.editingFinished.connect(self._limits_changed)
        self._stop.editingFinished.connect(self._limits_changed)

    def _add_mirostat(self, layout: QVBoxLayout) -> None:
        row = QHBoxLayout()
        self._mirostat_label = QLabel("Mirostat", self)
        self._mirostat = QComboBox(self)
        self._mirostat.activated.connect(lambda index: self._sampling_changed("mirostat", index))
        row.addWidget(self._mirostat_label)
        row.addStretch()
        row.addWidget(self._mirostat)
        layout.addLayout(row)
        layout.addWidget(self._sliders["mirostat_tau"])
        layout.addWidget(self._sliders["mirostat_eta"])

    # ---- showing

    def show_conversation(self, conversation: Conversation, presets: list[Preset], default: GenerationOptions) -> None:
        """Show a conversation's settings. ``default`` is used where it has none of its own."""
        self._presets = presets
        self._fill_presets(conversation.preset)
        self._prompt.blockSignals(True)
        if self._prompt.toPlainText() != conversation.system_prompt:
            self._prompt.setPlainText(conversation.system_prompt)
        self._prompt.blockSignals(False)
        self._prompt_timer.stop()
        self._options_timer.stop()
        options = default
        if conversation.options:
            try:
                options = generation_options_from_json({"context_policy": default.context_policy, **conversation.options})
            except (InvalidOption, TypeError, ValueError):
                options = default
        self._show_options(options)

    def _fill_presets(self, current: str) -> None:
        self._preset.blockSignals(True)
        self._preset.clear()
        self._preset.addItem(tr("Own settings"), "")
        for preset in self._presets:
            self._preset.addItem(preset_label(preset.name), preset.name)
        index = self._preset.findData(current)
        self._preset.setCurrentIndex(max(index, 0))
        self._preset.blockSignals(False)
        self._delete_preset.setVisible(any(preset.name == current and not preset.built_in for preset in self._presets))

    def _show_options(self, options: GenerationOptions) -> None:
        self._options = options
        sampling = asdict(options.sampling)
        for name, slider in self._sliders.items():
            slider.set_value(float(sampling[name]))
        self._mirostat.setCurrentIndex(options.sampling.mirostat)
        for widget in (self._limit, self._max_tokens):
            widget.blockSignals(True)
        self._limit.setChecked(options.max_tokens > 0)
        if options.max_tokens:
            self._max_tokens.setValue(options.max_tokens)
        self._max_tokens.setVisible(options.max_tokens > 0)
        for widget in (self._limit, self._max_tokens):
            widget.blockSignals(False)
        self.sampler_order.show_order(options.sampler_order)
        self._context.show_policy(options.context_policy)
        self._seed.setText("" if options.seed is None else str(options.seed))
        self._stop.setText(" | ".join(text.replace("\n", "\\n") for text in options.stop))

    def show_context(self, used: int, available: int) -> None:
        """Tokens used with the draft, and what the context holds."""
        self._context.show_context(used, available)

    # ---- editing

    def _sampling_changed(self, name: str, value: float) -> None:
        number: float = round(value) if name in WHOLE_NUMBERS or name == "mirostat" else value
        fields = asdict(self._options.sampling) | {name: number}
        self._store(replace(self._options, sampling=SamplingOptions(**fields)))

    def _limits_changed(self, *_ignored: object) -> None:
        self._max_tokens.setVisible(self._limit.isChecked())
        stop = tuple(text.strip(" ").replace("\\n", "\n") for text in self._stop.text().split("|") if text.strip(" "))
        digits = self._seed.text().strip()
        seed = int(digits) if digits.isdigit() and int(digits) < 2**32 else None
        if digits and seed is None:
            self._seed.clear()
        options = replace(
            self._options, max_tokens=self._max_tokens.value() if self._limit.isChecked() else 0, stop=stop[:64], seed=seed
        )
        if options != self._options:
            self._store(options)

    def _store(self, options: GenerationOptions) -> None:
        self._options = options
        self._preset.setCurrentIndex(0)
        self._options_timer.start()

    def _emit_options(self) -> None:
        self.changed.emit({"options": self._options.to_json(), "preset": ""})

    def _preset_chosen(self, index: int) -> None:
        name = str(self._preset.itemData(index) or "")
        preset = next((item for item in self._presets if item.name == name), None)
        if preset is None:
            return
        changes: dict[str, Any] = {"preset": name, "options": {}}
        if preset.system_prompt:
            changes["system_prompt"] = preset.system_prompt
        self.changed.emit(changes)

    def _emit_prompt(self) -> None:
        self.changed.emit({"system_prompt": self._prompt.toPlainText()})

    def flush(self) -> None:
        """Hand over what still waits for its timer."""
        if self._prompt_timer.isActive():
            self._prompt_timer.stop()
            self._emit_prompt()
        if self._options_timer.isActive():
            self._options_timer.stop()
            self._emit_options()

    def _toggle_more(self) -> None:
        self._more.setVisible(self._more.isHidden())
        self._name_more()

    def _name_more(self) -> None:
        self._more_button.setText(tr("Fewer settings") if not self._more.isHidden() else tr("More sampling settings"))

    # ---- looks and words

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = self._limit.tokens = tokens
        self.load_panel.retheme(tokens)
        self.update()

    def retranslate(self) -> None:
        """Speak another language."""
        self.tabs.set_names((tr("Sampling"), tr("Model"), tr("Context")))
        self._preset_label.setText(tr("Preset"))
        self._preset.setAccessibleName(tr("Preset"))
        self._prompt_label.setText(tr("System prompt"))
        self._prompt.setAccessibleName(tr("System prompt"))
        self._prompt.setPlaceholderText(tr("Who the model is and how it should answer"))
        for name, (label, tip) in slider_names().items():
            self._sliders[name].set_name(label, tip)
        self.sampler_order.retranslate()
        self._limit_label.setText(tr("Limit response length"))
        self._limit.setAccessibleName(tr("Limit response length"))
        self._max_tokens.setAccessibleName(tr("Most tokens of a reply"))
        self._seed_label.setText(tr("Seed"))
        self._seed.setAccessibleName(tr("Seed"))
        self._seed.setPlaceholderText(tr("random"))
        self._stop_label.setText(tr("Stop strings, separated by |"))
        self._stop.setAccessibleName(tr("Stop strings, separated by |"))
        index = self._mirostat.currentIndex()
        self._mirostat.clear()
        self._mirostat.addItems([tr("Off"), "Mirostat 1", "Mirostat 2"])
        self._mirostat.setCurrentIndex(max(index, 0))
        self._mirostat.setAccessibleName("Mirostat")
        self._save_preset.setText(tr("Save as preset…"))
        self._delete_preset.setText(tr("Delete this preset"))
        self._context.retranslate()
        self._fill_presets(str(self._preset.currentData() or ""))
        self._name_more()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
