"""What a person writes: sending, editing earlier messages, drafts that are never lost, pasted pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QObject
from PySide6.QtGui import QImage

from app.gui.translation import tr
from app.store.records import StoredMessage
from app.workstation import Workstation
from backends.messages import Part, PassagePart, TextPart
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class Writing(QObject):
    """Joins the composer to the chat service."""

    def __init__(self, workstation: Workstation, page: ChatPage) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page
        self._editing = ""
        self._edits: dict[str, str] = {}
        self._attached: dict[str, list[str]] = dict(workstation.settings.get("window.attachments", {}) or {})
        composer = page.composer
        composer.submitted.connect(self.submit)
        composer.draft_changed.connect(self._draft_changed)
        composer.edit_cancelled.connect(self._end_edit)
        composer.recall_requested.connect(self._edit_last)
        composer.refused.connect(self._say_refused)
        composer.image_pasted.connect(self._image_pasted)
        page.suggestions.chosen.connect(lambda question: self.submit(question, []))

    def submit(self, text: str, paths: list[str]) -> None:
        """Send a message, or the edit of one; on an error everything stays in the composer.

        Whether a reply still grows is asked here, of the service: the composer hears of the end a moment later.
        """
        if self._workstation.chat.is_busy(self._page.conversation_id):
            self._page.notice.say(tr("Wait until the reply ends, or stop it with Esc."))
            return
        self._page.inspector.flush()
        if not self._page.documents.is_ready(paths, lambda: self.submit(text, paths)):
            return
        try:
            if self._editing:
                self._submit_edit(text, paths)
                return
            parts: list[Part] = [part for path in paths for part in self._page.documents.parts_of(path)]
            if text:
                parts.append(TextPart(text))
            conversation = self._page.ensure_conversation()
            self._page.knowledge.keep_choice(conversation.id)
            self._workstation.chat.send(conversation.id, parts)
        except UserFacingError as error:
            self._page.tell(error)
            return
        self._page.composer.clear()
        self._forget_attachments()
        self._draft_changed("")
        self._page.transcript.scroll_to_end()

    def _submit_edit(self, text: str, paths: list[str]) -> None:
        message = self._workstation.messages.get(self._editing)
        if message.role == "user":
            parts: list[Part] = [part for part in message.parts if not isinstance(part, TextPart | PassagePart)]
            parts += [part for path in paths for part in self._page.documents.parts_of(path)]
            if text:
                parts.append(TextPart(text))
            self._workstation.chat.edit_and_send(message.id, parts)
        elif text:
            self._workstation.chat.edit_reply(message.id, text)
        else:
            return
        self._edits.pop(message.id, None)
        self._page.composer.clear()
        self._forget_attachments()
        self._end_edit()

    def edit(self, message: StoredMessage) -> None:
        """Put an earlier message into the composer."""
        self._page.composer.flush_draft()
        self._editing = message.id
        self._page.composer.begin_edit(self._edits.get(message.id, message.text), is_question=message.role == "user")

    def _end_edit(self) -> None:
        self._editing = ""
        conversation = self._page.conversation
        self._page.composer.end_edit(conversation.draft if conversation else "")

    def _edit_last(self) -> None:
        asked = [model.message for model in self._page.transcript.models() if model.message.role == "user"]
        if asked and not self._workstation.chat.is_busy(self._page.conversation_id):
            self.edit(asked[-1])

    def leave(self) -> None:
        """Another conversation is opened: keep the draft, the attachments, and an edit that was begun."""
        composer = self._page.composer
        composer.flush_draft()
        self._remember_attachments(composer.paths())
        if self._editing:
            self._edits[self._editing] = composer.text.toPlainText()
            self._editing = ""
            self._page.composer.end_edit()

    def show_attachments(self) -> None:
        """Show what is attached to the draft of the conversation that was opened."""
        self._page.composer.set_paths(self._attached.get(self._page.conversation_id, []))

    def _remember_attachments(self, paths: list[str]) -> None:
        before = self._attached.get(self._page.conversation_id, [])
        if paths == before or not (self._page.conversation_id or paths):
            return
        if paths:
            self._attached[self._page.ensure_conversation().id] = paths
        else:
            self._attached.pop(self._page.conversation_id, None)
        self._workstation.settings.set("window.attachments", self._attached)

    def _forget_attachments(self) -> None:
        if self._attached.pop(self._page.conversation_id, None) is not None:
            self._workstation.settings.set("window.attachments", self._attached)

    def _draft_changed(self, text: str) -> None:
        conversation = self._page.conversation
        if conversation is None and not text.strip():
            return
        if conversation is None or conversation.draft != text:
            self._page.change(draft=text)
        self._page.measure()

    def _say_refused(self, path: str) -> None:
        self._page.notice.say(tr("{file} is not a file that can be attached.").format(file=path))

    def _image_pasted(self, image: QImage) -> None:
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")  # type: ignore[call-overload]
        kept = self._workstation.attachments.add_bytes(bytes(buffer.data().data()), tr("pasted picture") + ".png", "image/png")
        self._page.composer.add_paths([kept.path])
