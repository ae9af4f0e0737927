"""The first conversation, which waits in a new store and invites a question."""

from __future__ import annotations

from pathlib import Path

from app.store.conversations import Conversations
from app.store.messages import Messages
from backends.messages import TextPart

_TITLES = {"en": "Welcome to Yanmo", "zh": "欢迎使用研墨"}


def ensure_first_conversation(conversations: Conversations, messages: Messages, prompts: Path, language: str) -> str | None:
    """Make it where there has never been a conversation; returns its id, none where there has been one.

    ``language`` is a locale name: whatever begins with ``zh`` is Chinese, anything else English.
    """
    if not conversations.is_empty():
        return None
    code = "zh" if language.lower().startswith("zh") else "en"
    greeting = (prompts / f"welcome.{code}.md").read_text(encoding="utf-8").strip()
    conversation = conversations.create(title=_TITLES[code], preset="Deterministic")  # the small model is best at its surest
    messages.append(conversation.id, None, "assistant", (TextPart(greeting),))
    return conversation.id
