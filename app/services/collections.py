"""Collections of documents that a person made, and which conversations ask them: kept in the settings, where snapshots are made of."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.settings import Settings
from models.document_errors import CollectionExists, CollectionNotFound, DocumentUnreadable

_COLLECTIONS, _CHOSEN = "knowledge.collections", "knowledge.chosen"


@dataclass(frozen=True, slots=True)
class Collection:
    """Files and folders under one name."""

    id: str
    name: str
    paths: tuple[str, ...] = ()


class Collections:
    """Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.RLock()

    def all(self) -> list[Collection]:
        """All, by name."""
        table: dict[str, Any] = self._settings.get(_COLLECTIONS)
        found = [
            Collection(key, str(value.get("name", "")), tuple(str(path) for path in value.get("paths", ())))
            for key, value in table.items()
            if isinstance(value, dict)
        ]
        return sorted(found, key=lambda one: one.name.casefold())

    def find(self, name: str) -> Collection:
        """By id or by name, whatever its case.

        Raises:
            CollectionNotFound: there is none.
        """
        for one in self.all():
            if name in (one.id, one.name) or name.casefold() == one.name.casefold():
                return one
        raise CollectionNotFound(name=name)

    def create(self, name: str) -> Collection:
        """A new one without documents.

        Raises:
            CollectionExists: the name is taken, or empty.
        """
        with self._lock:
            name = " ".join(name.split())
            if not name or any(one.name.casefold() == name.casefold() for one in self.all()):
                raise CollectionExists(name=name)
            made = Collection(secrets.token_hex(6), name)
            self._write(made)
        return made

    def rename(self, collection_id: str, name: str) -> None:
        """Give it another name. Raises as :meth:`create` does."""
        with self._lock:
            name = " ".join(name.split())
            if not name or any(one.name.casefold() == name.casefold() and one.id != collection_id for one in self.all()):
                raise CollectionExists(name=name)
            old = self.find(collection_id)
            self._write(Collection(old.id, name, old.paths))

    def delete(self, collection_id: str) -> None:
        """Forget it, and that conversations asked it. The documents are untouched."""
        with self._lock:
            table: dict[str, Any] = self._settings.get(_COLLECTIONS)
            if table.pop(collection_id, None) is None:
                raise CollectionNotFound(name=collection_id)
            self._settings.set(_COLLECTIONS, table)
            chosen: dict[str, Any] = self._settings.get(_CHOSEN)
            kept = {key: [one for one in ids if one != collection_id] for key, ids in chosen.items()}
            self._settings.set(_CHOSEN, {key: ids for key, ids in kept.items() if ids})

    def add_path(self, collection_id: str, path: Path) -> str:
        """Add a file or a folder; the path as it is kept.

        Raises:
            DocumentUnreadable: there is no such file or folder.
        """
        full = path.expanduser().absolute()
        if not full.exists():
            raise DocumentUnreadable(file=path.name, reason="There is no such file or folder.")
        root = str(full.resolve())
        with self._lock:
            old = self.find(collection_id)
            if root not in old.paths:
                self._write(Collection(old.id, old.name, (*old.paths, root)))
        return root

    def remove_path(self, collection_id: str, path: str) -> None:
        """Take a file or a folder out again."""
        with self._lock:
            old = self.find(collection_id)
            known = path if path in old.paths else str(Path(path).expanduser().absolute())
            if known not in old.paths:
                raise DocumentUnreadable(file=Path(path).name, reason=f"It is not in the collection “{old.name}”.")
            self._write(Collection(old.id, old.name, tuple(one for one in old.paths if one != known)))

    def roots(self, collection_ids: Iterable[str] | None = None) -> list[str]:
        """The paths of some collections, or of all, each once."""
        wanted = None if collection_ids is None else set(collection_ids)
        found = [path for one in self.all() if wanted is None or one.id in wanted for path in one.paths]
        return list(dict.fromkeys(found))

    def choose(self, conversation_id: str, collection_ids: Iterable[str]) -> None:
        """Let a conversation ask these collections before every answer."""
        with self._lock:
            table: dict[str, Any] = self._settings.get(_CHOSEN)
            if ids := list(dict.fromkeys(collection_ids)):
                table[conversation_id] = ids
            else:
                table.pop(conversation_id, None)
            self._settings.set(_CHOSEN, table)

    def chosen(self, conversation_id: str) -> list[str]:
        """The ids of the collections that a conversation asks."""
        table: dict[str, Any] = self._settings.get(_CHOSEN)
        known = {one.id for one in self.all()}
        return [one for one in table.get(conversation_id, ()) if one in known]

    def forget_conversations(self, conversation_ids: Iterable[str]) -> None:
        """These conversations are gone for good."""
        with self._lock:
            table: dict[str, Any] = self._settings.get(_CHOSEN)
            gone = [one for one in conversation_ids if table.pop(one, None) is not None]
            if gone:
                self._settings.set(_CHOSEN, table)

    def _write(self, collection: Collection) -> None:
        table: dict[str, Any] = self._settings.get(_COLLECTIONS)
        table[collection.id] = {"name": collection.name, "paths": list(collection.paths)}
        self._settings.set(_COLLECTIONS, table)
