"""The chat page: joins sidebar, transcript, composer and inspector to the services."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QToolButton, QVBoxLayout, QWidget

from app.gui.chat.attaching import Attaching
from app.gui.chat.composer import Composer
from app.gui.chat.conversation_actions import ConversationActions
from app.gui.chat.document_desk import DocumentDesk
from app.gui.chat.hearing import Hearing
from app.gui.chat.inspector import Inspector
from app.gui.chat.knowledge_choice import KnowledgeChoice
from app.gui.chat.message_actions import MessageActions
from app.gui.chat.model_control import ModelControl
from app.gui.chat.model_picker import ModelPicker
from app.gui.chat.sidebar import Sidebar
from app.gui.chat.suggestions import Suggestions
from app.gui.chat.thumbnails import Thumbnails
from app.gui.chat.top_bar import TopBar
from app.gui.chat.transcript import Transcript
from app.gui.chat.writing import Writing
from app.gui.icons import make_icon
from app.gui.notices import Notice
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr, translated_error
from app.store.records import Conversation, Preset
from app.workstation import Workstation
from models.errors import UserFacingError

NARROW = 1080
"""Pixels of window below which the panel at the right has no room."""


class ChatPage(QWidget):
    """One conversation at a time; the services do the work, this page shows it."""

    title_changed = Signal(str)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        self.tokens = tokens
        self._conversation: Conversation | None = None
        self._measured = ""
        self.sidebar = Sidebar(workstation, tokens, self)
        self.thumbnails = Thumbnails(workstation, self)
        self.transcript = Transcript(tokens, workstation.chat.live_text, self, thumbnails=self.thumbnails)
        self.composer = Composer(tokens, self)
        self.suggestions = Suggestions(self)
        self.inspector = Inspector(tokens, self)
        self.picker = ModelPicker(tokens, self)
        self.top_bar = TopBar(self.picker, tokens, self)
        self.notice = Notice(self)
        self.actions_on = ConversationActions(workstation, self)
        self.message_actions = MessageActions(workstation, self)
        self.attaching = Attaching(workstation, self, self.thumbnails)
        self.documents, self.knowledge = DocumentDesk(workstation, self), KnowledgeChoice(workstation, self)
        self.writing = Writing(workstation, self)
        self.models = ModelControl(workstation, self, self._arrange())
        self.hearing = Hearing(workstation, self)
        self._connect()
        self.retheme(tokens)
        self.retranslate()
        self.sidebar.refresh()

    # ---- layout

    def _arrange(self) -> QVBoxLayout:
        """Lay the page out; returns the strip for problems above the transcript."""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.sidebar)
        centre = QVBoxLayout()
        centre.setSpacing(0)
        centre.addWidget(self.top_bar)
        problems = QVBoxLayout()
        problems.setContentsMargins(24, 0, 24, 0)
        centre.addLayout(problems)
        centre.addWidget(self.transcript, 1)
        row = QHBoxLayout()
        row.setContentsMargins(24, 4, 24, 16)
        row.addStretch(1)
        below = QWidget(self)
        below.setMaximumWidth(Sizes.COMPOSER)
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.suggestions)
        column.addWidget(self.composer)
        row.addWidget(below, 100)
        row.addStretch(1)
        centre.addLayout(row)
        layout.addLayout(centre, 1)
        layout.addWidget(self.inspector)
        self._to_end = QToolButton(self)
        self._to_end.setStyleSheet("border-radius: 16px;")
        self._to_end.setFixedSize(32, 32)
        self._to_end.clicked.connect(self.transcript.scroll_to_end)
        self._to_end.hide()
        return problems

    def _connect(self) -> None:
        self.sidebar.new_requested.connect(self.new_conversation)
        self.sidebar.fold_requested.connect(self.toggle_sidebar)
        self.sidebar.chosen.connect(self.open_conversation)
        self.sidebar.hit_chosen.connect(self.open_hit)
        self.sidebar.renamed.connect(self._workstation.conversations.rename)
        self.sidebar.action.connect(self.actions_on.run)
        self.transcript.action_requested.connect(self.message_actions.run)
        self.transcript.at_end_changed.connect(self._show_to_end)
        self.composer.stop_requested.connect(self.stop)
        self.inspector.changed.connect(self._settings_changed)
        self.inspector.preset_save_requested.connect(self._save_preset)
        self.inspector.preset_delete_requested.connect(self._delete_preset)
        self.top_bar.sidebar_toggled.connect(self.toggle_sidebar)
        self.top_bar.inspector_toggled.connect(self.toggle_inspector)
        self.top_bar.menu_requested.connect(self._open_menu)

    # ---- conversations

    @property
    def conversation(self) -> Conversation | None:
        """The conversation that is open, if it is stored already."""
        return self._conversation

    @property
    def conversation_id(self) -> str:
        """The conversation that is open, or empty."""
        return self._conversation.id if self._conversation else ""

    def new_conversation(self) -> None:
        """Show an empty conversation; it is stored with its first message."""
        self._leave()
        self._conversation = None
        self._workstation.settings.set("window.conversation", "")
        self.sidebar.list.set_current("")
        self._show_conversation()
        self.composer.text.setFocus()

    def open_conversation(self, conversation_id: str) -> bool:
        """Show a stored conversation; false where it does not exist any more."""
        self._leave()
        try:
            self._conversation = self._workstation.conversations.get(conversation_id)
        except UserFacingError as error:
            self.tell(error)
            return False
        self._workstation.settings.set("window.conversation", conversation_id)
        self.sidebar.list.set_current(conversation_id)
        self._show_conversation()
        return True

    def open_hit(self, conversation_id: str, message_id: str) -> None:
        """Open a conversation at a message that a search found, on whatever branch it lies."""
        if message_id:
            try:
                self._workstation.messages.select(message_id)
            except UserFacingError as error:
                self.tell(error)
                return
        if self.open_conversation(conversation_id) and message_id:
            self.transcript.scroll_to_message(message_id)

    def _leave(self) -> None:
        """Before another conversation is shown: keep the draft and end an edit; one that nobody used is not kept."""
        self.inspector.flush()
        self.writing.leave()
        self.models.clear_problem()
        conversation = self._conversation
        if conversation is None:
            return
        is_used = conversation.draft.strip() or conversation.folder or conversation.pinned or conversation.archived
        is_named = conversation.title or conversation.options or conversation.system_prompt
        if not is_used and not is_named and not self.composer.paths() and not self._workstation.messages.path(conversation.id):
            self._conversation = None
            self._workstation.conversations.delete(conversation.id)
            self._workstation.conversations.purge(conversation.id)

    def _show_conversation(self) -> None:
        conversation = self._conversation
        self.composer.set_text(conversation.draft if conversation else "")
        self.writing.show_attachments()
        self.read_messages()
        self.show_settings()
        self._show_title()
        self.measure()

    def read_messages(self) -> None:
        """Show the active branch as the store has it now."""
        if self._conversation is None:
            self.transcript.show_messages(())
            self.composer.set_busy(False)
            self.suggestions.show()
            return
        messages = self._workstation.messages.path(self._conversation.id)
        self.transcript.set_fallback_name(
            self.models.name_of(self._conversation.model or self._workstation.engines.default_model())
        )
        self.suggestions.setVisible(not any(message.role == "user" for message in messages))
        live = [
            (message.id, *self._workstation.chat.live_text(message.id)) for message in messages if message.state == "streaming"
        ]
        self.transcript.show_messages(messages, live)
        self.composer.set_busy(self._workstation.chat.is_busy(self._conversation.id))

    def show_settings(self) -> None:
        """Show how the open conversation, or a new one, is answered."""
        conversation = self._conversation or self._workstation.plan_conversation(self._workstation.engines.current_model)
        presets = self._workstation.presets.list()
        default = self._workstation.chat.options_of(replace(conversation, options={}))
        self.inspector.show_conversation(conversation, presets, default)

    def _show_title(self) -> None:
        title = (self._conversation.title if self._conversation else "") or tr("New chat")
        self.top_bar.title.set_full_text(title)
        self.title_changed.emit(title)

    def ensure_conversation(self) -> Conversation:
        """The open conversation, stored now if it was not yet."""
        if self._conversation is None:
            self._conversation = self._workstation.start_conversation(self._workstation.engines.current_model)
            self._workstation.settings.set("window.conversation", self._conversation.id)
            self.sidebar.list.set_current(self._conversation.id)
            self.show_settings()
        return self._conversation

    # ---- what the page's parts share

    def stop(self) -> None:
        """Stop the reply of this conversation; its words stay."""
        if self._conversation is not None:
            self._workstation.chat.stop(self._conversation.id)

    def measure(self) -> None:
        """Ask how full the context is with the draft; the answer comes as an event."""
        if self._conversation is not None and self._workstation.engines.state() == "ready":
            draft = self.composer.text.toPlainText().strip()
            if self._measured != self._conversation.id:
                self._measured = self._conversation.id
                self.show_context(0, 0)
            self._workstation.chat.measure_context(self._conversation.id, self.attaching.parts_with(draft))
        else:
            facts = self._workstation.engines.current()
            self.show_context(0, facts.context_length if facts else 0)

    def show_context(self, used: int, available: int) -> None:
        """Show how full the context is."""
        used += self.documents.draft_tokens()
        self.composer.context.show_usage(used, available)
        self.inspector.show_context(used, available)

    def change(self, **changes: Any) -> None:
        """Store changes to the open conversation, which is made now if it was not stored yet."""
        conversation = self.ensure_conversation()
        self._workstation.conversations.update(conversation.id, **changes)
        self._conversation = self._workstation.conversations.get(conversation.id)

    # ---- settings of the conversation

    def remember_model(self, reference: str) -> None:
        """Let the open conversation be answered by a model."""
        self.inspector.flush()
        if self._conversation is not None:
            self.change(model=reference)
        self.show_settings()

    def _settings_changed(self, changes: dict[str, Any]) -> None:
        try:
            self.change(**changes)
        except UserFacingError as error:
            self.tell(error)
            return
        if changes.get("preset"):
            self._workstation.settings.set("chat.preset", changes["preset"])
        if changes.get("preset"):
            self.show_settings()
        if "system_prompt" in changes:
            self.measure()

    def _save_preset(self, system_prompt: str, options: dict[str, Any]) -> None:
        name, is_given = QInputDialog.getText(self, tr("Save as preset"), tr("Name"))
        if not is_given or not name.strip():
            return
        try:
            self._workstation.presets.save(Preset(name.strip(), system_prompt, options))
            self._settings_changed({"preset": name.strip(), "options": {}})
        except UserFacingError as error:
            self.tell(error)

    def _delete_preset(self, name: str) -> None:
        try:
            self._workstation.presets.delete(name)
            self._settings_changed({"preset": "Balanced", "options": {}})
        except UserFacingError as error:
            self.tell(error)

    # ---- what happens elsewhere

    def refresh_conversation(self) -> None:
        """The list changed: read the open conversation again, and leave it if it is gone or in the trash."""
        self.sidebar.refresh()
        if self._conversation is None:
            return
        try:
            self._conversation = self._workstation.conversations.get(self._conversation.id)
        except UserFacingError:
            self._conversation = None
        if self._conversation is None or self._conversation.deleted_at is not None:
            self._conversation = None
            self.new_conversation()
            return
        self._show_title()

    def reopen_conversation(self) -> None:
        """A snapshot took the place of the data: show what it holds."""
        shown, self._conversation = self.conversation_id, None
        self.composer.clear()
        self.sidebar.refresh()
        try:
            self._workstation.conversations.get(shown)
        except UserFacingError:
            self.new_conversation()
            return
        self.open_conversation(shown)

    def tell(self, error: UserFacingError) -> None:
        """Say a small error in one line."""
        what, why, remedy = translated_error(error)
        self.notice.say(" ".join(part for part in (what, why, remedy) if part))

    # ---- looks and words

    def toggle_sidebar(self) -> None:
        """Fold the list away, or bring it back."""
        is_hidden = self.sidebar.isHidden()
        self.sidebar.setVisible(is_hidden)
        self.top_bar.unfold.setVisible(not is_hidden)
        self._workstation.settings.set("window.sidebar", is_hidden)

    def fit_width(self, width: int) -> None:
        """Fold the panel at the right away while the window is too narrow for it."""
        wanted = self._workstation.settings.get("window.inspector", True) is not False
        self.inspector.setVisible(wanted and width >= NARROW)

    def toggle_inspector(self) -> None:
        """Fold the panel at the right away, or bring it back."""
        self.inspector.setVisible(self.inspector.isHidden())
        self._workstation.settings.set("window.inspector", not self.inspector.isHidden())

    def _open_menu(self) -> None:
        if self._conversation is not None:
            menu = self.sidebar.make_menu(self._conversation)
            menu.exec(self.top_bar.menu.mapToGlobal(self.top_bar.menu.rect().bottomLeft()))
            menu.deleteLater()

    def _show_to_end(self, is_at_end: bool) -> None:
        self._to_end.setVisible(not is_at_end)
        self._place_to_end()

    def _place_to_end(self) -> None:
        corner = self.transcript.geometry()
        self._to_end.move(corner.center().x() - 16, corner.bottom() - 44)
        self._to_end.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_to_end()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.tokens = tokens
        self.transcript.retheme(tokens)
        for part in (self.sidebar, self.composer, self.inspector, self.picker, self.top_bar):
            part.retheme(tokens)
        self._to_end.setIcon(make_icon("arrow-down", tokens.text_soft))
        self._to_end.setStyleSheet(f"border-radius: 16px; background: {tokens.panel}; border: 1px solid {tokens.border_strong};")

    def retranslate(self) -> None:
        """Speak another language."""
        self._to_end.setToolTip(tr("To the end"))
        self._to_end.setAccessibleName(tr("To the end"))
        self._show_title()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def close_down(self) -> None:
        """Before the window closes: nothing that was written may be lost."""
        self._leave()
