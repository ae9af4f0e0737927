"""What a model is used with where nobody says otherwise: sampling, how it is loaded, LoRA adapters, and its template."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui.models.adapter_list import AdapterList
from app.gui.models.sampling_form import SamplingForm
from app.gui.theme import Tokens
from app.gui.translation import short_error, tr, translated_error
from app.gui.widgets import Segments, make_label
from app.workstation import Workstation
from backends.chat_template import ChatTemplate
from backends.options import KV_TYPES, OWN_LAYERS, Adapter, LoadOptions
from backends.registry import list_backends
from models.card import ModelCard
from models.errors import UserFacingError
from models.gguf_header import read_header


class DefaultsDialog(QDialog):
    """Edits one model's defaults; nothing is kept before Save."""

    def __init__(self, workstation: Workstation, tokens: Tokens, card: ModelCard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._card = card
        self._tokens = tokens
        self._cards = workstation.library.list_known()
        self.setWindowTitle(tr("Defaults"))
        self.resize(640, 560)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(12)
        layout.addWidget(make_label(tr("Defaults of {name}").format(name=card.name), "heading", self))
        note = make_label(
            tr("What a conversation, its preset or a request says comes first. What is left empty is as usual."), "soft", self
        )
        note.setWordWrap(True)
        layout.addWidget(note)
        self.tabs = Segments(4, self)
        self.tabs.set_names((tr("Sampling"), tr("Loading"), "LoRA", tr("Template")))
        self._stack = QStackedWidget(self)
        self.tabs.chosen.connect(self._stack.setCurrentIndex)
        self.tabs.setVisible(card.format != "remote")  # how it is loaded is the other server's affair
        layout.addWidget(self.tabs)
        layout.addWidget(self._stack, 1)
        self.sampling = SamplingForm(self)
        self._stack.addWidget(self.sampling)
        self._stack.addWidget(self._make_loading())
        self._stack.addWidget(self._make_adapters())
        self._stack.addWidget(self._make_template())
        self._trouble = make_label("", "error", self)
        self._trouble.setWordWrap(True)
        self._trouble.hide()
        layout.addWidget(self._trouble)
        layout.addLayout(self._make_buttons())
        self._show(workstation.defaults.load_options(card.id), workstation.defaults.sampling(card.id))
        self.sampling.fields["temperature"].setFocus()

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        usual, cancel, self.keep = (QPushButton(self) for _ in range(3))
        for button, text in ((usual, tr("All as usual")), (cancel, tr("Cancel")), (self.keep, tr("Save"))):
            button.setText(text)
        self.keep.setProperty("role", "primary")
        self.keep.setDefault(True)
        usual.clicked.connect(lambda: self._show(LoadOptions(), {}))
        cancel.clicked.connect(self.reject)
        self.keep.clicked.connect(self._save)
        row.addWidget(usual)
        row.addStretch()
        row.addWidget(cancel)
        row.addWidget(self.keep)
        return row

    def _make_loading(self) -> QWidget:
        page = QWidget(self)
        form = QFormLayout(page)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.context = QSpinBox(page)
        self.context.setRange(0, 16_777_216)
        self.context.setSingleStep(1024)
        self.context.setSpecialValueText(tr("automatic"))
        self.cache = QComboBox(page)
        self.cache.addItems(list(KV_TYPES))
        self.engine = QComboBox(page)
        self.engine.addItem(tr("automatic"), "")
        for name in sorted(list_backends()):
            if name != "echo":  # for tests and bug reports
                self.engine.addItem(name, name)
        self.draft = QComboBox(page)
        self.draft.addItem(tr("no draft model"), "")
        self.draft.addItem(tr("its own extra layers (MTP)"), OWN_LAYERS)
        for card in self._cards:
            if card.format == "gguf" and card.kind in ("chat", "base") and card.id != self._card.id:
                self.draft.addItem(card.name, card.id)
        self.draft_tokens = QSpinBox(page)
        self.draft_tokens.setRange(1, 64)
        rows = (
            (tr("Context length"), self.context, ""),
            (tr("KV cache type"), self.cache, ""),
            (tr("Engine"), self.engine, ""),
            (
                tr("Draft model"),
                self.draft,
                tr("A small model that guesses ahead, or layers of its own; the text stays the same"),
            ),
            (tr("Tokens guessed ahead"), self.draft_tokens, ""),
        )
        for label, field, tip in rows:
            field.setAccessibleName(label)
            field.setToolTip(tip)
            if isinstance(field, QSpinBox):
                field.setAlignment(Qt.AlignmentFlag.AlignRight)
            form.addRow(label, field)
        hint = make_label(tr("Devices, threads and requests at once are in the chat's panel, under Model."), "faint", page)
        hint.setWordWrap(True)
        form.addRow(hint)
        return page

    def _make_adapters(self) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        self.adapters = AdapterList(self._tokens, page)
        layout.addWidget(self.adapters, 1)
        hint = make_label(
            tr(
                "Adapters of this architecture are listed: GGUF for a GGUF model (“yanmo lora convert” makes them of PEFT's folders), "
                "PEFT's folders for a checkpoint."
            ),
            "faint",
            page,
        )
        hint.setWordWrap(True)
        layout.addWidget(hint)
        return page

    def _make_template(self) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        self.template = QPlainTextEdit(page)
        self.template.setProperty("role", "field")
        self.template.setPlaceholderText(tr("Empty: the model's own template"))
        self.template.setAccessibleName(tr("Template"))
        layout.addWidget(self.template, 1)
        begin = QPushButton(tr("Begin with the model's own"), page)
        begin.clicked.connect(self._begin_template)
        begin.setEnabled(self._card.format == "gguf" and self._card.has_chat_template)
        layout.addWidget(begin, 0, Qt.AlignmentFlag.AlignLeft)
        return page

    # ---- showing

    def _show(self, options: LoadOptions, sampling: dict[str, float]) -> None:
        self._options = options
        self.sampling.show_values(sampling)
        self.context.setValue(options.context_length)
        self.cache.setCurrentText(options.kv_type)
        for field, value in ((self.engine, options.engine), (self.draft, options.draft_model)):
            if field.findData(value) < 0:
                field.addItem(value, value)
            field.setCurrentIndex(field.findData(value))
        self.draft_tokens.setValue(options.draft_tokens)
        self.template.setPlainText(options.chat_template)
        self._fill_adapters(options.adapters)
        self._tell("")

    def _fill_adapters(self, chosen: tuple[Adapter, ...]) -> None:
        scales = {adapter.path: adapter.scale for adapter in chosen}
        names = {
            card.path: card.name
            for card in self._cards
            if card.kind == "adapter" and card.format == self._card.format and card.architecture in ("", self._card.architecture)
        }
        self.adapters.show_adapters({path: names.get(path, path) for path in dict.fromkeys([*scales, *names])}, scales)

    def _begin_template(self) -> None:
        try:
            self.template.setPlainText(read_header(self._card.path).text("tokenizer.chat_template"))
        except UserFacingError as error:
            self._tell(translated_error(error)[0])

    def _tell(self, text: str) -> None:
        self._trouble.setText(text)
        self._trouble.setVisible(bool(text))

    # ---- keeping

    def options(self) -> LoadOptions:
        """How the model would be loaded.

        Raises:
            UserFacingError: the template is none.
        """
        template = self.template.toPlainText()
        if template.strip():
            ChatTemplate(template)
        return replace(
            self._options,
            context_length=self.context.value(),
            kv_type=self.cache.currentText(),
            engine=str(self.engine.currentData()),
            draft_model=str(self.draft.currentData()),
            draft_tokens=self.draft_tokens.value(),
            adapters=self.adapters.chosen(),
            chat_template=template if template.strip() else "",
        )

    def _save(self) -> None:
        try:
            options, sampling = self.options(), self.sampling.values()
            self._workstation.defaults.set_sampling(self._card.id, sampling)
            self._workstation.defaults.set_load_options(self._card.id, options)
        except UserFacingError as error:
            self._tell(short_error(error))
            return
        self.accept()
