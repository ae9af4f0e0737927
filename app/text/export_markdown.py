"""The active branch of conversations as one Markdown text."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.text.document import ENGLISH, Document, ExportedConversation, ExportedMessage, Labels
from backends.messages import AudioPart, FilePart, ImagePart, Part, PassagePart, ReasoningPart, TextPart, ToolCallPart


def export_markdown(document: Document, labels: Labels = ENGLISH) -> str:
    """A heading for each conversation and each message; a message's own Markdown stays as it is."""
    return "\n\n---\n\n".join(_conversation(conversation, labels) for conversation in document.conversations) + "\n"


def _conversation(conversation: ExportedConversation, labels: Labels) -> str:
    title = " ".join(conversation.title.split()) or labels.untitled
    day = datetime.fromtimestamp(conversation.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    sections = [f"# {title}", f"*{day}*"]
    if conversation.system_prompt.strip():
        sections.append(f"## {labels.system}\n\n{conversation.system_prompt.strip()}")
    sections += [_message(message, labels) for message in conversation.active_branch()]
    return "\n\n".join(sections)


def _message(message: ExportedMessage, labels: Labels) -> str:
    pieces = [f"## {labels.of(message.role)}"]
    pieces += [text for part in message.parts if (text := _part(part, labels))]
    return "\n\n".join(pieces)


def _part(part: Part, labels: Labels) -> str:
    match part:
        case TextPart(text):
            return text.strip()
        case ReasoningPart(text):
            return "\n".join([f"> *{labels.reasoning}*", ">", *(f"> {line}".rstrip() for line in text.strip().splitlines())])
        case FilePart(_, name, text):
            return f"**{_plain(name)}**\n\n{_fenced(text)}"
        case PassagePart(number, _, name, place, text):
            return f"**\\[{number}\\] {_plain(f'{name}, {place}')}**\n\n{_fenced(text)}"
        case ImagePart(_, _, name):
            return f"*[{labels.image}: {_plain(name)}]*"
        case AudioPart(_, _, name):
            return f"*[{labels.audio}: {_plain(name)}]*"
        case ToolCallPart(_, name, arguments):
            return f"`{_plain(name)}`\n\n{_fenced(arguments)}"
        case _:
            return _fenced(part.content)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]])", r"\\\1", " ".join(text.split()))
