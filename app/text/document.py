"""Conversations as an export holds them: whole trees with their attachments, independent of any database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from backends.messages import Part, Role

ATTACHMENT_SCHEME = "attachment:"
"""Begins the path of a part whose file is in :attr:`Document.attachments`; the SHA-256 follows."""

EMBEDDED_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
"""Kinds of pictures that are written into a text for people; of others only the name."""


@dataclass(frozen=True, slots=True)
class ExportedMessage:
    """One node of the tree. Parts name files as ``attachment:<sha256>``, never by a place on a machine."""

    id: str
    parent_id: str | None
    role: Role
    parts: tuple[Part, ...]
    state: str
    created_at: float
    run: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ExportedConversation:
    """One conversation with every branch; parents come before children. Times are Unix seconds (UTC)."""

    id: str
    title: str
    created_at: float
    updated_at: float
    messages: tuple[ExportedMessage, ...]
    active_leaf: str | None = None
    folder: str = ""
    pinned: bool = False
    archived: bool = False
    system_prompt: str = ""
    model: str = ""
    preset: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    draft: str = ""
    title_is_automatic: bool = True

    def active_branch(self) -> list[ExportedMessage]:
        """From the first message to the active leaf; to the newest message where there is no such leaf."""
        by_id = {message.id: message for message in self.messages}
        current = by_id.get(self.active_leaf or "") or (self.messages[-1] if self.messages else None)
        branch: list[ExportedMessage] = []
        while current is not None:
            branch.append(current)
            current = by_id.get(current.parent_id or "")
        return branch[::-1]


@dataclass(frozen=True, slots=True)
class ExportedAttachment:
    """One file."""

    sha256: str
    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """What one export holds."""

    conversations: tuple[ExportedConversation, ...]
    attachments: dict[str, ExportedAttachment] = field(default_factory=dict)

    def attachment_of(self, path: str) -> ExportedAttachment | None:
        """The file that a part names."""
        return self.attachments.get(path.removeprefix(ATTACHMENT_SCHEME)) if path.startswith(ATTACHMENT_SCHEME) else None


@dataclass(frozen=True, slots=True)
class Labels:
    """Words that an export adds; a face gives them in its own language."""

    user: str = "You"
    assistant: str = "Assistant"
    system: str = "System"
    tool: str = "Tool"
    reasoning: str = "Reasoning"
    image: str = "Image"
    audio: str = "Audio"
    untitled: str = "Untitled"
    language: str = "en"

    def of(self, role: Role) -> str:
        """Who speaks."""
        return {"user": self.user, "assistant": self.assistant, "system": self.system, "tool": self.tool}[role]


ENGLISH = Labels()


def iter_attachment_names(messages: Iterable[ExportedMessage]) -> list[str]:
    """Every SHA-256 that the messages name, each once, in order."""
    found: dict[str, None] = {}
    for message in messages:
        for part in message.parts:
            path = getattr(part, "path", "")
            if path.startswith(ATTACHMENT_SCHEME):
                found[path.removeprefix(ATTACHMENT_SCHEME)] = None
    return list(found)
