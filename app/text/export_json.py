"""Conversations as JSON that loses nothing: every branch, every part, run cards, and attachments as base64."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from typing import Any

from app.text.document import Document, ExportedConversation, ExportedMessage
from backends.messages import part_to_json

FORMAT = "yanmo.conversations"
VERSION = 1


def export_json(document: Document) -> str:
    """The text of a file that :func:`app.text.import_chats.read_json` reads back equal."""
    value = {
        "format": FORMAT,
        "version": VERSION,
        "conversations": [_conversation(conversation) for conversation in document.conversations],
        "attachments": {
            sha256: {"name": file.name, "mime": file.mime, "data": base64.b64encode(file.data).decode("ascii")}
            for sha256, file in document.attachments.items()
        },
    }
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _conversation(conversation: ExportedConversation) -> dict[str, Any]:
    plain = {field.name: getattr(conversation, field.name) for field in fields(conversation) if field.name != "messages"}
    return {**plain, "messages": [_message(message) for message in conversation.messages]}


def _message(message: ExportedMessage) -> dict[str, Any]:
    plain = {field.name: getattr(message, field.name) for field in fields(message) if field.name != "parts"}
    return {**plain, "parts": [part_to_json(part) for part in message.parts]}
