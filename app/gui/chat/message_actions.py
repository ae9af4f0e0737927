"""What can be done with a message: copy, regenerate, continue, edit, turn to a sibling, mend an error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from app.gui.chat.run_card_dialog import RunCardDialog
from app.gui.chat.text_dialog import TextDialog
from app.gui.knowledge.source_viewer import SourceViewer
from app.gui.translation import tr
from app.services.prompts import write_out_passages
from app.store.records import StoredMessage
from app.workstation import Workstation
from backends.messages import PassagePart
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class MessageActions(QObject):
    """Runs an action by name on a message of the open conversation."""

    def __init__(self, workstation: Workstation, page: ChatPage) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page

    def run(self, action: str, message_id: str) -> None:
        """Do one action; user errors become a notice."""
        try:
            self._run(action, message_id)
        except UserFacingError as error:
            self._page.tell(error)

    def _run(self, action: str, message_id: str) -> None:
        chat, messages, page = self._workstation.chat, self._workstation.messages, self._page
        if action == "copied":
            page.notice.say(tr("Copied"))
        elif action == "copy":
            QApplication.clipboard().setText(messages.get(message_id).text)
            page.notice.say(tr("Copied"))
        elif action in ("regenerate", "fix:regenerate"):
            chat.regenerate(message_id)
        elif action == "continue":
            chat.continue_reply(message_id)
        elif action == "edit":
            page.writing.edit(messages.get(message_id))
        elif action in ("previous_sibling", "next_sibling"):
            self._turn(message_id, 1 if action == "next_sibling" else -1)
        elif action == "run_card":
            RunCardDialog(messages.get(message_id), page).exec()
        elif action == "show_all":
            TextDialog(messages.get(message_id).text, page).exec()
        elif action.startswith("source:"):
            self._open_source(messages.get(message_id), int(action.partition(":")[2]))
        elif action == "show_passages":
            self._show_passages(messages.get(message_id))
        elif action == "resized":
            page.transcript.measure_again()
        elif action.startswith("fix:"):
            self.apply_fix(action.partition(":")[2])

    def _open_source(self, message: StoredMessage, number: int) -> None:
        """Show where a passage stands that a reply was given."""
        for source in message.run.sources if message.run else ():
            if source.get("number") == number:
                named = (str(source["path"]), str(source["name"]), str(source["place"]), str(source["text"]))
                SourceViewer(self._workstation, self._page.tokens, named, int(source.get("page", 0)), self._page.window()).exec()

    def _show_passages(self, message: StoredMessage) -> None:
        """Show what a question was given, as the model reads it."""
        passages = [part for part in message.parts if isinstance(part, PassagePart)]
        TextDialog(write_out_passages(passages, message.text), self._page).exec()

    def _turn(self, message_id: str, step: int) -> None:
        siblings = self._workstation.messages.siblings(message_id)
        index = [message.id for message in siblings].index(message_id) + step
        if 0 <= index < len(siblings):
            self._workstation.messages.select(siblings[index].id)
            self._page.read_messages()

    def apply_fix(self, fix: str) -> None:
        """Do what the button of an error offers."""
        engines = self._workstation.engines
        conversation = self._page.conversation
        reference = (conversation.model if conversation else "") or engines.current_model or engines.default_model()
        options = engines.options_for(reference)
        facts = engines.current()
        is_loaded = facts is not None and engines.current_model == reference
        held = (facts.context_length if facts and is_loaded else 0) or options.context_length or 4096
        if fix == "reload_smaller_context":
            engines.load(reference, replace(options, context_length=max(512, held // 2)))
        elif fix == "reload_larger_context":
            engines.load(reference, replace(options, context_length=held * 2))
        elif fix == "reload_model":
            engines.load(reference)
        elif fix == "choose_model":
            self._page.models.open_menu()
        elif fix == "new_conversation":
            self._page.new_conversation()
        elif fix == "get_projector":
            self._page.attaching.fetch_projector(reference)
        elif fix == "verify_file":
            self._page.models.verify(reference)
        elif fix == "restore_snapshot":
            self._page.actions_on.show_snapshots()
