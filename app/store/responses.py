"""Replies of the Responses API that a client asked to keep, with what led to them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from app.store.connections import Connections, storable
from models.errors import StoreError

_IN_MEMORY = 200


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """``response`` is the object as the client got it; ``input`` the items of this request, ``history`` all before them."""

    id: str
    created_at: float
    response: dict[str, Any]
    input: list[dict[str, Any]]
    history: list[dict[str, Any]]

    @property
    def conversation(self) -> list[dict[str, Any]]:
        """Every item up to and including this reply: what the next request continues."""
        return [*self.history, *self.input, *(self.response.get("output") or [])]


class Responses:
    """Thread-safe. Where the database may only be read, the last two hundred are kept in memory."""

    def __init__(self, connections: Connections, *, may_write: bool) -> None:
        self._connections = connections
        self._may_write = may_write
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, StoredResponse] = OrderedDict()

    def keep(self, stored: StoredResponse) -> None:
        """Keep one, in the place of an earlier one of the same id."""
        with self._lock:
            self._recent[stored.id] = stored
            while len(self._recent) > _IN_MEMORY:
                self._recent.popitem(last=False)
        if self._may_write:
            texts = (storable(json.dumps(value, ensure_ascii=False)) for value in (stored.response, stored.input, stored.history))
            with self._connections.write(durable=False) as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO responses (id, created_at, response, input, history) VALUES (?, ?, ?, ?, ?)",
                    (stored.id, stored.created_at, *texts),
                )

    def find(self, number: str) -> StoredResponse | None:
        """The one of this id."""
        with self._lock:
            if (found := self._recent.get(number)) is not None:
                return found
        with contextlib.suppress(StoreError, ValueError):
            row = self._connections.row("SELECT * FROM responses WHERE id = ?", (number,))
            if row is not None:
                values = [json.loads(row[name]) for name in ("response", "input", "history")]
                return StoredResponse(row["id"], row["created_at"], *values)
        return None

    def delete(self, number: str) -> bool:
        """Forget one; false where there is none."""
        if self.find(number) is None:
            return False
        with self._lock:
            self._recent.pop(number, None)
        if self._may_write:
            with self._connections.write() as connection:
                connection.execute("DELETE FROM responses WHERE id = ?", (number,))
        return True

    def delete_before(self, seconds: float) -> None:
        """Forget what is older."""
        if self._may_write:
            with self._connections.write(durable=False) as connection:
                connection.execute("DELETE FROM responses WHERE created_at < ?", (seconds,))
