"""Documents that are attached to a draft: read and weighed while the message is being written, and as much of each as is chosen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.gui.chat.composer import IMAGE_SUFFIXES, SOUND_SUFFIXES
from app.gui.chat.document_dialog import DocumentDialog
from app.gui.knowledge.words import count_words
from app.gui.translation import tr, translated_error
from app.services.documents import DocumentChoice, Weighed, room_in
from app.workstation import Workstation
from backends.messages import Part
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class DocumentDesk(QObject):
    """Joins the composer's documents to the service.

    Thread contract: ``_weigh`` runs in a lane of the jobs, everything else on the window's thread.
    """

    _came = Signal(str, object)

    def __init__(self, workstation: Workstation, page: ChatPage) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page
        self._choices: dict[str, DocumentChoice] = {}
        self._found: dict[str, Weighed | UserFacingError] = {}
        self._asked: set[str] = set()
        self._then: Callable[[], None] | None = None
        self._came.connect(self._hear)
        page.composer.paths_changed.connect(self.look)
        page.composer.document_opened.connect(self.open_choice)

    def look(self) -> None:
        """Something was attached or taken away, or another model counts now."""
        present = set(self._page.composer.paths())
        for path in [path for path in self._found if path not in present]:
            self._found.pop(path)
            self._choices.pop(path, None)
        for path in present:
            if Path(path).is_file() and self._is_document(path) and path not in self._found and path not in self._asked:
                self._ask(path)
            self._show(path)

    def count_again(self) -> None:
        """Another model is in memory: its tokens are others."""
        self._found.clear()
        self.look()

    def choose(self, path: str, choice: DocumentChoice) -> None:
        """Read so much of a document."""
        self._choices[path] = choice
        self._found.pop(path, None)
        self._ask(path)
        self._show(path)

    def choice_of(self, path: str) -> DocumentChoice:
        """How much of a document is read."""
        return self._choices.get(path, DocumentChoice())

    def is_ready(self, paths: Sequence[str], then: Callable[[], None]) -> bool:
        """Whether all documents are read; where not, ``then`` is called when they are."""
        waiting = [path for path in paths if self._is_document(path) and path in self._asked]
        self._then = then if waiting else None
        if waiting:
            self._page.notice.say(
                tr("{file} is being read; the message goes when that is done.").format(file=Path(waiting[0]).name)
            )
        return not waiting

    def parts_of(self, path: str) -> list[Part]:
        """What a file is sent as.

        Raises:
            UserFacingError: it cannot be sent.
        """
        if not self._is_document(path):
            return [self._page.attaching.part_of(path)]
        found = self._found.get(path)
        if isinstance(found, UserFacingError):
            raise found
        return list(self._workstation.documents.make_parts(path, self.choice_of(path)))

    def draft_tokens(self) -> int:
        """Tokens of the documents that are attached."""
        return sum(found.tokens for found in self._found.values() if isinstance(found, Weighed))

    def open_choice(self, path: str) -> None:
        """Let the person choose how much of a document is read."""
        found = self._found.get(path)
        if not isinstance(found, Weighed):
            return
        facts = self._workstation.engines.current()
        dialog = DocumentDialog(found, self.choice_of(path), self._room(), bool(facts and facts.can_see), self._page.window())
        if dialog.exec():
            self.choose(path, dialog.choice())

    def _is_document(self, path: str) -> bool:
        return Path(path).suffix.lower() not in (*IMAGE_SUFFIXES, *SOUND_SUFFIXES) and self._workstation.documents.is_document(
            path
        )

    def _room(self) -> int:
        """Tokens that are free for documents; 0 where nobody knows."""
        facts = self._workstation.engines.current()
        used = self._page.composer.context.usage[0] - self.draft_tokens()
        return room_in(facts.context_length, max(0, used)) if facts is not None and facts.context_length else 0

    def _ask(self, path: str) -> None:
        self._asked.add(path)
        self._workstation.jobs.submit("media", partial(self._weigh, path, self.choice_of(path)), "document")

    def _weigh(self, path: str, choice: DocumentChoice, is_cancelled: Callable[[], bool]) -> None:
        found: Weighed | UserFacingError
        try:
            found = self._workstation.documents.weigh(path, choice, is_cancelled)
        except UserFacingError as error:
            found = error
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._came.emit(path, found)

    @Slot(str, object)
    def _hear(self, path: str, found: object) -> None:
        self._asked.discard(path)
        if path in self._page.composer.paths():
            self._found[path] = found  # type: ignore[assignment]
            self._show(path)
            self._page.measure()
            if isinstance(found, UserFacingError):
                self._page.tell(found)
        if self._then is not None and not self._asked:
            then, self._then = self._then, None
            then()

    def _show(self, path: str) -> None:
        chip = self._page.composer.chip_of(path)
        if chip is None or not Path(path).is_file() or not self._is_document(path):
            return  # of a file that is gone the chip says so itself
        found = self._found.get(path)
        if found is None:
            if path in self._asked:
                chip.describe(tr("Reading…"))
            return
        if isinstance(found, UserFacingError):
            chip.describe(translated_error(found)[1], is_trouble=True)
            return
        words, is_too_long = self._describe(found, self.choice_of(path))
        chip.describe(words, can_open=True, is_trouble=is_too_long)
        chip.setToolTip("\n".join(found.document.notes))

    def _describe(self, found: Weighed, choice: DocumentChoice) -> tuple[str, bool]:
        if choice.mode == "search":
            return tr("searched for each question"), False
        if choice.mode == "pictures":
            return tr("pages as pictures"), False
        template = tr("{count} tokens") if found.is_exact else tr("about {count} tokens")
        pages = count_words(found.document.count, found.document.unit)
        if choice.mode == "pages":
            pages = tr("pages {pages} of {count}").format(pages=choice.pages, count=f"{found.document.count:,}")
        words = "  ·  ".join(piece for piece in (pages, template.format(count=f"{found.tokens:,}")) if piece)
        room = self._room()
        if room and found.tokens > room:
            return tr("{words}: too long, choose").format(words=words), True
        return words, False
