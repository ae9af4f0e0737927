"""The rows of the store as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from backends.messages import Message, Part, Role, TextPart

MessageState = Literal["complete", "streaming", "stopped", "length", "failed", "interrupted"]
"""``streaming`` while it grows; ``stopped`` by the user; ``length`` cut at max tokens or context; ``interrupted`` found
unfinished at start (the program was killed)."""

SnapshotReason = Literal["daily", "migration", "manual"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. Times are Unix seconds (UTC). ``options`` is ``GenerationOptions.to_json()``, empty for the defaults."""

    id: str
    title: str
    created_at: float
    updated_at: float
    folder: str = ""
    pinned: bool = False
    archived: bool = False
    deleted_at: float | None = None
    system_prompt: str = ""
    model: str = ""
    preset: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    draft: str = ""
    title_is_automatic: bool = True


@dataclass(frozen=True, slots=True)
class RunCard:
    """How a reply was made; enough to make it again. Times in seconds, speed in tokens per second.

    ``accepted_tokens`` of ``drafted_tokens`` that were guessed ahead were right. ``unseen`` says what of the conversation the model
    did not see (:mod:`app.services.context_fit`), empty where it saw everything. ``sources`` are the passages that it was given, each
    with ``number``, ``path``, ``name``, ``place``, ``page``, ``line`` and ``text``.
    """

    model: str = ""
    model_sha256: str = ""
    architecture: str = ""
    quantization: str = ""
    backend: str = ""
    engine_version: str = ""
    device: str = ""
    context_length: int = 0
    seed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    tokens_per_second: float = 0.0
    first_token_seconds: float = 0.0
    total_seconds: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    unseen: dict[str, Any] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One node of a conversation's tree.

    ``sibling_index`` counts from 0 among the ``sibling_count`` children of the same parent, oldest first.
    ``error`` is ``UserFacingError.to_json()`` where the state is failed.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    parts: tuple[Part, ...]
    state: MessageState
    created_at: float
    run: RunCard | None = None
    error: dict[str, Any] | None = None
    sibling_index: int = 0
    sibling_count: int = 1

    @property
    def text(self) -> str:
        """The text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    def to_message(self) -> Message:
        """The pure value that an engine takes."""
        return Message(self.role, self.parts)


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that matches; ``snippet`` is plain text and ``ranges`` the (start, end) of each match in it."""

    conversation_id: str
    message_id: str
    title: str
    role: Role
    snippet: str
    ranges: tuple[tuple[int, int], ...]
    created_at: float


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file kept once, under its SHA-256."""

    sha256: str
    path: str
    name: str
    mime: str
    size: int


@dataclass(frozen=True, slots=True)
class Preset:
    """Named sampling settings and a system prompt. Built-in ones cannot be changed, only copied."""

    name: str
    system_prompt: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of the database. ``created_at`` Unix seconds, ``size`` bytes."""

    name: str
    path: str
    created_at: float
    size: int
    reason: SnapshotReason
