"""One collection: its files and folders, how far indexing is, and which models find passages."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.models.rows import Row, RowList
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import ElidedLabel, make_label
from app.services.events import KnowledgeProgress
from app.services.knowledge import RootState
from app.workstation import Workstation
from models.errors import UserFacingError, error_from_json


class CollectionPanel(QFrame):
    """``trouble`` carries an error; ``deleted`` says that the collection is gone."""

    trouble = Signal(object)
    deleted = Signal()

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._collection = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        head = QHBoxLayout()
        self._title = ElidedLabel("title", self)
        self.add_folder, self.add_files, self.update_now = (QPushButton(self) for _ in range(3))
        self.take_out, self.delete = QPushButton(self), QPushButton(self)
        self.delete.setProperty("role", "danger")
        self.add_folder.clicked.connect(self._choose_folder)
        self.add_files.clicked.connect(self._choose_files)
        self.update_now.clicked.connect(lambda: workstation.knowledge.update(self._paths()))
        self.take_out.clicked.connect(self._take_out)
        self.delete.clicked.connect(self._delete)
        head.addWidget(self._title, 1)
        for button in (self.add_folder, self.add_files, self.update_now, self.take_out, self.delete):
            head.addWidget(button)
        layout.addLayout(head)
        self.list = RowList(tokens, self)
        self.list.currentItemChanged.connect(lambda *_items: self._show_details())
        layout.addWidget(self.list, 1)
        layout.addLayout(self._make_progress())
        self.details = make_label("", "faint", self)
        self.details.setWordWrap(True)
        layout.addWidget(self.details)
        layout.addLayout(self._make_models())
        self._states: list[RootState] = []
        self.retranslate()

    def _make_progress(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._doing = ElidedLabel("faint", self)
        self.cancel = QPushButton(self)
        self.cancel.clicked.connect(self._workstation.knowledge.cancel)
        row.addWidget(self._bar, 2)
        row.addWidget(self._doing, 3)
        row.addWidget(self.cancel)
        return row

    def _make_models(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._embedder_name, self._reranker_name = make_label("", "soft", self), make_label("", "soft", self)
        self.embedder, self.reranker = QComboBox(self), QComboBox(self)
        self.embedder.activated.connect(lambda _index: self._choose("knowledge.embedder", self.embedder))
        self.reranker.activated.connect(lambda _index: self._choose("knowledge.reranker", self.reranker))
        for widget in (self._embedder_name, self.embedder, self._reranker_name, self.reranker):
            row.addWidget(widget)
        row.addStretch()
        return row

    def show_collection(self, collection_id: str) -> None:
        """Show a collection as it is now; nothing for an empty id."""
        self._collection = collection_id
        for button in (self.add_folder, self.add_files, self.update_now, self.take_out, self.delete):
            button.setEnabled(bool(collection_id))
        self._fill_models()
        self._show_running()
        if not collection_id:
            self._title.set_full_text(tr("Make a collection to begin"))
            self._states = []
            self.list.show_rows([])
            self.details.setText("")
            return
        collection = self._workstation.knowledge.collections.find(collection_id)
        self._states = self._workstation.knowledge.roots(collection_id)
        self._title.set_full_text(collection.name)
        self.list.show_rows([_row(state) for state in self._states], self.list.value())
        self._show_details()

    def show_progress(self, event: KnowledgeProgress) -> None:
        """Indexing goes on."""
        self._show_running()

    def _show_running(self) -> None:
        now = self._workstation.knowledge.indexing()
        for widget in (self._bar, self._doing, self.cancel):
            widget.setVisible(now.is_running)
        if now.is_running:
            self._bar.setRange(0, max(1, now.total))
            self._bar.setValue(now.done)
            words = tr("{done} of {total} documents").format(done=f"{now.done:,}", total=f"{now.total:,}")
            self._doing.set_full_text(f"{words}  ·  {now.name}" if now.name else words)
        elif now.error is not None:
            self.details.setText(" ".join(part for part in translated_error(now.error) if part))

    def _show_details(self) -> None:
        """What could not be read of the chosen root, or of all."""
        chosen = self.list.value()
        failures = [one for state in self._states for one in state.failures if chosen in (None, state.path)]
        lines = []
        for failure in failures[:4]:
            what, why, _ = translated_error(error_from_json(failure.error or {}))
            lines.append(f"{what} {why}")
        if len(failures) > len(lines):
            lines.append(tr("and {count} more").format(count=len(failures) - len(lines)))
        self.details.setText("\n".join(lines))

    def _fill_models(self) -> None:
        settings, models = self._workstation.settings, self._workstation.knowledge.models
        self.embedder.clear()
        self.embedder.addItem(tr("Yanmo's own (English and Chinese)"), "")
        for card in models.embedders():
            self.embedder.addItem(card.name, card.id)
        self.embedder.setCurrentIndex(max(0, self.embedder.findData(settings.get("knowledge.embedder"))))
        self.reranker.clear()
        self.reranker.addItem(tr("None"), "")
        self.reranker.addItem(tr("The first that is here"), "auto")
        for card in models.rerankers():
            self.reranker.addItem(card.name, card.id)
        self.reranker.setCurrentIndex(max(0, self.reranker.findData(settings.get("knowledge.reranker"))))

    def _choose(self, key: str, box: QComboBox) -> None:
        self._workstation.settings.set(key, str(box.currentData()))
        if key == "knowledge.embedder":
            self._workstation.knowledge.update()

    def _paths(self) -> list[str]:
        return [state.path for state in self._states]

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, tr("Add a folder"))
        self._add([path] if path else [])

    def _choose_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Add files"))
        self._add(paths)

    def _add(self, paths: list[str]) -> None:
        try:
            for path in paths:
                self._workstation.knowledge.add(self._collection, Path(path))
        except UserFacingError as error:
            self.trouble.emit(error)

    def _take_out(self) -> None:
        path = self.list.value()
        if path is None:
            return
        try:
            self._workstation.knowledge.remove(self._collection, str(path))
        except UserFacingError as error:
            self.trouble.emit(error)

    def _delete(self) -> None:
        question = tr("Forget this collection? Its documents are not deleted.")
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel
        if QMessageBox.question(self, tr("Delete the collection"), question, buttons) == QMessageBox.StandardButton.Yes:
            self._workstation.knowledge.delete(self._collection)
            self.deleted.emit()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.list.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self.add_folder.setText(tr("Add a folder…"))
        self.add_files.setText(tr("Add files…"))
        self.update_now.setText(tr("Update"))
        self.take_out.setText(tr("Take out"))
        self.delete.setText(tr("Delete"))
        self.cancel.setText(tr("Cancel"))
        self._embedder_name.setText(tr("Passages are found by"))
        self._reranker_name.setText(tr("and ranked by"))
        self.embedder.setAccessibleName(tr("Passages are found by"))
        self.reranker.setAccessibleName(tr("and ranked by"))
        self.list.setAccessibleName(tr("Files and folders"))
        self.show_collection(self._collection)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def _row(state: RootState) -> Row:
    documents = tr("{count} documents").format(count=f"{state.documents:,}")
    passages = tr("{count} passages").format(count=f"{state.passages:,}")
    is_folder = Path(state.path).is_dir()
    if not state.is_there:
        badge, kind = tr("not there any more"), "error"
    elif state.failures:
        badge, kind = tr("{count} unreadable").format(count=len(state.failures)), "warning"
    else:
        badge, kind = "", ""
    subtitle = f"{documents}  ·  {passages}  ·  {Path(state.path).parent}"
    return Row(Path(state.path).name, subtitle, badge, kind, "folder" if is_folder else "file-text", state.path)
