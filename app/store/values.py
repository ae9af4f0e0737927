"""The table of settings: JSON values by key, without any knowledge of what they mean."""

from __future__ import annotations

import json
from typing import Any

from app.store.connections import Connections, storable


class Values:
    """Thread-safe."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def read_all(self) -> dict[str, Any]:
        """Every key and value; a value that is no JSON is left out."""
        found: dict[str, Any] = {}
        for row in self._connections.rows("SELECT key, value FROM settings"):
            try:
                found[row["key"]] = json.loads(row["value"])
            except ValueError:
                continue
        return found

    def write(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        text = storable(json.dumps(value, ensure_ascii=False))
        with self._connections.write(durable=False) as connection:
            connection.execute(
                "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, text),
            )
