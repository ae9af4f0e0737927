"""The index of documents: one SQLite file of its own, made of the documents and nothing else, so that it can always be made anew."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.paths import make_private_folder
from app.retrieval.chunking import Passage
from app.retrieval.terms import estimate_tokens, iter_terms
from app.store.connections import Connections, storable
from models.errors import DatabaseDamaged, UserFacingError

if TYPE_CHECKING:
    from app.documents.document import Document

VERSION = 2
"""Counted up when the tables, the cutting or the terms change: an index of another version is made anew."""

_TABLES = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    sections INTEGER NOT NULL,
    passages INTEGER NOT NULL,
    notes TEXT NOT NULL,
    error TEXT,
    indexed_at REAL NOT NULL
) STRICT;
CREATE TABLE roots (
    root TEXT NOT NULL,
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    PRIMARY KEY (root, document_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX roots_by_document ON roots (document_id);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    line INTEGER NOT NULL,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    embedder TEXT NOT NULL,
    encoded BLOB NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document_id);
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES ('generation', 0);
CREATE VIRTUAL TABLE passage_terms USING fts5(heading, text, tokenize='unicode61 remove_diacritics 0');
CREATE TRIGGER passage_gone AFTER DELETE ON passages BEGIN DELETE FROM passage_terms WHERE rowid = old.id; END;
"""


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """One document as the index knows it. ``changed`` is its file's time in nanoseconds; ``error`` says why it could not be read."""

    id: int
    path: str
    name: str
    size: int
    changed: int
    sha256: str
    kind: str
    unit: str
    sections: int
    passages: int
    notes: tuple[str, ...]
    error: dict[str, Any] | None
    indexed_at: float


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was like when it was looked at: bytes, time of the last change in nanoseconds, SHA-256."""

    size: int
    changed: int
    sha256: str = ""


class KnowledgeIndex:
    """Thread-safe. A document enters or leaves in one transaction, so that no crash leaves half of one behind."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError where the file can be neither opened nor made."""
        self.path = path
        self.connections = self._open()

    def documents(self, roots: Iterable[str] | None = None) -> list[IndexedDocument]:
        """Those below some roots, or all, by path."""
        where, parameters = "", list[Any]()
        if roots is not None:
            parameters = list(roots)
            marks = ", ".join("?" * len(parameters))
            where = f"WHERE id IN (SELECT document_id FROM roots WHERE root IN ({marks}))"
        return [_document(row) for row in self.connections.rows(f"SELECT * FROM documents {where} ORDER BY path", parameters)]

    def find(self, path: str) -> IndexedDocument | None:
        """The document of a path."""
        row = self.connections.row("SELECT * FROM documents WHERE path = ?", (path,))
        return _document(row) if row else None

    def roots(self) -> list[str]:
        """Everything that documents were indexed for."""
        return [str(row[0]) for row in self.connections.rows("SELECT DISTINCT root FROM roots")]

    def put(
        self,
        root: str,
        path: str,
        state: FileState,
        document: Document,
        passages: Sequence[Passage],
        encoded: Sequence[bytes],
        embedder: str,
    ) -> None:
        """Keep a document with its passages, in the place of what was known of it. ``encoded`` is what ``embedder`` made of each."""
        with self._changing() as connection:
            number = self._replace(
                connection,
                root,
                (path, document.name),
                state,
                (document.kind, document.unit, document.count, len(passages), document.notes),
                None,
            )
            for passage, code in zip(passages, encoded, strict=True):
                cursor = connection.execute(
                    "INSERT INTO passages (document_id, number, line, heading, text, tokens, embedder, encoded) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        number,
                        passage.number,
                        passage.line,
                        storable(passage.heading),
                        storable(passage.text),
                        estimate_tokens(passage.text),
                        embedder,
                        code,
                    ),
                )
                title = f"{Path(document.name).stem} {passage.heading}"
                connection.execute(
                    "INSERT INTO passage_terms (rowid, heading, text) VALUES (?, ?, ?)",
                    (cursor.lastrowid, join_terms(title), join_terms(passage.text)),
                )

    def put_failure(self, root: str, path: str, state: FileState, error: UserFacingError) -> None:
        """Remember that a document could not be read, so that it is tried again only when it changes."""
        with self._changing() as connection:
            self._replace(connection, root, (path, Path(path).name), state, ("", "", 0, 0, ()), error)

    def touch(self, root: str, path: str, state: FileState) -> None:
        """The file has another time but the same content, or belongs to another root as well."""
        with self._changing() as connection:
            connection.execute("UPDATE documents SET size = ?, changed = ? WHERE path = ?", (state.size, state.changed, path))
            connection.execute("INSERT OR IGNORE INTO roots SELECT ?, id FROM documents WHERE path = ?", (root, path))

    def remove(self, root: str, paths: Iterable[str] | None = None) -> None:
        """Forget documents of a root, or the whole root; what no root holds any more goes."""
        with self._changing() as connection:
            if paths is None:
                connection.execute("DELETE FROM roots WHERE root = ?", (root,))
            else:
                connection.executemany(
                    "DELETE FROM roots WHERE root = ? AND document_id = (SELECT id FROM documents WHERE path = ?)",
                    [(root, path) for path in paths],
                )
            connection.execute("DELETE FROM documents WHERE id NOT IN (SELECT document_id FROM roots)")

    def generation(self) -> int:
        """Another number after every change."""
        row = self.connections.row("SELECT value FROM state WHERE key = 'generation'")
        return int(row[0]) if row else 0

    def foreign_documents(self, embedder: str) -> set[str]:
        """Paths of documents whose vectors another embedder made."""
        rows = self.connections.rows(
            "SELECT DISTINCT d.path FROM passages AS p JOIN documents AS d ON d.id = p.document_id WHERE p.embedder <> ?",
            (embedder,),
        )
        return {str(row[0]) for row in rows}

    def close(self) -> None:
        """Close every connection."""
        self.connections.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self.connections.write(durable=False) as connection:
            yield connection
            connection.execute("UPDATE state SET value = value + 1")

    def _replace(
        self,
        connection: sqlite3.Connection,
        root: str,
        names: tuple[str, str],
        state: FileState,
        facts: tuple[str, str, int, int, tuple[str, ...]],
        error: UserFacingError | None,
    ) -> int:
        """A fresh row for a document that keeps its roots; its old passages go. Returns its number."""
        kind, unit, sections, passages, notes = facts
        path, name = names
        known = connection.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchone()
        values = (
            storable(name),
            state.size,
            state.changed,
            state.sha256,
            kind,
            unit,
            sections,
            passages,
            json.dumps(list(notes)),
            json.dumps(error.to_json()) if error else None,
            time.time(),
        )
        if known:
            connection.execute("DELETE FROM passages WHERE document_id = ?", (known[0],))
            connection.execute(
                "UPDATE documents SET name = ?, size = ?, changed = ?, sha256 = ?, kind = ?, unit = ?, sections = ?, passages = ?, "
                "notes = ?, error = ?, indexed_at = ? WHERE id = ?",
                (*values, known[0]),
            )
            number = int(known[0])
        else:
            cursor = connection.execute(
                "INSERT INTO documents (name, size, changed, sha256, kind, unit, sections, passages, notes, error, indexed_at, path) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, path),
            )
            number = int(cursor.lastrowid or 0)
        connection.execute("INSERT OR IGNORE INTO roots VALUES (?, ?)", (root, number))
        return number

    def _open(self) -> Connections:
        """The file as it is, or a new one where it is damaged or of another version: nothing in it is lost for good."""
        make_private_folder(self.path.parent)
        connections = Connections(self.path)
        try:
            row = connections.row("PRAGMA user_version")
            version = int(row[0]) if row else 0
            if version == VERSION:
                connections.rows("SELECT count(*) FROM documents")
                return connections
        except DatabaseDamaged:
            version = -1
        if version != 0:
            connections.close()
            self._delete_file()
            connections = Connections(self.path)
        with connections.exclusive() as database:
            database.conn.execute("PRAGMA journal_mode = WAL")
            database.conn.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        return connections

    def _delete_file(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def join_terms(text: str) -> str:
    """Terms as the full-text table takes them: between blanks, with nothing in them that it would cut at."""
    return " ".join(indexable(term) for term in iter_terms(text))


def indexable(term: str) -> str:
    """``kv_unified`` as one word of letters."""
    return "".join(character if character.isalnum() else f"x{ord(character):x}x" for character in term)


def _document(row: sqlite3.Row) -> IndexedDocument:
    return IndexedDocument(
        row["id"],
        row["path"],
        row["name"],
        row["size"],
        row["changed"],
        row["sha256"],
        row["kind"],
        row["unit"],
        row["sections"],
        row["passages"],
        tuple(json.loads(row["notes"])),
        json.loads(row["error"]) if row["error"] else None,
        row["indexed_at"],
    )
