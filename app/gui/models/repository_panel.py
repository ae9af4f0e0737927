"""One repository of a hub: its variants with a word on whether they fit, the memory of the chosen one, and its card."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.gui.chat.formulas import FormulaPainter
from app.gui.chat.message_browser import MessageBrowser
from app.gui.error_card import make_error_card
from app.gui.models.background import Background
from app.gui.models.plan_bars import PlanBars
from app.gui.models.rows import Row, RowList
from app.gui.models.words import count_words, hub_words, size_words, variant_words, verdict_words
from app.gui.outside import open_outside
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import ElidedLabel, make_label
from app.text.markdown_blocks import cut_blocks
from app.text.model_card import simplify_card
from app.workstation import Workstation
from models.errors import UserFacingError
from models.hubs.hub import HubKey, Repository
from models.hubs.variants import Variant, choose_variant, group_files
from models.memory_plan import MemoryPlan
from models.memory_shape import MemoryShape

_LONGEST_CARD = 60_000


class RepositoryPanel(QWidget):
    """Nothing is shown until :meth:`open`. ``added`` says that a variant is on its way."""

    added = Signal()
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._tokens = tokens
        self._repository: Repository | None = None
        self._variants: list[Variant] = []
        self._plans: dict[str, MemoryPlan] = {}
        self._card_text = ""
        self._error: UserFacingError | None = None
        self._wish: tuple[HubKey, str, str] | None = None
        self._reading = Background(workstation.jobs, "network", self)
        self._planning = Background(workstation.jobs, "network", self)
        self._carding = Background(workstation.jobs, "network", self)
        self._make_widgets(tokens)
        self._fill()

    def _make_widgets(self, tokens: Tokens) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        head = QHBoxLayout()
        self._name = ElidedLabel("title", self)
        self._page = QPushButton(self)
        self._page.setProperty("role", "link")
        self._page.clicked.connect(self._open_page)
        head.addWidget(self._name, 1)
        head.addWidget(self._page)
        layout.addLayout(head)
        self._facts = make_label("", "soft", self)
        self._facts.setTextFormat(Qt.TextFormat.PlainText)
        self._facts.setWordWrap(True)
        layout.addWidget(self._facts)
        self._problems = QVBoxLayout()
        layout.addLayout(self._problems)
        self.variants = RowList(tokens, self)
        self.variants.setMinimumHeight(120)
        self.variants.currentItemChanged.connect(lambda *_items: self._show_variant())
        layout.addWidget(self.variants, 3)
        self.bars = PlanBars(tokens, self)
        layout.addWidget(self.bars)
        row = QHBoxLayout()
        self._download = QPushButton(self)
        self._download.setProperty("role", "primary")
        self._download.clicked.connect(self._add)
        self._other = QPushButton(self)
        self._other.clicked.connect(self._open_other)
        row.addWidget(self._download)
        row.addWidget(self._other)
        row.addStretch()
        layout.addLayout(row)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._browser = MessageBrowser(tokens, FormulaPainter(), self._area)
        self._browser.setAccessibleName(tr("Model card"))
        self._area.setWidget(self._browser)
        layout.addWidget(self._area, 4)
        self._filler = QWidget(self)
        layout.addWidget(self._filler, 1)

    # ---- reading

    def open(self, hub: HubKey, repository_id: str, variant: str = "") -> None:
        """Read a repository and show it; ``variant`` is chosen where it is there."""
        self._wish = (hub, repository_id, variant)
        self._repository, self._variants, self._plans, self._card_text, self._error = None, [], {}, "", None
        self._planning.forget()
        self._carding.forget()
        self._fill()
        hubs = self._workstation.hubs
        self._reading.run(lambda: hubs.read_repository(hub, repository_id), self._show_repository, self._show_trouble)

    def _show_repository(self, repository: Repository) -> None:
        self._repository = repository
        self._variants = group_files(repository.files)
        self._fill()
        wanted = choose_variant(self._variants, self._wish[2] if self._wish else "") or choose_variant(self._variants)
        row = self._variants.index(wanted) if wanted is not None else -1
        if row == self.variants.currentRow():
            self._show_variant()  # as in the repository before, so that nothing says that it changed
        elif row >= 0:
            self.variants.setCurrentRow(row)
        hubs = self._workstation.hubs
        self._carding.run(lambda: hubs.read_card(repository), self._show_card, lambda error: None)

    def _show_trouble(self, error: UserFacingError) -> None:
        self._error = error
        self._fill()

    def _show_card(self, text: str) -> None:
        self._card_text = text
        self._draw_card()

    def _fill(self) -> None:
        while (item := self._problems.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        if self._error is not None:
            self._problems.addWidget(make_error_card(self._error, self._tokens, self, offers_fixes=False))
        repository = self._repository
        is_reading = self._wish is not None and repository is None and self._error is None
        self._name.set_full_text(self._wish[1] if self._wish else "")
        self._page.setVisible(repository is not None)
        for widget in (self.variants, self._download, self._area):
            widget.setVisible(repository is not None)
        self._filler.setVisible(repository is None)
        self._other.setVisible(self._wish is not None and not is_reading)
        if self._wish:
            other = hub_words(self._workstation.hubs.other(self._wish[0]))
            self._other.setText(tr("Look on {hub}").format(hub=other))
        if repository is None:
            self._facts.setText(tr("Reading…") if is_reading else "" if self._wish else tr("Choose a model on the left."))
            self.bars.show_plan(None)
            return
        parts = [hub_words(repository.hub)]
        if repository.parameter_count:
            parts.append(tr("{count} parameters").format(count=count_words(repository.parameter_count)))
        parts.append(repository.licence)
        if repository.is_gated:
            parts.append(tr("conditions must be accepted on its page first"))
        self._facts.setText("  ·  ".join(part for part in parts if part))
        chosen = self.variants.value()
        rows = [self._row(number, variant) for number, variant in enumerate(self._variants)]
        self.variants.show_rows(rows or [Row(tr("Nothing here can be loaded"))], chosen)
        self._draw_card()

    def _row(self, number: int, variant: Variant) -> Row:
        badge, kind = verdict_words(self._plans.get(variant.name))
        return Row(variant.name, variant_words(variant), badge, kind, "cpu" if variant.format == "gguf" else "code", number)

    # ---- a variant

    def _chosen(self) -> Variant | None:
        number = self.variants.value()
        return self._variants[number] if isinstance(number, int) and number < len(self._variants) else None

    def _show_variant(self) -> None:
        variant, repository = self._chosen(), self._repository
        self._download.setEnabled(variant is not None and variant.is_whole)
        if variant is None or repository is None:
            return
        self._download.setText(tr("Download {size}").format(size=size_words(variant.size)))
        if variant.name in self._plans:
            self.bars.show_plan(self._plans[variant.name])
            return
        if not variant.is_whole:
            self.bars.show_plan(None, tr("not all parts are there"))
            return
        self.bars.show_plan(None, tr("Reading the header…"))
        hubs, chosen = self._workstation.hubs, variant
        self._planning.run(
            lambda: (chosen, hubs.read_memory_shape(repository, chosen)),
            self._show_shape,
            lambda error: self.bars.show_plan(None, translated_error(error)[1] or translated_error(error)[0]),
        )

    def _show_shape(self, found: tuple[Variant, MemoryShape]) -> None:
        """The header of one variant tells of all: the others have the same layers with smaller or larger weights."""
        variant, shape = found
        self._plans |= self._workstation.planner.plan_variants(shape, variant, self._variants)
        for number, other in enumerate(self._variants):
            self.variants.replace_row(number, self._row(number, other))
        chosen = self._chosen()
        if chosen is not None and chosen.name in self._plans:
            self.bars.show_plan(self._plans[chosen.name])

    def _add(self) -> None:
        variant = self._chosen()
        if variant is not None and self._repository is not None:
            self._workstation.downloads.add(self._repository, variant)
            self.added.emit()

    def _open_page(self) -> None:
        if self._repository is not None:
            open_outside(QUrl(self._repository.page))

    def _open_other(self) -> None:
        if self._wish is not None:
            hub, name, variant = self._wish
            self.open(self._workstation.hubs.other(hub), name, variant)

    # ---- looks and words

    def _draw_card(self) -> None:
        text = simplify_card(self._card_text[:_LONGEST_CARD])
        width = max(200, self._area.viewport().width() - 12)
        self._browser.show_blocks(cut_blocks(text) if text.strip() else [], 0, width)
        self._browser.setFixedHeight(self._browser.height_for(width))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._card_text and event.size().width() != event.oldSize().width():
            width = max(200, self._area.viewport().width() - 12)
            self._browser.setFixedHeight(self._browser.height_for(width))

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.variants.retheme(tokens)
        self.bars.retheme(tokens)
        self._browser.retheme(tokens, max(200, self._area.viewport().width() - 12))
        self._fill()

    def retranslate(self) -> None:
        """Speak another language."""
        self._page.setText(tr("Open its page"))
        self.variants.setAccessibleName(tr("Variants"))
        self._browser.setAccessibleName(tr("Model card"))
        self._fill()
        self._show_variant()

    def showEvent(self, event: object) -> None:
        self.retranslate()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
