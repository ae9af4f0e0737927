"""Conversations: the list a person sees, its folders and its trash."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any

from app.store.connections import Connections, storable
from app.store.damage import read_object
from app.store.records import Conversation
from models.errors import ConversationNotFound

_COLUMNS = (
    "id, title, created_at, updated_at, folder, pinned, archived, deleted_at, system_prompt, model, preset, options, draft, "
    "title_is_automatic"
)
_TEXT_FIELDS = frozenset({"system_prompt", "preset", "model", "draft", "folder", "title"})


ConversationList = list[Conversation]
FolderList = list[str]


class Conversations:
    """Thread-safe. ``on_changed`` is told after every change that the list shows, ``on_purged`` the ids of what is gone for good."""

    def __init__(
        self,
        connections: Connections,
        on_changed: Callable[[], None] = lambda: None,
        on_purged: Callable[[list[str]], None] = lambda ids: None,
    ) -> None:
        self._connections = connections
        self._on_changed = on_changed
        self._on_purged = on_purged

    def create(self, *, title: str = "", model: str = "", system_prompt: str = "", preset: str = "") -> Conversation:
        """Make an empty one. A title given here is not replaced by an automatic one."""
        now = time.time()
        conversation = Conversation(
            id=make_id(),
            title=storable(title),
            created_at=now,
            updated_at=now,
            system_prompt=storable(system_prompt),
            model=model,
            preset=preset,
            title_is_automatic=not title,
        )
        with self._connections.write() as connection:
            insert_conversation(connection, conversation)
        self._connections.tell(self._on_changed)
        return conversation

    def get(self, conversation_id: str) -> Conversation:
        """The conversation, in the trash or not.

        Raises:
            ConversationNotFound: no such id.
        """
        row = self._connections.row(f"SELECT {_COLUMNS} FROM conversations WHERE id = ?", (conversation_id,))
        if row is None:
            raise ConversationNotFound(id=conversation_id)
        return _conversation(row)

    def list(self, *, archived: bool = False) -> ConversationList:
        """Those in the archive, or those not in it; pinned first, then newest first; never the trash."""
        rows = self._connections.rows(
            f"SELECT {_COLUMNS} FROM conversations WHERE deleted_at IS NULL AND archived = ? "
            "ORDER BY pinned DESC, updated_at DESC, rowid DESC",
            (int(archived),),
        )
        return [_conversation(row) for row in rows]

    def trash(self) -> ConversationList:
        """Deleted ones, last deleted first."""
        rows = self._connections.rows(
            f"SELECT {_COLUMNS} FROM conversations WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, rowid DESC"
        )
        return [_conversation(row) for row in rows]

    def is_empty(self) -> bool:
        """Whether there has never been one, not even in the trash."""
        return self._connections.row("SELECT 1 FROM conversations LIMIT 1") is None

    def folders(self) -> FolderList:
        """The names of folders that hold a conversation, in alphabetical order."""
        rows = self._connections.rows(
            "SELECT DISTINCT folder FROM conversations WHERE folder != '' AND deleted_at IS NULL ORDER BY folder COLLATE NOCASE"
        )
        return [str(row[0]) for row in rows]

    def rename(self, conversation_id: str, title: str) -> None:
        """Give it a title; an empty one lets the next automatic title in."""
        self._change(conversation_id, title=title.strip(), title_is_automatic=int(not title.strip()))

    def set_automatic_title(self, conversation_id: str, title: str) -> None:
        """Give it a title unless a person did."""
        with self._connections.write() as connection:
            changed = connection.execute(
                "UPDATE conversations SET title = ? WHERE id = ? AND title_is_automatic = 1", (storable(title), conversation_id)
            ).rowcount
        if changed:
            self._connections.tell(self._on_changed)

    def set_pinned(self, conversation_id: str, pinned: bool) -> None:
        """Keep it on top, or not."""
        self._change(conversation_id, pinned=int(pinned))

    def set_folder(self, conversation_id: str, name: str) -> None:
        """Put it in a folder, which comes to be by that; an empty name takes it out."""
        self._change(conversation_id, folder=name.strip())

    def set_archived(self, conversation_id: str, archived: bool) -> None:
        """Put it in the archive, or take it out."""
        self._change(conversation_id, archived=int(archived))

    def delete(self, conversation_id: str) -> None:
        """Put it in the trash."""
        self._change(conversation_id, deleted_at=time.time())

    def restore(self, conversation_id: str) -> None:
        """Take it out of the trash."""
        self._change(conversation_id, deleted_at=None)

    def purge(self, conversation_id: str) -> None:
        """Remove it for good. Its attachments go with the next :meth:`Attachments.collect`."""
        with self._connections.write() as connection:
            _purge(connection, conversation_id)
        self._connections.tell(lambda: self._on_purged([conversation_id]))
        self._connections.tell(self._on_changed)

    def purge_trash(self, deleted_before: float) -> int:
        """Remove for good what was deleted before a moment (Unix seconds); returns how many."""
        with self._connections.write() as connection:
            rows = connection.execute("SELECT id FROM conversations WHERE deleted_at < ?", (deleted_before,)).fetchall()
            for row in rows:
                _purge(connection, row[0])
        if rows:
            self._connections.tell(lambda: self._on_purged([row[0] for row in rows]))
            self._connections.tell(self._on_changed)
        return len(rows)

    def list_ids(self) -> Iterable[str]:
        """The ids of all there are, those in the trash too."""
        return tuple(str(row[0]) for row in self._connections.rows("SELECT id FROM conversations"))

    def update(self, conversation_id: str, **changes: Any) -> None:
        """Change any of ``system_prompt preset options model draft``. A draft is not a change that the list shows."""
        columns: dict[str, Any] = {}
        for name, value in changes.items():
            if name == "options":
                columns[name] = json.dumps(value, ensure_ascii=False)
            elif name in _TEXT_FIELDS and isinstance(value, str):
                columns[name] = value
            else:
                raise TypeError(f"a conversation has no {name} that could be {value!r}")
        if columns:
            self._change(conversation_id, is_quiet=set(columns) == {"draft"}, **columns)

    def touch(self, conversation_id: str) -> None:
        """Something was said in it now."""
        with self._connections.write() as connection:
            touch_conversation(connection, conversation_id)

    def announce(self) -> None:
        """Tell that the list changed, after an import wrote rows itself."""
        self._connections.tell(self._on_changed)

    def _change(self, conversation_id: str, *, is_quiet: bool = False, **columns: Any) -> None:
        columns = {name: storable(value) if isinstance(value, str) else value for name, value in columns.items()}
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        with self._connections.write(durable=not is_quiet) as connection:
            changed = connection.execute(
                f"UPDATE conversations SET {assignments} WHERE id = :id", {**columns, "id": conversation_id}
            ).rowcount
        if not changed:
            raise ConversationNotFound(id=conversation_id)
        if not is_quiet:
            self._connections.tell(self._on_changed)


def make_id() -> str:
    """A new id for a conversation or a message: 128 random bits as hexadecimal digits."""
    return secrets.token_hex(16)


def insert_conversation(connection: sqlite3.Connection, conversation: Conversation) -> None:
    """Write a whole row, as an import does."""
    values = {name: getattr(conversation, name) for name in Conversation.__slots__}
    for name in ("pinned", "archived", "title_is_automatic"):
        values[name] = int(values[name])
    values["options"] = json.dumps(conversation.options, ensure_ascii=False)
    values = {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
    columns = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO conversations ({columns}) VALUES ({marks})", values)


def touch_conversation(connection: sqlite3.Connection, conversation_id: str) -> None:
    """Put it on top of the list, inside a transaction."""
    connection.execute("UPDATE conversations SET updated_at = ? WHERE id = ?", (time.time(), conversation_id))


def _purge(connection: sqlite3.Connection, conversation_id: str) -> None:
    connection.execute("DELETE FROM messages WHERE conversation_id = ?", (conversation_id,))
    connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        folder=row["folder"],
        pinned=bool(row["pinned"]),
        archived=bool(row["archived"]),
        deleted_at=row["deleted_at"],
        system_prompt=row["system_prompt"],
        model=row["model"],
        preset=row["preset"],
        options=read_object(row["options"]) if row["options"] != "{}" else {},
        draft=row["draft"],
        title_is_automatic=bool(row["title_is_automatic"]),
    )
