"""Models on the hubs: searched on both at once; good first ones before anything was searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.error_card import make_error_card
from app.gui.models.background import Background
from app.gui.models.repository_panel import RepositoryPanel
from app.gui.models.rows import Row, RowList
from app.gui.models.words import count_words, hub_words, model_words, size_words
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.services.first_models import FirstModel, read_first_models
from app.services.hubs import SearchResult
from app.workstation import Workstation
from models.errors import UserFacingError
from models.hubs.hub import FORMATS, HUB_KEYS, SORT_ORDERS, TASKS, HubKey, HubModel, SearchQuery

_SIZES: tuple[tuple[float, float], ...] = ((0, 0), (0, 2), (2, 5), (5, 10), (10, 20), (20, 80), (80, 0))
_LICENCES = {"": "", "apache-2.0": "Apache 2.0", "mit": "MIT"}
_PAUSE_MILLISECONDS = 600


class FindView(QWidget):
    """``added`` says that a download was put into the queue; ``trouble`` carries an error."""

    added = Signal()
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._tokens = tokens
        self._result: SearchResult | None = None
        self._trouble: UserFacingError | None = None
        self._searching = Background(workstation.jobs, "network", self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        left = QVBoxLayout()
        left.setSpacing(8)
        self.search = QLineEdit(self)
        self.search.setClearButtonEnabled(True)
        self.search.returnPressed.connect(self.start_search)
        self._go = QPushButton(self)
        self._go.setProperty("role", "primary")
        self._go.clicked.connect(self.start_search)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self._go)
        left.addLayout(row)
        left.addLayout(self._make_filters())
        self._problems = QVBoxLayout()
        left.addLayout(self._problems)
        self.list = RowList(tokens, self)
        self.list.currentItemChanged.connect(lambda *_items: self._open_chosen())
        left.addWidget(self.list, 1)
        layout.addLayout(left, 4)
        self.panel = RepositoryPanel(workstation, tokens, self)
        self.panel.added.connect(self.added)
        self.panel.trouble.connect(self.trouble)
        layout.addWidget(self.panel, 5)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self.start_search)
        self.search.textEdited.connect(lambda text: self._pause.start())
        self.retranslate()

    def _make_filters(self) -> QVBoxLayout:
        self._filters = {name: QComboBox(self) for name in ("hub", "task", "format", "size", "licence", "sort")}
        values: dict[str, tuple[object, ...]] = {
            "hub": ("", *HUB_KEYS),
            "task": TASKS,
            "format": ("gguf", *(value for value in FORMATS if value != "gguf")),
            "size": _SIZES,
            "licence": tuple(_LICENCES),
            "sort": SORT_ORDERS,
        }
        box = QVBoxLayout()
        box.setSpacing(8)
        rows = (QHBoxLayout(), QHBoxLayout())
        for number, (name, field) in enumerate(self._filters.items()):
            for value in values[name]:
                field.addItem("", value)
            field.activated.connect(lambda index: self.start_search())
            field.setMinimumContentsLength(6)
            rows[number // 3].addWidget(field, 1)
        for row in rows:
            box.addLayout(row)
        return box

    # ---- searching

    def start_search(self) -> None:
        """Ask the hubs for what the fields say."""
        self._pause.stop()
        author, slash, rest = self.search.text().strip().partition("/")
        is_repository = bool(author and slash) and " " not in self.search.text().strip()
        low, high = self._filters["size"].currentData()
        query = SearchQuery(
            text=rest if is_repository else self.search.text().strip(),
            author=author if is_repository else "",
            task=self._filters["task"].currentData(),
            format=self._filters["format"].currentData(),
            licence=self._filters["licence"].currentData(),
            parameters=(round(low * 1e9), round(high * 1e9)),
            sort=self._filters["sort"].currentData(),
        )
        wanted: HubKey | str = self._filters["hub"].currentData()
        keys = HUB_KEYS if wanted == "" else tuple(key for key in HUB_KEYS if key == wanted)
        self._trouble, self._result = None, None
        self.list.show_rows([Row(tr("Searching…"))])
        hubs = self._workstation.hubs
        self._searching.run(lambda: hubs.search(query, keys), self._show_result, self._show_trouble)

    def _show_result(self, result: SearchResult) -> None:
        self._result = result
        self._fill()

    def _show_trouble(self, error: UserFacingError) -> None:
        self._trouble = error
        self._fill()

    def _fill(self) -> None:
        while (item := self._problems.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        troubles = list(self._result.troubles.values()) if self._result else []
        for error in [self._trouble, *troubles]:
            if error is not None:
                self._problems.addWidget(make_error_card(error, self._tokens, self, offers_fixes=False))
        if self._result is None:
            self._show_first_models()
            return
        rows = [self._row(model) for model in self._result.models]
        both_failed = self._trouble is not None or (troubles and not rows)
        self.list.show_rows(
            rows or ([] if both_failed else [Row(tr("Nothing was found. Try fewer words or another filter."))]), self.list.value()
        )

    def _row(self, model: HubModel) -> Row:
        gated = tr("conditions") if model.is_gated else ""
        return Row(model.id, model_words(model), gated, "warning", "stack-2", model)

    def _show_first_models(self) -> None:
        """Before a search: a few good ones, the largest that fit into this machine marked."""
        listed = read_first_models(self._workstation.paths.resources)
        total = self._workstation.hardware.snapshot().ram_total
        is_chinese = tr("chat") != "chat"
        language = "zh" if is_chinese else "en"
        fitting = [one for one in listed.models if one.memory_bytes < 0.7 * total and language in one.languages]
        rows = [Row(tr("Good first models, chosen on {date}").format(date=listed.date))]
        for one in listed.models:
            why = one.why_zh if is_chinese else one.why_en
            badge, kind = ("", "")
            if fitting and one is fitting[-1]:
                badge, kind = tr("Best for this machine"), "ok"
            elif one.memory_bytes > 0.9 * total:
                badge, kind = tr("Will not fit"), "error"
            name = one.repository.rpartition("/")[2].removesuffix("-GGUF").removesuffix("-gguf")
            facts = f"{one.variant}, {size_words(one.memory_bytes)}  ·  {why}"
            rows.append(Row(name, facts, badge, kind, "eye" if one.task == "vision" else "sparkles", one))
        self.list.show_rows(rows, self.list.value())

    def _open_chosen(self) -> None:
        value = self.list.value()
        if isinstance(value, HubModel):
            self.panel.open(value.hub, value.id)
        elif isinstance(value, FirstModel):
            self.panel.open(self._workstation.hubs.preferred, value.repository, value.variant)

    # ---- looks and words

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.list.retheme(tokens)
        self.panel.retheme(tokens)
        self._fill()

    def retranslate(self) -> None:
        """Speak another language."""
        self.search.setPlaceholderText(tr("Search Hugging Face and ModelScope…"))
        self.search.setAccessibleName(tr("Search Hugging Face and ModelScope…"))
        self._go.setText(tr("Search"))
        tasks = {
            "": tr("Any task"),
            "chat": tr("Chat"),
            "vision": tr("Sees pictures"),
            "embedding": tr("Embedding"),
            "rerank": tr("Reranking"),
            "audio": tr("Hears"),
        }
        sorts = {
            "trending": tr("Trending"),
            "downloads": tr("Most downloads"),
            "likes": tr("Most liked"),
            "updated": tr("Newest"),
        }
        formats = {"": tr("Any format"), "gguf": "GGUF", "safetensors": "safetensors", "awq": "AWQ"}
        words: dict[str, Callable[[Any], str]] = {
            "hub": lambda value: hub_words(value) if value else tr("Both hubs"),
            "task": lambda value: tasks[value],
            "format": lambda value: formats[value],
            "size": _size_words,
            "licence": lambda value: _LICENCES[value] or tr("Any licence"),
            "sort": lambda value: sorts[value],
        }
        names = {
            "hub": tr("Hub"),
            "task": tr("Task"),
            "format": tr("Format"),
            "size": tr("Parameters"),
            "licence": tr("Licence"),
            "sort": tr("Order"),
        }
        for name, field in self._filters.items():
            field.setAccessibleName(names[name])
            field.setToolTip(names[name])
            for index in range(field.count()):
                field.setItemText(index, words[name](field.itemData(index)))
        self.list.setAccessibleName(tr("Models on the hubs"))
        self._fill()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def _size_words(bounds: tuple[float, float]) -> str:
    low, high = (count_words(round(bound * 1e9)) for bound in bounds)
    if not bounds[0] and not bounds[1]:
        return tr("Any size")
    if not bounds[0]:
        return tr("up to {size}").format(size=high)
    return tr("{low} to {high}").format(low=low, high=high) if bounds[1] else tr("above {size}").format(size=low)
