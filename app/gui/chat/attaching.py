"""Looks at what is attached while the message is still being written: what must be changed is said, and what cannot be sent is marked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from app.gui.chat import recorder
from app.gui.chat.composer import IMAGE_SUFFIXES, SOUND_SUFFIXES
from app.gui.chat.picture_view import show_pictures
from app.gui.chat.screen_region import ScreenPicker
from app.gui.chat.thumbnails import Thumbnails
from app.gui.models.background import Background
from app.gui.translation import tr, tr_reason, translated_error
from app.services.projector_download import fetch_projector
from app.workstation import Workstation
from backends.messages import Part, TextPart
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class Attaching(QObject):
    """Joins the composer's attachments to the store.

    Thread contract: ``_make`` runs in a lane of the jobs, everything else on the window's thread.
    """

    _came = Signal(str, object)

    def __init__(self, workstation: Workstation, page: ChatPage, thumbnails: Thumbnails) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page
        self._thumbnails = thumbnails
        self._ready: dict[str, Part | UserFacingError] = {}
        self._asked: set[str] = set()
        self._picker = ScreenPicker(page)
        self._fetching = Background(workstation.jobs, "network", self)
        self._came.connect(self._hear)
        composer = page.composer
        composer.thumbnails = thumbnails
        composer.paths_changed.connect(self.look)
        composer.picture_opened.connect(self._open)
        composer.screen_requested.connect(self._picker.pick)
        self._picker.taken.connect(self._keep_region)
        self._picker.refused.connect(lambda: page.notice.say(tr("This system does not let programs see the screen.")))
        composer.screen_button.setVisible(ScreenPicker.is_possible())
        composer.record.setVisible(recorder.is_possible())
        composer.record.recorded.connect(self._keep_recording)
        composer.record.refused.connect(self._say_deaf)

    def part_of(self, path: str) -> Part:
        """What a file is sent as.

        Raises:
            AttachmentRefused: it cannot be sent.
        """
        found = self._ready.get(path)
        if isinstance(found, UserFacingError):
            raise found
        return found if found is not None else self._workstation.attachments.make_part(path)

    def parts_with(self, text: str) -> list[Part]:
        """What would be sent now, as far as it was looked at: attachments that can be sent, and a text."""
        found = [self._ready.get(path) for path in self._page.composer.paths()]
        parts: list[Part] = [part for part in found if part is not None and not isinstance(part, UserFacingError)]
        return [*parts, TextPart(text)] if text else parts

    def look(self) -> None:
        """Something was attached or taken away, or another model is there."""
        paths = self._page.composer.paths()
        for gone in (self._asked | self._ready.keys()) - set(paths):  # attached again, it may be another file
            self._asked.discard(gone)
            self._ready.pop(gone, None)
        for path in paths:
            if path in self._asked or Path(path).suffix.lower() not in (*IMAGE_SUFFIXES, *SOUND_SUFFIXES):
                continue
            self._asked.add(path)
            self._workstation.jobs.submit("media", partial(self._make, path), "attachment")
        self._show_senses()
        for path, found in self._ready.items():
            self._mark(path, found)

    def fetch_projector(self, reference: str) -> None:
        """Bring the projector that a model lacks from where the model came."""
        station = self._workstation
        self._fetching.run(
            lambda: fetch_projector(station.hubs, station.downloads, station.library.find(reference)),
            lambda _download: self._page.notice.say(tr("The projector is on its way. Load the model again when it is here.")),
            self._page.tell,
        )

    def _make(self, path: str, is_cancelled: Callable[[], bool]) -> None:
        if is_cancelled():
            return
        found: Part | UserFacingError
        try:
            found = self._workstation.attachments.make_part(path)
        except UserFacingError as error:
            found = error
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._came.emit(path, found)

    @Slot(str, object)
    def _hear(self, path: str, found: object) -> None:
        self._asked.discard(path)
        if path not in self._page.composer.paths():
            return
        self._asked.add(path)
        if isinstance(found, UserFacingError):
            self._page.tell(found)
        else:
            notes = self._workstation.attachments.notes_on(found)  # type: ignore[arg-type]
            if notes:
                self._page.notice.say(" ".join(tr_reason(note) for note in notes))
        self._ready[path] = found  # type: ignore[assignment]
        self._mark(path, found)  # type: ignore[arg-type]
        self._page.measure()

    def _mark(self, path: str, found: Part | UserFacingError) -> None:
        if (tile := self._page.composer.tile_of(path)) is None:
            return
        if isinstance(found, UserFacingError):
            tile.show_trouble(" ".join(part for part in translated_error(found) if part), self._page.tokens)
        else:
            tile.describe(" ".join(tr_reason(note) for note in self._workstation.attachments.notes_on(found)))

    def _show_senses(self) -> None:
        """Say in time that the model in use cannot see or hear what is attached."""
        facts = self._workstation.engines.current()
        suffixes = {Path(path).suffix.lower() for path in self._page.composer.paths()}
        words = ""
        if facts is not None and not facts.can_see and suffixes & set(IMAGE_SUFFIXES):
            words = tr("{model} cannot see pictures. Choose a model that can see.").format(model=facts.name)
            if facts.lacks_projector:
                words = tr("{model} could see, but its projector is missing.").format(model=facts.name)
        elif facts is not None and not facts.can_hear and suffixes & set(SOUND_SUFFIXES):
            words = tr("{model} cannot hear sounds. Choose a model that can hear.").format(model=facts.name)
        self._page.composer.show_warning(words)

    def _open(self, path: str) -> None:
        pictures = [one for one in self._page.composer.paths() if Path(one).suffix.lower() in IMAGE_SUFFIXES]
        named = [(one, Path(one).name) for one in pictures]
        show_pictures(named, pictures.index(path), self._thumbnails, self._page.window())

    def _keep_recording(self, data: bytes) -> None:
        kept = self._workstation.attachments.add_bytes(data, tr("recording") + ".wav", "audio/wav")
        self._page.composer.add_paths([kept.path])

    def _say_deaf(self, reason: str) -> None:
        self._page.notice.say(tr("No microphone can be used: {reason}").format(reason=reason))

    def _keep_region(self, picture: QImage) -> None:
        self._page.composer.image_pasted.emit(picture)
