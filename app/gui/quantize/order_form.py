"""The left side of the Quantize page: of which model, which types, with what importance matrix, and where to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.quantize.awq_choice import AwqChoice
from app.gui.quantize.words import advice_of, preset_name, source_name
from app.gui.translation import tr
from app.gui.widgets import ElidedLabel, make_label
from app.workstation import Workstation
from models.errors import UserFacingError
from quantize.awq.recipe import FILE_TYPE as AWQ
from quantize.awq.recipe import AwqRecipe
from quantize.gguf.types import FILE_TYPES
from quantize.order import AUTO, BUILTIN, CONVERSATIONS, NONE, Order, stem_of, strip_type
from quantize.presets import PRESETS
from quantize.recipe import Recipe, read_any_recipe

_TYPE = int(Qt.ItemDataRole.UserRole)
_MATRICES = (NONE, BUILTIN, CONVERSATIONS, "file")
_MEASURED_WINDOWS = 8


class OrderForm(QWidget):
    """``ordered`` carries an :class:`Order`, ``source_changed`` the path of the model that was chosen, ``trouble`` an error.

    ``search_wanted`` asks for a search of the best recipe.
    """

    ordered = Signal(object)
    source_changed = Signal(str)
    search_wanted = Signal()
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._sizes: dict[str, int] = {}
        self._is_quantized = False
        self._is_exact = True
        self._file = ""
        self._target = ""
        self._recipes: dict[str, Recipe | AwqRecipe] = {}
        self._make_fields()
        self._lay_out()
        self.retranslate()

    def _make_fields(self) -> None:
        self._source_label = make_label("", "strong", self)
        self.source = QComboBox(self)
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.source.activated.connect(lambda _index: self._source_chosen())
        self._browse = QPushButton(self)
        self._browse.clicked.connect(self._choose_source)
        self._note = make_label("", "soft", self)
        self._note.setWordWrap(True)
        self._types_label = make_label("", "strong", self)
        self.types = QListWidget(self)
        self.types.setObjectName("types")
        self.types.setWordWrap(True)
        self.types.setMinimumHeight(220)
        self.types.itemChanged.connect(lambda _item: self._show_total())
        self.types.itemClicked.connect(self._toggle)
        self._all_types = QCheckBox(self)
        self._all_types.toggled.connect(lambda _on: self._fill_types())
        self._import = QPushButton(self)
        self._import.setProperty("role", "link")
        self._import.clicked.connect(self._choose_recipe)
        self.search = QPushButton(self)
        self.search.setProperty("role", "link")
        self.search.clicked.connect(self.search_wanted)
        self.awq = AwqChoice(self)
        self._matrix_label = make_label("", "strong", self)
        self.matrix = QComboBox(self)
        self.matrix.activated.connect(self._matrix_chosen)
        self.both = QCheckBox(self)
        self.both.toggled.connect(lambda _on: self._show_total())
        self.measure = QCheckBox(self)
        self.measure.setChecked(True)
        self.again = QCheckBox(self)
        self.again.toggled.connect(lambda _on: self._show_total())
        self._place = ElidedLabel("soft", self)
        self._move = QPushButton(self)
        self._move.setProperty("role", "link")
        self._move.clicked.connect(self._choose_target)
        self._total = make_label("", "soft", self)
        self.start = QPushButton(self)
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(self._order)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        row = QHBoxLayout()
        row.addWidget(self.source, 1)
        row.addWidget(self._browse)
        place = QHBoxLayout()
        place.addWidget(self._place, 1)
        place.addWidget(self._move)
        layout.addWidget(self._source_label)
        layout.addLayout(row)
        more = QHBoxLayout()
        more.addWidget(self._all_types, 1)
        more.addWidget(self.search)
        more.addWidget(self._import)
        layout.addWidget(self._note)
        layout.addWidget(self._types_label)
        layout.addWidget(self.types)
        layout.addLayout(more)
        layout.addWidget(self.awq)
        layout.addWidget(self._matrix_label)
        layout.addWidget(self.matrix)
        layout.addWidget(self.both)
        layout.addWidget(self.measure)
        layout.addWidget(self.again)
        layout.addLayout(place)
        layout.addWidget(self._total)
        layout.addWidget(self.start)
        layout.setStretchFactor(self.types, 1)

    # ---- the model

    def fill_sources(self) -> None:
        """Read the library; what was chosen stays chosen."""
        chosen = self.path()
        self.source.clear()
        for card in sorted(self._workstation.library.list_models(), key=lambda found: (found.format == "gguf", found.name)):
            if card.kind in ("projector", "adapter") or card.format == "remote" or ".imatrix" in Path(card.path).name:
                continue
            kind = tr("checkpoint") if card.format != "gguf" else card.quantization
            self.source.addItem(f"{source_name(card)} · {kind}", card.path)
        if chosen:
            self.choose_source(chosen, tell=False)
        if self.source.count() and self.path() != chosen:
            self._source_chosen()
        self._show_total()

    def path(self) -> str:
        """The path of the chosen model; empty where there is none."""
        return str(self.source.currentData() or "")

    def choose_source(self, path: str, *, tell: bool = True) -> None:
        """Choose a model by its path, listed or not."""
        index = self.source.findData(path)
        if index < 0:
            self.source.addItem(Path(path).name, path)
            index = self.source.count() - 1
        self.source.setCurrentIndex(index)
        if tell:
            self._source_chosen()

    def _source_chosen(self) -> None:
        self._sizes = {}
        self._is_quantized = False
        self._target = ""
        self._fill_types()
        self.source_changed.emit(self.path())

    def _choose_source(self) -> None:
        path = QFileDialog.getExistingDirectory(self, tr("Choose a folder with a checkpoint"))
        if path:
            self.choose_source(path)

    def show_sizes(self, source: str, sizes: dict[str, int], *, is_exact: bool, is_quantized: bool) -> None:
        """What the service found out of a model."""
        if source == self.path():
            self._sizes, self._is_exact, self._is_quantized = sizes, is_exact, is_quantized
            self._fill_types()

    # ---- the types

    def chosen_types(self) -> list[str]:
        """The types that are ticked, largest first."""
        items = [self.types.item(row) for row in range(self.types.count())]
        return [str(item.data(_TYPE)) for item in items if item.checkState() == Qt.CheckState.Checked]

    def choose_types(self, names: list[str]) -> None:
        """Tick these and no others; all types are shown where one of them is no preset."""
        if not set(names) - set(self._recipes) <= {AWQ, *(preset.file_type for preset in PRESETS)}:
            self._all_types.setChecked(True)
        for row in range(self.types.count()):
            item = self.types.item(row)
            is_on = str(item.data(_TYPE)) in names
            item.setCheckState(Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked)

    def _fill_types(self) -> None:
        ticked = set(self.chosen_types()) or {"Q4_K_M"}
        presets = {AWQ, *(preset.file_type for preset in PRESETS)}
        shown = list(FILE_TYPES) if self._all_types.isChecked() else [preset.file_type for preset in PRESETS]
        if Path(self.path()).is_dir():  # AWQ is made from a checkpoint only
            shown.insert(shown.index("Q4_K_M") + 1, AWQ)
        self.types.blockSignals(True)
        self.types.clear()
        for name in shown:
            size = self._sizes.get(name)
            words = f"{size / 2**20:,.1f} MB" if size else ""
            if size and not self._is_exact:
                words = tr("about {size}").format(size=words)
            title = f"{preset_name(name)} · {name}" if name in presets else name
            told = (words, advice_of(name) if name in presets else "")
            item = QListWidgetItem(f"{title}\n" + "  ·  ".join(part for part in told if part))
            item.setData(_TYPE, name)
            item.setToolTip(advice_of(name) if name in presets else "")
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(Qt.CheckState.Checked if name in ticked else Qt.CheckState.Unchecked)
            item.setSizeHint(QSize(10, 48))
            self.types.addItem(item)
        for name, recipe in self._recipes.items():
            count = len(recipe.overrides) if isinstance(recipe, Recipe) else 0
            words = tr("recipe: {type} with {count} rules of its own").format(type=recipe.file_type, count=count)
            item = QListWidgetItem(f"{name}\n{words}")
            item.setData(_TYPE, name)
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(Qt.CheckState.Checked if name in ticked else Qt.CheckState.Unchecked)
            item.setSizeHint(QSize(10, 48))
            self.types.addItem(item)
        shown += list(self._recipes)
        self.types.blockSignals(False)
        first = next((row for row in range(self.types.count()) if shown[row] in ticked), 0)
        self.types.scrollToItem(self.types.item(first), QListWidget.ScrollHint.PositionAtCenter)
        self._show_total()

    def _toggle(self, item: QListWidgetItem) -> None:
        """A click anywhere on the row ticks it; Qt itself ticks only at the box."""
        point = self.types.viewport().mapFromGlobal(self.cursor().pos())
        if point.x() - self.types.visualItemRect(item).left() > 30:
            is_on = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if is_on else Qt.CheckState.Checked)

    def add_recipe(self, path: Path) -> None:
        """Offer a recipe from a TOML file beside the types, ticked.

        Raises:
            InvalidOption: it is none.
        """
        # the matrix it was made with may not be here: whichever is chosen is noted anew
        recipe = read_any_recipe(path)
        self._recipes[path.name] = replace(recipe, imatrix_sha256="") if isinstance(recipe, Recipe) else recipe
        self._fill_types()
        self.choose_types([*self.chosen_types(), path.name])

    def _choose_recipe(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose a recipe"), "", tr("Recipes (*.toml)"))
        if path:
            try:
                self.add_recipe(Path(path))
            except UserFacingError as error:
                self.trouble.emit(error)

    def _needs_matrix(self, name: str) -> bool:
        recipe = self._recipes.get(name)
        kinds = [recipe.file_type, *(kind for _, kind in recipe.overrides)] if isinstance(recipe, Recipe) else [name]
        return any(kind in FILE_TYPES and FILE_TYPES[kind].needs_imatrix for kind in kinds)

    # ---- the matrix and the place

    def _matrix_chosen(self, index: int) -> None:
        if _MATRICES[index] == "file":
            path, _ = QFileDialog.getOpenFileName(
                self, tr("Choose an importance matrix"), "", tr("Importance matrices (*.gguf *.dat);;All files (*)")
            )
            self._file = path
            if not path:
                self.matrix.setCurrentIndex(0)
        self._show_total()

    def _choose_target(self) -> None:
        path = QFileDialog.getExistingDirectory(self, tr("Choose the folder for the new files"), self.target())
        if path:
            self._target = path
            self._show_total()

    def target(self) -> str:
        """The folder that the files go to: one of their own among the models."""
        stem = strip_type(Path(self.path()).stem or "model") if not Path(self.path()).is_dir() else Path(self.path()).name
        return self._target or str(self._workstation.paths.models / stem)

    def _show_total(self) -> None:
        types = self.chosen_types()
        kind = _MATRICES[max(0, self.matrix.currentIndex())]
        self.both.setEnabled(kind != NONE)
        self.again.setVisible(self._is_quantized)
        folders = [name for name in types if self._is_awq(name)]
        files = [name for name in types if name not in folders] * (2 if kind != NONE and self.both.isChecked() else 1)
        total = sum(self._sizes.get(name, 0) for name in (*files, *folders))
        count = len(files) + len(folders)
        self._total.setText(tr("{count} files, {size}").format(count=count, size=f"{total / 2**20:,.1f} MB") if total else "")
        self.awq.setVisible(AWQ in types)
        self._place.set_full_text(tr("Into {folder}").format(folder=self.target()))
        needing = [name for name in types if self._needs_matrix(name) and kind == NONE]
        lacks = tr("An importance matrix is needed for {types}.").format(types=", ".join(needing)) if needing else ""
        quantized = tr("This model is quantized already. Its original would give better files.") if self._is_quantized else ""
        self._note.setText("  ".join(words for words in (quantized, lacks) if words))
        self._note.setVisible(bool(quantized or lacks))
        may = not self._is_quantized or self.again.isChecked()
        self.start.setEnabled(bool(self.path() and types and not needing and may))
        self.search.setEnabled(Path(self.path()).is_file() and not self._is_quantized and bool(self._sizes))

    def matrix_file(self) -> Path | None:
        """The importance matrix that is chosen, as far as it is there already."""
        kind = _MATRICES[max(0, self.matrix.currentIndex())]
        if kind == "file":
            return Path(self._file) if self._file else None
        made = Path(self.target()) / f"{strip_type(stem_of(Path(self.path())))}.imatrix.gguf"
        return made if kind != NONE and made.is_file() else None

    def make_orders(self) -> list[Order]:
        """What the form asks for: an order for files, two where they are wanted with and without a matrix, and one for AWQ."""
        kind = _MATRICES[self.matrix.currentIndex()]
        imatrix = {NONE: NONE, "file": self._file}.get(kind, AUTO)
        settings = self._workstation.settings
        wanted = [imatrix] if imatrix == NONE or not self.both.isChecked() else [imatrix, NONE]
        orders = []
        for matrix in wanted:
            files = [name for name in self.chosen_types() if not self._is_awq(name)]
            types = [name for name in files if matrix != NONE or not self._needs_matrix(name)]
            if not types:
                continue
            order = Order(
                self.path(),
                tuple(self._recipes.get(name) or Recipe(name) for name in types),
                self.target(),
                matrix,
                CONVERSATIONS if kind == CONVERSATIONS else BUILTIN,
                BUILTIN if self.measure.isChecked() else "",
                windows=_MEASURED_WINDOWS,
                may_requantize=self.again.isChecked() or not self._is_quantized,
                converter=str(settings.get("quantize.converter")),
                converter_python=str(settings.get("quantize.converter_python")),
            )
            orders.append(order)
        folders = [name for name in self.chosen_types() if self._is_awq(name)]
        if folders:
            recipes = tuple(self._recipes.get(name) or self.awq.recipe() for name in folders)
            measure = BUILTIN if self.measure.isChecked() else ""
            calibration = self.awq.calibration()
            orders.append(Order(self.path(), recipes, self.target(), NONE, calibration, measure, windows=_MEASURED_WINDOWS))
        return orders

    def _is_awq(self, name: str) -> bool:
        return name == AWQ or isinstance(self._recipes.get(name), AwqRecipe)

    def _order(self) -> None:
        for order in self.make_orders():
            self.ordered.emit(order)

    def retranslate(self) -> None:
        """Speak another language."""
        self._source_label.setText(tr("Model"))
        self._browse.setText(tr("Checkpoint…"))
        self._types_label.setText(tr("Make"))
        self._all_types.setText(tr("Show all {count} types").format(count=len(FILE_TYPES)))
        self._import.setText(tr("Recipe…"))
        self.search.setText(tr("Find the best…"))
        self.search.setToolTip(tr("Type by type for each group of tensors; needs a model in GGUF that is not quantized"))
        self._matrix_label.setText(tr("Importance matrix"))
        index = max(0, self.matrix.currentIndex())
        self.matrix.clear()
        names = (tr("None"), tr("From the built-in text"), tr("From my conversations"), tr("From a file…"))
        self.matrix.addItems(list(names))
        self.matrix.setCurrentIndex(index)
        self.matrix.setToolTip(tr("A text shows which weights matter most; small types lose much less with it."))
        self.both.setText(tr("Also without it, to compare"))
        self.measure.setText(tr("Measure what is lost"))
        self.again.setText(tr("Quantize again all the same"))
        self.awq.retranslate()
        self._move.setText(tr("Change…"))
        self.start.setText(tr("Start"))
        for widget, label in (
            (self.source, self._source_label),
            (self.types, self._types_label),
            (self.matrix, self._matrix_label),
        ):
            widget.setAccessibleName(label.text())
        self._fill_types()
