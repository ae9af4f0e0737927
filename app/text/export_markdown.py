"""The active branch of conversations as one Markdown text."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

from app.text.document import (
    EMBEDDED_PICTURES,
    ENGLISH,
    Document,
    ExportedAttachment,
    ExportedConversation,
    ExportedMessage,
    Labels,
)
from backends.messages import AudioPart, FilePart, ImagePart, Part, PassagePart, ReasoningPart, TextPart, ToolCallPart


def export_markdown(document: Document, labels: Labels = ENGLISH) -> str:
    """A heading for each conversation and each message; a message's own Markdown stays as it is.

    Pictures stand behind the last line, each once, where they disturb nobody who reads the text.
    """
    pictures: dict[str, str] = {}
    text = "\n\n---\n\n".join(_conversation(one, labels, document, pictures) for one in document.conversations)
    return "\n\n".join(piece for piece in (text, "\n".join(pictures.values())) if piece) + "\n"


def _conversation(conversation: ExportedConversation, labels: Labels, document: Document, pictures: dict[str, str]) -> str:
    title = " ".join(conversation.title.split()) or labels.untitled
    day = datetime.fromtimestamp(conversation.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    sections = [f"# {title}", f"*{day}*"]
    if conversation.system_prompt.strip():
        sections.append(f"## {labels.system}\n\n{conversation.system_prompt.strip()}")
    sections += [_message(message, labels, document, pictures) for message in conversation.active_branch()]
    return "\n\n".join(sections)


def _message(message: ExportedMessage, labels: Labels, document: Document, pictures: dict[str, str]) -> str:
    pieces = [f"## {labels.of(message.role)}"]
    for part in message.parts:
        file = document.attachment_of(part.path) if isinstance(part, ImagePart) else None
        if isinstance(part, ImagePart) and file is not None and part.mime in EMBEDDED_PICTURES:
            pieces.append(_picture(part, file, pictures))
        elif text := _part(part, labels):
            pieces.append(text)
    return "\n\n".join(pieces)


def _picture(part: ImagePart, file: ExportedAttachment, pictures: dict[str, str]) -> str:
    """What shows a picture; the picture itself is added to ``pictures``, as the definition that this refers to."""
    mark = f"picture-{file.sha256[:12]}"
    pictures[mark] = f"[{mark}]: data:{part.mime};base64,{base64.b64encode(file.data).decode('ascii')}"
    return f"![{_plain(part.name)}][{mark}]"


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
