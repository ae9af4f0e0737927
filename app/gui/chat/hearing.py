"""What the chat page does when it hears that something happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.services.events import (
    ContextMeasured,
    ConversationChanged,
    ConversationsChanged,
    DataRestored,
    Event,
    ModelFailed,
    ModelLoaded,
    ModelLoading,
    ModelUnloaded,
    ReplyEnded,
    ReplyGrew,
    ReplyProgress,
    ReplyStarted,
    StoreTrouble,
)
from app.workstation import Workstation

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class Hearing(QObject):
    """Hands each event to the part of the page that shows it."""

    def __init__(self, workstation: Workstation, page: ChatPage) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page

    def hear(self, event: Event) -> None:
        """Show what happened."""
        page = self._page
        if isinstance(event, ReplyGrew | ReplyProgress | ReplyStarted | ReplyEnded | ConversationChanged | ContextMeasured):
            if event.conversation_id == page.conversation_id:
                self._hear_conversation(event)
            if isinstance(event, ReplyStarted | ReplyEnded):
                page.sidebar.list.delegate.busy = set(self._workstation.chat.busy_conversations())
                page.sidebar.list.viewport().update()
        elif isinstance(event, ConversationsChanged):
            page.refresh_conversation()
        elif isinstance(event, ModelLoading | ModelLoaded | ModelUnloaded | ModelFailed):
            page.models.hear(event)
            if isinstance(event, ModelLoaded):
                page.documents.count_again()
            page.attaching.look()
            page.measure()
        elif isinstance(event, DataRestored):
            page.reopen_conversation()
        elif isinstance(event, StoreTrouble):
            page.tell(event.error)

    def _hear_conversation(self, event: Event) -> None:
        page = self._page
        if isinstance(event, ReplyGrew):
            page.transcript.grow(event.message_id)
        elif isinstance(event, ReplyProgress):
            page.transcript.show_progress(event.message_id, event.done, event.total)
        elif isinstance(event, ReplyStarted | ConversationChanged):
            page.read_messages()
        elif isinstance(event, ReplyEnded):
            # An end may be heard after the next reply began: the service knows whether one grows now.
            page.composer.set_busy(self._workstation.chat.is_busy(event.conversation_id))
            if event.error is not None:
                page.models.clear_problem()
            page.transcript.finish(self._workstation.messages.get(event.message_id))
            page.measure()
        elif isinstance(event, ContextMeasured):
            page.show_context(event.used, event.available)
