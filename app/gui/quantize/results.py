"""The right side of the Quantize page: plot, table and card of the quants that lie in one folder."""

from __future__ import annotations

from html import escape
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.gui.quantize.frontier_plot import FrontierPlot
from app.gui.quantize.words import fault_words
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.services.matrix_coverage import Coverage
from app.services.quant_choice import pick, rows, write_csv, write_table
from quantize.quality_card import QualityCard, write_card_recipe

_SHOWN = (0, 1, 2, 3, 4, 6, 7, 8, 9)
_WORST = 8
_NAMED = 6


class Results(QWidget):
    """``loading_asked`` carries the path of a file to talk to."""

    loading_asked = Signal(str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._found: list[tuple[Path, QualityCard]] = []
        self._current = -1
        self._coverages: dict[str, Coverage] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        head = QHBoxLayout()
        self._title = make_label("", "strong", self)
        self.pick_button = QPushButton(self)
        self.pick_button.setProperty("role", "primary")
        self.export_button = QPushButton(self)
        self.export_button.clicked.connect(self._export)
        self.load_button = QPushButton(self)
        self.load_button.clicked.connect(self._load)
        head.addWidget(self._title, 1)
        for button in (self.pick_button, self.load_button, self.export_button):
            head.addWidget(button)
        self._said = make_label("", "soft", self)
        self._said.setWordWrap(True)
        self._said.hide()
        self.plot = FrontierPlot(tokens, self)
        self.plot.chosen.connect(self.choose)
        self.table = QTableWidget(self)
        self.table.setObjectName("quants")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(28)
        self.table.itemSelectionChanged.connect(self._row_chosen)
        self.card = QTextBrowser(self)
        self.card.setOpenLinks(False)
        self.card.setObjectName("qualityCard")
        lower = QSplitter(Qt.Orientation.Horizontal, self)
        lower.addWidget(self.table)
        lower.addWidget(self.card)
        lower.setStretchFactor(0, 3)
        lower.setStretchFactor(1, 2)
        lower.setSizes([560, 320])
        whole = QSplitter(Qt.Orientation.Vertical, self)
        whole.addWidget(self.plot)
        whole.addWidget(lower)
        for index in (0, 1):
            whole.setStretchFactor(index, 1)
        for splitter in (lower, whole):
            splitter.setChildrenCollapsible(False)
        layout.addLayout(head)
        layout.addWidget(self._said)
        layout.addWidget(whole, 1)
        self.retranslate()

    # ---- what is shown

    def show_cards(self, found: list[tuple[Path, QualityCard]]) -> None:
        """Show the quants of one model; what was chosen stays chosen."""
        chosen = self._found[self._current][0] if 0 <= self._current < len(self._found) else None
        self._found = found
        self._current = next((index for index, (path, _) in enumerate(found) if path == chosen), 0 if found else -1)
        self._fill()

    def show_coverages(self, found: dict[str, Coverage]) -> None:
        """What the importance matrices have seen, by their hash."""
        self._coverages = found
        self.choose(self._current)

    def _fill(self) -> None:
        cards = [card for _, card in self._found]
        self.plot.show_cards(cards, self._current)
        names = _column_names()
        self.table.blockSignals(True)
        self.table.setColumnCount(len(_SHOWN))
        self.table.setHorizontalHeaderLabels([names[column] for column in _SHOWN])
        self.table.setRowCount(len(cards))
        for row, (values, card) in enumerate(zip(rows(cards), cards, strict=True)):
            values[1] = tr("yes") if values[1] else ""
            for place, column in enumerate(_SHOWN):
                item = QTableWidgetItem(("⚠ " if card.fault and column == 0 else "") + values[column])
                item.setTextAlignment(
                    (Qt.AlignmentFlag.AlignRight if column > 1 else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
                )
                item.setToolTip(fault_words(card.fault) or escape(self._found[row][0].name))
                self.table.setItem(row, place, item)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.blockSignals(False)
        for button in (self.pick_button, self.export_button, self.load_button):
            button.setEnabled(bool(cards))
        self.choose(self._current)

    def choose(self, index: int) -> None:
        """Turn to a quant."""
        self._current = index
        self.plot.set_current(index)
        if 0 <= index < len(self._found):
            if self.table.currentRow() != index or not self.table.selectedItems():
                self.table.blockSignals(True)
                self.table.selectRow(index)
                self.table.blockSignals(False)
            self.card.setHtml(self._card_html(*self._found[index]))
        else:
            self.card.setHtml("")

    def _row_chosen(self) -> None:
        if self.table.currentRow() >= 0:
            self.choose(self.table.currentRow())

    def _card_html(self, path: Path, card: QualityCard) -> str:
        soft = self._tokens.text_soft
        parts = [f"<p><b>{escape(path.name)}</b></p>"]
        if card.fault:
            parts.append(f'<p style="color:{self._tokens.error}"><b>{escape(fault_words(card.fault))}</b></p>')
        facts = [
            (tr("size"), f"{card.size_bytes / 2**20:,.1f} MB, {card.bits_per_weight:.2f} {tr('bits a weight')}"),
            (tr("made from"), f"{card.base_file}, {card.base_size_bytes / 2**20:,.1f} MB"),
        ]
        quality = card.quality
        if quality:
            facts.append((tr("perplexity"), f"{quality['perplexity']:.3f} ± {quality['perplexity_error']:.3f}"))
            if quality["has_base"]:
                facts += [
                    (tr("perplexity of the base"), f"{quality['base_perplexity']:.3f}"),
                    (tr("KL divergence, mean"), f"{quality['kl_mean']:.5f}"),
                    (tr("median, 99 %, most"), f"{quality['kl_median']:.5f}, {quality['kl_99']:.4f}, {quality['kl_max']:.3f}"),
                    (tr("same likeliest token"), f"{quality['same_top_1']:.2%}"),
                    (tr("same five likeliest"), f"{quality['same_top_5']:.2%}"),
                ]
        if card.pictures:
            shares = tr("{share} right, its base {base}; {same} in the same words").format(
                share=f"{card.pictures['right']:.0%}",
                base=f"{card.pictures['base_right']:.0%}",
                same=f"{card.pictures['same_answers']:.0%}",
            )
            facts.append((tr("answers about pictures"), shares))
        if card.probe:
            reads, writes = card.probe["prefill_tokens_per_second"], card.probe["decode_tokens_per_second"]
            speed = tr("{reads} read, {writes} written a second").format(reads=f"{reads:,.0f}", writes=f"{writes:,.0f}")
            facts += [(tr("tokens"), speed), (tr("memory"), f"{card.probe['memory_bytes'] / 2**20:,.0f} MB")]
        lines = (
            f'<tr><td style="color:{soft}">{escape(name)}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>' for name, value in facts
        )
        parts.append("<table>" + "".join(lines) + "</table>")
        parts.append(self._coverage_html(card))
        worst = (quality or {}).get("worst") or []
        if worst:
            parts.append(f"<p><b>{escape(tr('Where it differs most'))}</b></p>")
            for place in worst[:_WORST]:
                before = escape(str(place["before"])[-60:].replace("\n", "⏎"))
                token = escape(str(place["token"]).replace("\n", "⏎"))
                parts.append(
                    f'<p style="margin:2px 0">{place["divergence"]:.2f}&nbsp; <span style="color:{soft}">…{before}</span>'
                    f'<b style="color:{self._tokens.accent}">{token}</b></p>'
                )
        parts.append(f'<p style="color:{soft}">SHA-256 {card.sha256[:16]}…<br>{escape(card.date)} {escape(card.engine)}</p>')
        return "".join(parts)

    def _coverage_html(self, card: QualityCard) -> str:
        """What the importance matrix of a quant never saw; empty where there is none here."""
        coverage = self._coverages.get(str(card.recipe.get("imatrix_sha256") or ""))
        if coverage is None:
            return ""
        said = tr("Importance matrix: {windows} windows read, {touched} of {total} matrices used.")
        words = [said.format(windows=coverage.windows, touched=f"{coverage.touched:,}", total=f"{coverage.total:,}")]
        kinds = {
            "experts": tr("{name}: {count} of {total} experts never used"),
            "channels": tr("{name}: {count} of {total} inputs always zero"),
        }
        for one in coverage.untouched[:_NAMED]:
            words.append(kinds[one.kind].format(name=one.name, count=f"{one.count:,}", total=f"{one.total:,}"))
        if len(coverage.untouched) > _NAMED:
            words.append(tr("… and {count} more").format(count=len(coverage.untouched) - _NAMED))
        return "<p>" + "<br>".join(escape(text) for text in words) + "</p>"

    # ---- doing

    def pick_for(self, available_bytes: int) -> None:
        """Choose what suits a machine with so much free memory, and say why."""
        choice = pick([card for _, card in self._found], available_bytes)
        memory = f"{available_bytes / 2**30:.1f} GB"
        if choice.index < 0:
            self.say(tr("None of them fits into the {memory} of free memory.").format(memory=memory))
            return
        self.choose(choice.index)
        name = self._found[choice.index][1].file_type
        if choice.reason == "slow":
            self.say(tr("{name}: all are slow on this machine, this one least.").format(name=name))
        else:
            said = tr("{name}: the least loss of what fits into {memory} of free memory and writes as fast as you read.")
            self.say(said.format(name=name, memory=memory))

    def say(self, words: str) -> None:
        """A sentence under the heading."""
        self._said.setText(words)
        self._said.setVisible(bool(words))

    def _load(self) -> None:
        if 0 <= self._current < len(self._found):
            self.loading_asked.emit(str(self._found[self._current][0]))

    def _export(self) -> None:
        kinds = "PNG (*.png);;CSV (*.csv);;Markdown (*.md);;TOML (*.toml)"
        path, chosen = QFileDialog.getSaveFileName(self, tr("Export"), "quants.png", kinds)
        if path:
            self.export_to(Path(path), chosen.split(" ")[0].lower())

    def export_to(self, path: Path, kind: str) -> None:
        """Write the plot as png, the table as csv or markdown, or the chosen quant's recipe as toml; what goes wrong is said."""
        cards = [card for _, card in self._found]
        try:
            if kind == "png":
                if not self.make_picture().save(str(path)):
                    raise OSError(0, tr("the picture could not be written"))
            elif kind == "toml":
                path.write_text(write_card_recipe(cards[self._current]), encoding="utf-8")
            else:
                path.write_text(write_csv(cards) if kind == "csv" else write_table(cards), encoding="utf-8")
        except OSError as error:
            self.say(tr("{file} could not be written: {reason}").format(file=path.name, reason=error.strerror or error))
        else:
            self.say(tr("Exported to {file}").format(file=path))

    def make_picture(self) -> QImage:
        """The plot at twice its size, on the window's background."""
        size = self.plot.size().expandedTo(QSize(520, 300))
        image = QImage(size * 2, QImage.Format.Format_ARGB32)
        image.setDevicePixelRatio(2)
        image.fill(self._tokens.background)
        painter = QPainter(image)
        self.plot.render(painter, QPoint())
        painter.end()
        return image

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.plot.retheme(tokens)
        self.choose(self._current)

    def retranslate(self) -> None:
        """Speak another language."""
        self._title.setText(tr("What it cost"))
        self.pick_button.setText(tr("Pick for me"))
        self.export_button.setText(tr("Export…"))
        self.load_button.setText(tr("Talk to it"))
        self.plot.setAccessibleName(tr("Size and KL divergence of every quant"))
        self.table.setAccessibleName(tr("Quants"))
        self.card.setAccessibleName(tr("Quality card"))
        self._fill()


def _column_names() -> tuple[str, ...]:
    return (
        tr("Type"),
        tr("imatrix"),
        "MB",
        tr("bits"),
        "KL",
        "KL 99 %",
        tr("top 1"),
        "PPL",
        tr("tok/s"),
        tr("RAM MB"),
    )
