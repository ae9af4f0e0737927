"""Messages: a tree per conversation, of which one branch is active."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any, get_args

from app.store.attachments import Attachments
from app.store.connections import Connections, storable
from app.store.conversations import make_id, touch_conversation
from app.store.damage import DAMAGED_MESSAGE, UNREADABLE, read_object, rescue_words
from app.store.journal import Journal
from app.store.records import MessageState, RunCard, StoredMessage
from app.store.search import make_search_text
from backends.messages import Part, ReasoningPart, Role, TextPart, part_from_json, part_to_json
from models.errors import ConversationNotFound, UserFacingError

# In the order in which Messages._stored takes them.
_COLUMNS = """
m.id, m.conversation_id, m.parent_id, m.role, m.parts, m.state, m.created_at, m.run, m.error,
(SELECT count(*) FROM messages AS s WHERE s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id AND s.seq < m.seq)
    AS sibling_index,
(SELECT count(*) FROM messages AS s WHERE s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id) AS sibling_count
"""
_PATH = f"""
WITH RECURSIVE branch (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM messages WHERE id = :leaf
    UNION ALL
    SELECT up.id, up.parent_id, depth + 1 FROM branch JOIN messages AS up ON up.id = branch.parent_id
)
SELECT {_COLUMNS}, branch.depth FROM branch CROSS JOIN messages AS m ON m.id = branch.id
"""
_NEWEST_BELOW = """
WITH RECURSIVE below (id, seq) AS (
    SELECT id, seq FROM messages WHERE id = :id
    UNION ALL
    SELECT down.id, down.seq FROM below JOIN messages AS down ON down.parent_id = below.id
)
SELECT id FROM below ORDER BY seq DESC LIMIT 1
"""


class Messages:
    """Thread-safe. ``on_changed`` is told the conversation after every change but growth."""

    def __init__(
        self, connections: Connections, attachments: Attachments, on_changed: Callable[[str], None] = lambda conversation_id: None
    ) -> None:
        self._connections = connections
        self._attachments = attachments
        self._journal = Journal(connections)
        self._on_changed = on_changed

    def path(self, conversation_id: str) -> list[StoredMessage]:
        """The active branch, from its first message to its last."""
        leaf = self.active_leaf(conversation_id)
        return self.path_to(leaf) if leaf else []

    def path_to(self, message_id: str) -> list[StoredMessage]:
        """The branch that ends in a message."""
        rows = self._connections.rows(_PATH, {"leaf": message_id})
        rows.sort(key=lambda row: -int(row["depth"]))  # here, because SQLite would copy every text to sort it
        return [self._stored(row) for row in rows]

    def active_leaf(self, conversation_id: str) -> str | None:
        """The id of the last message of the active branch; none where nothing was said."""
        row = self._connections.row(
            "SELECT coalesce((SELECT id FROM messages WHERE id = c.active_leaf), "
            "(SELECT id FROM messages WHERE conversation_id = c.id ORDER BY seq DESC LIMIT 1)) "
            "FROM conversations AS c WHERE id = ?",
            (conversation_id,),
        )
        if row is None:
            raise ConversationNotFound(id=conversation_id)
        return None if row[0] is None else str(row[0])

    def get(self, message_id: str) -> StoredMessage:
        """One message.

        Raises:
            ConversationNotFound: no such message; its conversation was purged.
        """
        row = self._connections.row(f"SELECT {_COLUMNS} FROM messages AS m WHERE id = ?", (message_id,))
        if row is None:
            raise ConversationNotFound(id=message_id)
        return self._stored(row)

    def siblings(self, message_id: str) -> list[StoredMessage]:
        """The children of the same parent, oldest first, the message itself among them."""
        rows = self._connections.rows(
            f"SELECT {_COLUMNS} FROM messages AS m JOIN messages AS own "
            "ON m.conversation_id = own.conversation_id AND m.parent_id IS own.parent_id WHERE own.id = ? ORDER BY m.seq",
            (message_id,),
        )
        return [self._stored(row) for row in rows]

    def tree(self, conversation_id: str) -> list[StoredMessage]:
        """Every message of a conversation, parents before children."""
        rows = self._connections.rows(
            f"SELECT {_COLUMNS} FROM messages AS m WHERE m.conversation_id = ? ORDER BY m.seq", (conversation_id,)
        )
        return [self._stored(row) for row in rows]

    def select(self, message_id: str) -> None:
        """Make the branch through a message active, down to the newest message below it."""
        message = self.get(message_id)
        with self._connections.write() as connection:
            leaf = connection.execute(_NEWEST_BELOW, {"id": message_id}).fetchone()[0]
            connection.execute("UPDATE conversations SET active_leaf = ? WHERE id = ?", (leaf, message.conversation_id))
        self._tell(message.conversation_id)

    def append(
        self,
        conversation_id: str,
        parent_id: str | None,
        role: Role,
        parts: Iterable[Part],
        state: MessageState = "complete",
        *,
        run: RunCard | None = None,
        error: UserFacingError | None = None,
    ) -> StoredMessage:
        """Add a message below ``parent_id`` and make it the end of the active branch.

        Raises:
            ConversationNotFound: the conversation, or the parent in it, is not there.
        """
        stored = StoredMessage(
            id=make_id(),
            conversation_id=conversation_id,
            parent_id=parent_id,
            role=role,
            parts=tuple(parts),
            state=state,
            created_at=time.time(),
            run=run,
            error=error.to_json() if error else None,
        )
        with self._connections.write() as connection:
            self.insert(connection, stored)
            connection.execute("UPDATE conversations SET active_leaf = ? WHERE id = ?", (stored.id, conversation_id))
            touch_conversation(connection, conversation_id)
        self._tell(conversation_id)
        return self.get(stored.id)

    def insert(self, connection: sqlite3.Connection, message: StoredMessage) -> None:
        """Write a message as it is, inside a transaction; an import does this."""
        _check_parent(connection, message.conversation_id, message.parent_id)
        values = {
            "id": message.id,
            "conversation_id": message.conversation_id,
            "parent_id": message.parent_id,
            "role": message.role,
            "parts": self._parts_text(message.parts),
            "search_text": "" if message.state == "streaming" else make_search_text(message.parts),
            "state": message.state,
            "created_at": message.created_at,
            "run": _json_or_none(asdict(message.run) if message.run else None),
            "error": _json_or_none(message.error),
        }
        columns = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(f"INSERT INTO messages ({columns}) VALUES ({marks})", values)
        self._attachments.refer(connection, message.id, message.parts)

    def journal(self, message_id: str, parts: Iterable[Part]) -> None:
        """Keep a growing reply as it is now, quickly; see :class:`Journal`."""
        self._journal.write(message_id, tuple(parts))

    def reopen(self, message_id: str) -> StoredMessage:
        """Let a message that ended grow again: its state becomes ``streaming``, its words stay."""
        with self._connections.write() as connection:
            connection.execute("UPDATE messages SET state = 'streaming', error = NULL WHERE id = ?", (message_id,))
        message = self.get(message_id)
        self._tell(message.conversation_id)
        return message

    def finish(
        self,
        message_id: str,
        parts: Iterable[Part],
        state: MessageState,
        run: RunCard | None = None,
        error: UserFacingError | None = None,
    ) -> None:
        """Write a reply's final parts and state; returns when they are on the disk. A reply that was purged stays gone."""
        final = tuple(parts)
        with self._connections.write() as connection:
            row = connection.execute("SELECT conversation_id FROM messages WHERE id = ?", (message_id,)).fetchone()
            if row is None:
                return
            connection.execute(
                "UPDATE messages SET parts = ?, search_text = ?, state = ?, run = ?, error = ? WHERE id = ?",
                (
                    self._parts_text(final),
                    make_search_text(final),
                    state,
                    _json_or_none(asdict(run) if run else None),
                    _json_or_none(error.to_json() if error else None),
                    message_id,
                ),
            )
            self._attachments.refer(connection, message_id, final)
            touch_conversation(connection, row[0])
            self._journal.forget(connection, message_id)
            self._tell(row[0])

    def set_parts(self, message_id: str, parts: Iterable[Part]) -> StoredMessage:
        """Put other parts into a message that is complete: what was found for a question joins it."""
        final = tuple(parts)
        with self._connections.write() as connection:
            connection.execute("UPDATE messages SET parts = ? WHERE id = ?", (self._parts_text(final), message_id))
            self._attachments.refer(connection, message_id, final)
        message = self.get(message_id)
        self._tell(message.conversation_id)
        return message

    def set_model_hash(self, message_id: str, sha256: str) -> None:
        """Fill in the hash of a reply's model file, which is known only some time after the reply."""
        with self._connections.write(durable=False) as connection:
            connection.execute(
                "UPDATE messages SET run = json_set(run, '$.model_sha256', ?) WHERE id = ? AND run IS NOT NULL",
                (sha256, message_id),
            )

    def recover(self) -> list[str]:
        """Mark every reply that a crash cut off ``interrupted``, with the words the journal kept; returns their ids.

        Only for the one Yanmo that owns the data, before it starts any reply.
        """
        rows = self._connections.rows("SELECT id, parts FROM messages WHERE state = 'streaming'")
        for row in rows:
            self.finish(row["id"], self._parts(row["id"], row["parts"], "streaming"), "interrupted")
        return [str(row["id"]) for row in rows]

    def together(self) -> contextlib.AbstractContextManager[object]:
        """A block whose changes, in any table, are kept all or none, with one wait for the disk."""
        return self._connections.write()

    def _tell(self, conversation_id: str) -> None:
        self._connections.tell(self._on_changed, conversation_id)

    def _parts_text(self, parts: tuple[Part, ...]) -> str:
        return storable(json.dumps([part_to_json(self._attachments.encode(part)) for part in parts], ensure_ascii=False))

    def _parts(self, message_id: str, text: str, state: str) -> tuple[Part, ...]:
        journalled = self._journal.read(message_id) if state == "streaming" else None
        if journalled is not None:
            return journalled
        try:
            return tuple(self._decode(value) for value in json.loads(text))
        except UNREADABLE:
            return (TextPart(f"{DAMAGED_MESSAGE}\n\n{rescue_words(text)}"),)

    def _decode(self, value: dict[str, Any]) -> Part:
        """The common kinds by hand: a long conversation opens in half the time."""
        kind = value["kind"]
        if kind == "text":
            return TextPart(value["text"])
        if kind == "reasoning":
            return ReasoningPart(value["text"], value["seconds"])
        return self._attachments.decode(part_from_json(value))

    def _stored(self, row: sqlite3.Row) -> StoredMessage:
        message_id, conversation_id, parent_id, role, parts, state, created_at, run, error, index, count, *_ = row
        return StoredMessage(
            message_id,
            conversation_id,
            parent_id,
            role if role in _ROLES else "user",
            self._parts(message_id, parts, state),
            state if state in _STATES else "interrupted",
            created_at,
            run_card_from_json(value) if (value := read_object(run)) else None,
            read_object(error) or None,
            index,
            count,
        )


_RUN_FIELDS = frozenset(field.name for field in fields(RunCard))


def run_card_from_json(value: dict[str, Any]) -> RunCard:
    """The card as it was stored; fields of a later version are left out."""
    return RunCard(**{name: item for name, item in value.items() if name in _RUN_FIELDS})


_ROLES, _STATES = frozenset(get_args(Role)), frozenset(get_args(MessageState))


def _check_parent(connection: sqlite3.Connection, conversation_id: str, parent_id: str | None) -> None:
    if not connection.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,)).fetchone():
        raise ConversationNotFound(id=conversation_id)
    if parent_id is None:
        return
    row = connection.execute("SELECT conversation_id FROM messages WHERE id = ?", (parent_id,)).fetchone()
    if row is None or row[0] != conversation_id:
        raise ConversationNotFound(id=parent_id)


def _json_or_none(value: dict[str, Any] | None) -> str | None:
    return None if value is None else storable(json.dumps(value, ensure_ascii=False))
