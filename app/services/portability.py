"""Takes conversations out of the store as files, and reads such files back, whole or not at all."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from app.store.attachments import Attachments
from app.store.connections import Connections
from app.store.conversations import Conversations, insert_conversation, make_id
from app.store.messages import Messages, run_card_from_json
from app.store.records import Conversation, MessageState, StoredMessage
from app.text.document import (
    ATTACHMENT_SCHEME,
    ENGLISH,
    Document,
    ExportedAttachment,
    ExportedConversation,
    ExportedMessage,
    Labels,
    iter_attachment_names,
)
from app.text.export import ExportFormat, export
from app.text.import_chats import read_json
from backends.messages import AudioPart, FilePart, ImagePart, Part, PassagePart
from models.errors import ConversationNotFound, ImportFailed, StoreError

_OWN_FIELDS = ("id", "messages", "active_leaf")
_SHARED_FIELDS = tuple(field.name for field in fields(ExportedConversation) if field.name not in _OWN_FIELDS)


@dataclass(frozen=True, slots=True)
class Imported:
    """The ids of the conversations that an import added, and how many were already here."""

    added: tuple[str, ...]
    already_here: int


class Portability:
    """Thread-safe."""

    def __init__(
        self, connections: Connections, conversations: Conversations, messages: Messages, attachments: Attachments
    ) -> None:
        self._connections = connections
        self._conversations = conversations
        self._messages = messages
        self._attachments = attachments

    def export(self, kind: ExportFormat, conversation_ids: Iterable[str] | None = None, labels: Labels = ENGLISH) -> str:
        """The text of a file: of the conversations named, else of all that are not in the trash, the archive included."""
        return export(self.make_document(conversation_ids), kind, labels)

    def export_to(
        self, path: Path, kind: ExportFormat, conversation_ids: Iterable[str] | None = None, labels: Labels = ENGLISH
    ) -> Path:
        """Write the file, or one with a name of its own in a folder; returns its path. An old one stays until the new is whole.

        Raises:
            StoreError: it cannot be written there.
        """
        if path.is_dir():
            path = path / f"yanmo-{datetime.now():%Y-%m-%d-%H%M%S}.{kind}"
        text = self.export(kind, conversation_ids, labels)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            temporary.write_text(text, encoding="utf-8", newline="\n")
            temporary.replace(path)
        except OSError as error:
            raise StoreError(reason=f"{path}: {error.strerror or error}.") from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return path

    def import_file(self, path: Path, *, copies: bool = False) -> list[str]:
        """As :meth:`import_and_count`; returns the ids of what was added."""
        return list(self.import_and_count(path, copies=copies).added)

    def import_and_count(self, path: Path, *, copies: bool = False) -> Imported:
        """Add the conversations of a JSON export; one that is already here is added again only with ``copies``.

        Raises:
            ImportFailed: nothing was added.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ImportFailed(file=path.name, reason=f"{error.strerror or error}.") from error
        except UnicodeDecodeError:
            raise ImportFailed(file=path.name, reason="It is not a text in UTF-8.") from None
        document = read_json(text, path.name)
        new = tuple(one for one in document.conversations if copies or not self._is_here(one))
        added = self.import_document(replace(document, conversations=new)) if new else []
        return Imported(tuple(added), len(document.conversations) - len(new))

    def import_document(self, document: Document) -> list[str]:
        """Add every conversation of a document in one transaction; returns their ids."""
        paths = {
            sha256: self._attachments.add_bytes(file.data, file.name, file.mime).path
            for sha256, file in document.attachments.items()
        }
        with self._connections.write():
            return [self._insert(conversation, paths) for conversation in document.conversations]

    def make_document(self, conversation_ids: Iterable[str] | None = None) -> Document:
        """The conversations as values."""
        if conversation_ids is None:
            chosen = [*self._conversations.list(), *self._conversations.list(archived=True)]
        else:
            chosen = [self._conversations.get(conversation_id) for conversation_id in conversation_ids]
        exported = tuple(self._take_out(conversation) for conversation in chosen)
        names = iter_attachment_names(message for conversation in exported for message in conversation.messages)
        files = {name: file for name in names if (file := self._read_file(name)) is not None}
        return Document(tuple(_without_lost(item, files) for item in exported), files)

    def _take_out(self, conversation: Conversation) -> ExportedConversation:
        messages = tuple(
            ExportedMessage(
                id=stored.id,
                parent_id=stored.parent_id,
                role=stored.role,
                parts=tuple(self._name_file(part) for part in stored.parts),
                state=stored.state,
                created_at=stored.created_at,
                run=asdict(stored.run) if stored.run else None,
                error=stored.error,
            )
            for stored in self._messages.tree(conversation.id)
        )
        shared = {name: getattr(conversation, name) for name in _SHARED_FIELDS}
        leaf = self._messages.active_leaf(conversation.id)
        return ExportedConversation(id=conversation.id, messages=messages, active_leaf=leaf, **shared)

    def _insert(self, exported: ExportedConversation, paths: dict[str, str]) -> str:
        ids = self._choose_ids(exported)
        shared = {name: getattr(exported, name) for name in _SHARED_FIELDS}
        with self._connections.write() as connection:
            insert_conversation(connection, Conversation(id=ids[exported.id], **shared))
            for message in exported.messages:
                stored = StoredMessage(
                    id=ids[message.id],
                    conversation_id=ids[exported.id],
                    parent_id=ids[message.parent_id] if message.parent_id else None,
                    role=message.role,
                    parts=tuple(_place_file(part, paths) for part in message.parts),
                    state=cast(MessageState, message.state),
                    created_at=message.created_at,
                    run=run_card_from_json(message.run) if message.run else None,
                    error=message.error,
                )
                self._messages.insert(connection, stored)
            leaf = ids[exported.active_leaf] if exported.active_leaf else None
            connection.execute("UPDATE conversations SET active_leaf = ? WHERE id = ?", (leaf, ids[exported.id]))
        self._conversations.announce()
        return ids[exported.id]

    def _choose_ids(self, exported: ExportedConversation) -> dict[str, str]:
        """The same ids, or new ones for all where one of them is taken."""
        old = [exported.id, *(message.id for message in exported.messages)]
        is_taken = self._connections.row("SELECT 1 FROM conversations WHERE id = ?", (exported.id,)) is not None
        for start in range(0, len(old), 500):
            chunk = old[start : start + 500]
            marks = ", ".join("?" * len(chunk))
            is_taken = is_taken or bool(self._connections.rows(f"SELECT 1 FROM messages WHERE id IN ({marks}) LIMIT 1", chunk))
        return {name: make_id() if is_taken else name for name in old}

    def _is_here(self, exported: ExportedConversation) -> bool:
        """Whether a conversation with every message of it is here and not in the trash."""
        with contextlib.suppress(ConversationNotFound):
            if self._conversations.get(exported.id).deleted_at is None:
                here = {message.id for message in self._messages.tree(exported.id)}
                return here.issuperset(message.id for message in exported.messages)
        return False

    def _name_file(self, part: Part) -> Part:
        if not isinstance(part, ImagePart | AudioPart | FilePart | PassagePart):
            return part
        sha256 = self._attachments.hash_of(part.path)
        return replace(part, path=ATTACHMENT_SCHEME + sha256 if sha256 else "")

    def _read_file(self, sha256: str) -> ExportedAttachment | None:
        kept = self._attachments.get(sha256)
        if kept is None:
            return None
        try:
            return ExportedAttachment(sha256, kept.name, kept.mime, Path(kept.path).read_bytes())
        except OSError:
            return None


def _without_lost(conversation: ExportedConversation, files: dict[str, ExportedAttachment]) -> ExportedConversation:
    """Parts whose file is gone keep their words and lose their place."""

    def repair(part: Part) -> Part:
        if (
            isinstance(part, ImagePart | AudioPart | FilePart | PassagePart)
            and part.path.removeprefix(ATTACHMENT_SCHEME) not in files
        ):
            return replace(part, path="")
        return part

    messages = tuple(replace(message, parts=tuple(map(repair, message.parts))) for message in conversation.messages)
    return replace(conversation, messages=messages)


def _place_file(part: Part, paths: dict[str, str]) -> Part:
    if isinstance(part, ImagePart | AudioPart | FilePart | PassagePart) and part.path:
        return replace(part, path=paths[part.path.removeprefix(ATTACHMENT_SCHEME)])
    return part
