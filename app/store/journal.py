"""The journal of growing replies: only what was added is written, so that a long reply costs no more than a short one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from dataclasses import replace
from typing import Any

from app.store.connections import Connections, storable
from app.store.damage import UNREADABLE
from backends.messages import Part, ReasoningPart, TextPart, part_from_json, part_to_json


class Journal:
    """Thread-safe. Remembers what it wrote of each reply that is growing."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._written: dict[str, tuple[int, tuple[Part, ...]]] = {}

    def write(self, message_id: str, parts: tuple[Part, ...]) -> None:
        """Keep the reply as it is now. Safe from a crash of the program at once, from a power cut within seconds.

        Raises:
            StoreError: it could not be written; the next call writes all that is missing.
        """
        with self._lock:
            number, before = self._written.get(message_id, (0, ()))
        if parts == before:
            return
        change = storable(json.dumps(describe_change(before, parts), ensure_ascii=False))
        with self._connections.write(durable=False) as connection:
            if not number:
                connection.execute("DELETE FROM journal WHERE message_id = ?", (message_id,))
            connection.execute(
                "INSERT INTO journal (message_id, number, change) SELECT ?, ?, ? "
                "WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?)",
                (message_id, number + 1, change, message_id),
            )
        with self._lock:
            self._written[message_id] = (number + 1, parts)

    def read(self, message_id: str) -> tuple[Part, ...] | None:
        """What was journalled of a reply, up to what is damaged of it; none where nothing was."""
        rows = self._connections.rows("SELECT change FROM journal WHERE message_id = ? ORDER BY number", (message_id,))
        changes: list[dict[str, Any]] = []
        try:
            changes.extend(json.loads(row[0]) for row in rows)
            return fold_changes(changes) if changes else None
        except UNREADABLE:
            return _fold_the_readable(changes)

    def forget(self, connection: sqlite3.Connection, message_id: str) -> None:
        """The reply has ended: its final parts are written in this transaction."""
        connection.execute("DELETE FROM journal WHERE message_id = ?", (message_id,))
        with self._lock:
            self._written.pop(message_id, None)


def _fold_the_readable(changes: list[dict[str, Any]]) -> tuple[Part, ...] | None:
    """The parts after the longest beginning of the changes that makes sense."""
    for count in range(len(changes), 0, -1):
        with contextlib.suppress(*UNREADABLE):
            return fold_changes(changes[:count])
    return None


def describe_change(before: tuple[Part, ...], after: tuple[Part, ...]) -> dict[str, Any]:
    """How ``before`` becomes ``after``: keep the first ``keep`` parts, ``extend`` the next by a text, ``add`` the rest."""
    keep = 0
    while keep < min(len(before), len(after)) and before[keep] == after[keep]:
        keep += 1
    change: dict[str, Any] = {"keep": keep}
    rest = after[keep:]
    if keep < len(before) and rest:
        old, new = before[keep], rest[0]
        if isinstance(old, TextPart) and isinstance(new, TextPart) and new.text.startswith(old.text):
            change["extend"] = new.text[len(old.text) :]
            rest = rest[1:]
        elif isinstance(old, ReasoningPart) and isinstance(new, ReasoningPart) and new.text.startswith(old.text):
            change |= {"extend": new.text[len(old.text) :], "seconds": new.seconds}
            rest = rest[1:]
    change["add"] = [part_to_json(part) for part in rest]
    return change


def fold_changes(changes: list[dict[str, Any]]) -> tuple[Part, ...]:
    """The parts after all changes, in time linear in their text."""
    parts: list[Part] = []
    pieces: list[str] = []

    def settle() -> None:
        last = parts[-1] if parts else None
        if pieces and isinstance(last, TextPart | ReasoningPart):
            parts[-1] = replace(last, text=last.text + "".join(pieces))
        pieces.clear()

    for change in changes:
        keep = int(change["keep"])
        if "extend" not in change or keep != len(parts) - 1:
            settle()
        if "extend" in change:
            del parts[keep + 1 :]
            pieces.append(change["extend"])
            last = parts[-1]
            if "seconds" in change and isinstance(last, ReasoningPart):
                parts[-1] = replace(last, seconds=change["seconds"])
        else:
            del parts[keep:]
        if change["add"]:
            settle()
            parts.extend(part_from_json(value) for value in change["add"])
    settle()
    return tuple(parts)
