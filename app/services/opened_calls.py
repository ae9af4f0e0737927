"""A call of another program as a conversation of one's own, to go on with it."""

from __future__ import annotations

from app.services.request_log import RequestRecord
from app.store.conversations import Conversations
from app.store.messages import Messages
from backends.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    PassagePart,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_TITLE_LENGTH = 60


def open_call(record: RequestRecord, conversations: Conversations, messages: Messages) -> str:
    """A new conversation with everything that was asked and answered; its id.

    Tool calls and their results become text, for no tool is here to be called; pictures and sounds were not kept and leave their name.

    Raises:
        StoreError: it cannot be written.
    """
    request = record.request
    said = request.messages if request else ()
    system = "\n\n".join(message.text for message in said if message.role == "system")
    turns = [(message.role, _as_text(message)) for message in said if message.role != "system"]
    if request is not None and request.prompt:
        turns.append(("user", (TextPart(request.prompt),)))
    if record.text:
        turns.append(("assistant", (TextPart(record.text),)))
    title = next((part.text for role, parts in turns if role == "user" for part in parts if isinstance(part, TextPart)), "")
    made = conversations.create(
        title=" ".join(title.split())[:_TITLE_LENGTH] or record.path, model=record.reference, system_prompt=system
    )
    parent: str | None = None
    for role, parts in turns:
        shown: Role = "assistant" if role == "assistant" else "user"
        parent = messages.append(made.id, parent, shown, parts).id
    return made.id


def _as_text(message: Message) -> tuple[Part, ...]:
    return tuple(_replace(part) for part in message.parts)


def _replace(part: Part) -> Part:
    match part:
        case ToolCallPart(_, name, arguments):
            return TextPart(f"\n```json\n{name}({arguments})\n```\n")
        case ToolResultPart(_, content):
            return TextPart(f"```\n{content}\n```")
        case ImagePart() | AudioPart():
            return TextPart(f"[{part.mime}]")
        case FilePart() | PassagePart() | TextPart() | ReasoningPart():
            return part
