"""The chat page's part about models: choosing, loading, adding, verifying, and showing what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from app.gui.error_card import make_error_card
from app.gui.translation import tr, tr_notice
from app.services.events import ModelFailed, ModelLoaded, ModelLoading, ModelUnloaded
from app.workstation import Workstation
from backends.devices import list_engine_devices
from backends.options import LoadOptions
from models.errors import LoadCancelled, UserFacingError

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class ModelControl(QObject):
    """Joins picker, load panel and error cards to the engines. ``problems`` is the strip where an error is shown."""

    verified = Signal(object)
    devices_found = Signal(object)

    def __init__(self, workstation: Workstation, page: ChatPage, problems: QVBoxLayout) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page
        self._problems = problems
        self._card: QWidget | None = None
        picker, panel, engines = page.picker, page.inspector.load_panel, workstation.engines
        picker.menu_wanted.connect(self.open_menu)
        picker.model_chosen.connect(self.choose)
        picker.cancel_requested.connect(engines.cancel_load)
        picker.unload_requested.connect(engines.unload)
        picker.open_file_requested.connect(self.add_file)
        panel.load_requested.connect(self._reload)
        panel.unload_requested.connect(engines.unload)
        panel.devices.devices_wanted.connect(self._find_devices)
        self.devices_found.connect(panel.show_devices)
        self.verified.connect(self._show_verified)
        self.show_engine()

    def show_options(self) -> None:
        """Show how the model in memory is loaded the next time."""
        engines = self._workstation.engines
        if engines.current_model:
            self._page.inspector.load_panel.show_options(engines.options_for(engines.current_model))

    def open_menu(self) -> None:
        """Show the models to choose from under the picker."""
        picker = self._page.picker
        menu = picker.open_menu(self._workstation.library.list_models(), self._workstation.engines.current_model)
        menu.exec(picker.mapToGlobal(picker.rect().bottomLeft()))
        menu.deleteLater()

    def choose(self, reference: str) -> None:
        """Load a model, and let the open conversation be answered by it."""
        try:
            self._workstation.engines.load(reference)
            self._page.remember_model(reference)
        except UserFacingError as error:
            self._page.tell(error)

    def add_file(self) -> None:
        """Ask for a GGUF file, add it to the library where it lies, and load it."""
        path, _ = QFileDialog.getOpenFileName(self._page, tr("Add a GGUF file"), "", tr("GGUF models (*.gguf);;All files (*)"))
        if path:
            self.import_file(path)

    def import_file(self, path: str) -> None:
        """Add a model file where it lies, then load it."""
        try:
            card = self._workstation.library.import_model(Path(path))
        except UserFacingError as error:
            self.show_problem(error)
            return
        self.choose(card.id)

    def verify(self, reference: str) -> None:
        """Read the whole file in the background and say whether it is what it was."""

        def job(_is_cancelled: object) -> None:
            try:
                result: object = self._workstation.library.verify(reference)
            except UserFacingError as error:
                result = error
            self.verified.emit(result)

        self._page.notice.say(tr("Reading the whole file…"))
        self._workstation.jobs.submit("disk", job, "verify")

    def _show_verified(self, result: object) -> None:
        if isinstance(result, UserFacingError):
            self._page.tell(result)
            return
        words = {
            "changed": tr("{model} has changed since it was last verified: download it again."),
            "unchanged": tr("{model} is unchanged: every byte is as it was."),
        }.get(str(getattr(result, "state", "")), tr("{model} was read completely and its hash is kept."))
        self._page.notice.say(words.format(model=getattr(getattr(result, "card", None), "name", "")))

    def _find_devices(self) -> None:
        """Ask the engine for its devices in the background: it is tried in a process of its own, which takes a second."""
        self._workstation.jobs.submit("disk", lambda _is_cancelled: self.devices_found.emit(list_engine_devices()), "devices")

    def _reload(self, options: LoadOptions) -> None:
        engines = self._workstation.engines
        try:
            engines.load(engines.current_model or engines.default_model(), options)
        except UserFacingError as error:
            self._page.tell(error)

    # ---- showing

    def show_engine(self) -> None:
        """Show what is in memory now."""
        engines = self._workstation.engines
        facts = engines.current()
        name = facts.name if facts else ""
        self._page.picker.show_model(name, facts.quantization if facts else "")
        self._page.composer.set_model(name)
        self._page.inspector.load_panel.show_loaded(facts)
        if engines.current_model:
            self.show_options()

    def hear(self, event: ModelLoading | ModelLoaded | ModelUnloaded | ModelFailed) -> None:
        """Show what became of a load."""
        self.clear_problem()
        if isinstance(event, ModelLoading):
            self._page.picker.show_progress(self.name_of(event.model), event.fraction)
            self._page.transcript.show_loading(event.fraction)
            return
        self.show_engine()
        if isinstance(event, ModelLoaded) and event.facts.notice:
            self._page.notice.say(tr_notice(event.facts.notice))
        if isinstance(event, ModelFailed) and not isinstance(event.error, LoadCancelled):
            self._page.picker.show_failure(self.name_of(event.model))
            if not self._page.transcript.is_growing:  # the reply that waited for the model will show the error in its place
                self.show_problem(event.error)

    def name_of(self, reference: str) -> str:
        """A model's name, or the reference itself where the library does not know it."""
        try:
            return self._workstation.library.find(reference).name
        except UserFacingError:
            return Path(reference).name

    def show_problem(self, error: UserFacingError) -> None:
        """Put an error's card above the transcript."""
        self.clear_problem()
        card = make_error_card(error, self._page.tokens, self._page)
        card.fix_requested.connect(self._page.message_actions.apply_fix)
        self._problems.addWidget(card)
        self._card = card

    def clear_problem(self) -> None:
        """Take the card away."""
        if self._card is not None:
            self._card.hide()
            self._card.deleteLater()
            self._card = None
