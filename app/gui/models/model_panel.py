"""Everything about one model on this machine: facts, the memory it takes, tags and notes, and buttons."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.models.background import Background
from app.gui.models.plan_bars import PlanBars
from app.gui.models.words import count_words, kind_words, size_words
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import ElidedLabel, make_label
from app.workstation import Workstation
from backends.options import LoadOptions
from models.card import ModelCard
from models.errors import UserFacingError
from models.memory_plan import MemoryPlan

_CONTEXTS = (2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)


class ModelPanel(QWidget):
    """Shows one model. ``noted`` says that its name, tags or notes changed."""

    load_requested = Signal()
    show_requested = Signal()
    verify_requested = Signal()
    remove_requested = Signal()
    noted = Signal()

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._card: ModelCard | None = None
        self._planning = Background(workstation.jobs, "disk", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        self._name = QLineEdit(self)
        self._name.editingFinished.connect(lambda: self._note(name=self._name.text()))
        layout.addWidget(self._name)
        self._facts = make_label("", "soft", self)
        self._facts.setWordWrap(True)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self._facts)
        self._path = ElidedLabel("faint", self)
        layout.addWidget(self._path)
        row = QHBoxLayout()
        self._memory = make_label("", "strong", self)
        self._context, self._cache = QComboBox(self), QComboBox(self)
        for kind in ("f16", "q8_0", "q4_0"):
            self._cache.addItem(kind, kind)
        for field in (self._context, self._cache):
            field.activated.connect(lambda index: self._choose_options())
        row.addWidget(self._memory)
        row.addStretch()
        row.addWidget(self._context)
        row.addWidget(self._cache)
        self._defaults = QPushButton(self)
        self._defaults.clicked.connect(self._open_defaults)
        row.addWidget(self._defaults)
        layout.addLayout(row)
        self.bars = PlanBars(tokens, self)
        layout.addWidget(self.bars)
        self._tags = QLineEdit(self)
        self._tags.editingFinished.connect(lambda: self._note(tags=self._tags.text()))
        layout.addWidget(self._tags)
        self._notes = QPlainTextEdit(self)
        self._notes.setProperty("role", "field")
        self._notes.setMaximumHeight(84)
        self._notes.installEventFilter(self)
        layout.addWidget(self._notes)
        layout.addStretch()
        layout.addLayout(self._make_buttons())
        self.retranslate()
        self.show_card(None)

    def _make_buttons(self) -> QHBoxLayout:
        buttons = QHBoxLayout()
        self._load, self._show, self._verify, self._remove = (QPushButton(self) for _ in range(4))
        self._load.setProperty("role", "primary")
        self._remove.setProperty("role", "danger")
        signals = (self.load_requested, self.show_requested, self.verify_requested, self.remove_requested)
        for button, signal in zip(self.buttons(), signals, strict=True):
            button.clicked.connect(lambda _checked=False, wish=signal: wish.emit())
            buttons.addWidget(button)
        buttons.addStretch()
        return buttons

    def buttons(self) -> list[QPushButton]:
        """In order: load, show, verify, remove."""
        return [self._load, self._show, self._verify, self._remove]

    def show_card(self, card: ModelCard | None) -> None:
        """Show a model; nothing where there is none."""
        is_same = card is not None and self._card is not None and card == self._card
        if is_same:
            return
        self._card = card
        self.setVisible(card is not None)
        if card is None:
            self._planning.forget()
            return
        details = self._workstation.details.get(card.id)
        self._name.setText(details.name or card.name)
        self._tags.setText(", ".join(details.tags))
        self._notes.setPlainText(details.notes)
        self._path.set_full_text(card.path)
        self._facts.setText(_facts(card))
        self._load.setEnabled(card.can_be_loaded and card.kind in ("chat", "base"))
        self._load.setToolTip(
            "" if card.can_be_loaded else tr("It needs the torch engine: Settings → About → This machine… says how to add it.")
        )
        is_here = card.format != "remote"
        for button in (self._show, self._verify):
            button.setEnabled(is_here)
        self._remove.setEnabled(is_here and not card.is_starter)
        self._context.clear()
        for length in (length for length in _CONTEXTS if length <= max(card.context_length, _CONTEXTS[0])):
            self._context.addItem(tr("{count} tokens").format(count=f"{length:,}"), length)
        options = self._workstation.engines.options_for(card.id)
        place = self._context.findData(options.context_length)
        self._context.setCurrentIndex(place if place >= 0 else min(2, self._context.count() - 1))
        self._cache.setCurrentIndex(max(0, self._cache.findData(options.kv_type)))
        self._plan()

    def _options(self, card: ModelCard) -> LoadOptions:
        """How the model would be loaded: as remembered, with what the fields say."""
        known = self._workstation.engines.options_for(card.id)
        return replace(known, context_length=int(self._context.currentData() or 0), kv_type=str(self._cache.currentData()))

    def _choose_options(self) -> None:
        """What a person chooses here, this model is loaded with from now on."""
        if self._card is not None:
            self._workstation.defaults.set_load_options(self._card.id, self._options(self._card))
        self._plan()

    def _open_defaults(self) -> None:
        """Everything that this model is used with."""
        from app.gui.models.defaults_dialog import DefaultsDialog

        if self._card is not None and DefaultsDialog(self._workstation, self.bars.tokens, self._card, self).exec():
            card, self._card = self._card, None
            self.show_card(card)

    def _plan(self) -> None:
        card = self._card
        writes = card is not None and card.kind in ("chat", "base")
        can_plan = writes and card is not None and card.format != "remote"
        self._defaults.setVisible(writes)
        for field in (self._memory, self._context, self._cache):
            field.setVisible(can_plan)
        if card is None or not can_plan:
            self._planning.forget()
            self.bars.show_plan(None)
            return
        model, planner = card, self._workstation.planner
        options = self._options(model)
        self._planning.run(lambda: planner.plan_card(model, options), self._show_plan, self._show_trouble)

    def _show_plan(self, plan: MemoryPlan) -> None:
        self.bars.show_plan(plan)

    def _show_trouble(self, error: UserFacingError) -> None:
        self.bars.show_plan(None, translated_error(error)[0])

    def _note(self, *, name: str | None = None, tags: str | None = None, notes: str | None = None) -> None:
        if self._card is None:
            return
        before = self._workstation.details.get(self._card.id)
        if name is not None and name.strip() == self._card.name:
            name = ""
        self._workstation.details.note(self._card.id, name=name, tags=tags, notes=notes)
        if self._workstation.details.get(self._card.id) != before:
            self.noted.emit()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if watched is self._notes and event.type() == QEvent.Type.FocusOut:
            self._note(notes=self._notes.toPlainText())
        return bool(super().eventFilter(watched, event))  # type: ignore[arg-type]

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.bars.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._memory.setText(tr("Memory it takes"))
        self._name.setAccessibleName(tr("Name"))
        self._tags.setPlaceholderText(tr("Tags, separated by commas"))
        self._tags.setAccessibleName(tr("Tags, separated by commas"))
        self._notes.setPlaceholderText(tr("Notes"))
        self._notes.setAccessibleName(tr("Notes"))
        self._context.setAccessibleName(tr("Context length"))
        self._cache.setAccessibleName(tr("KV cache type"))
        self._defaults.setText(tr("Defaults…"))
        self._defaults.setToolTip(tr("Sampling, engine, draft model, LoRA and template of this model"))
        self._load.setText(tr("Load"))
        self._show.setText(tr("Show in folder"))
        self._verify.setText(tr("Verify the file"))
        self._remove.setText(tr("Remove…"))
        card, self._card = self._card, None
        self.show_card(card)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def _facts(card: ModelCard) -> str:
    """A small table of what is known."""
    context = tr("{count} tokens").format(count=f"{card.context_length:,}") if card.context_length else ""
    rows = [
        (tr("Kind"), kind_words(card.kind)),
        (tr("Architecture"), card.architecture),
        (tr("Type"), card.quantization),
        (tr("Parameters"), count_words(card.parameter_count) if card.parameter_count else ""),
        (tr("Size"), size_words(card.size_bytes) if card.size_bytes else ""),
        (tr("Files"), str(len(card.files)) if len(card.files) > 1 else ""),
        (tr("Context"), context),
        (tr("Pictures"), tr("yes, through its projector") if card.projector else tr("yes") if "image" in card.modalities else ""),
        (tr("Languages"), ", ".join(card.languages)),
        (tr("Licence"), card.licence),
        (tr("From"), card.store),
    ]
    cells = "".join(
        f"<tr><td style='padding-right:18px'>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows if text
    )
    return f"<table cellspacing='0' cellpadding='2'>{cells}</table>"
