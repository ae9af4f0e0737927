"""Finds words in every branch, title and attached document, Chinese words of one and two characters too."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import Any

from app.store.connections import Connections, storable
from app.store.records import SearchHit
from backends.messages import AudioPart, FilePart, ImagePart, Part, TextPart

_PADDING = "\n\n"
"""Ends every indexed text, so that its last two characters begin a trigram too."""

_SNIPPET_BEFORE = 40
_SNIPPET_LENGTH = 160
_EXPANSION_LIMIT = 400
_TRIGRAM = 3


def make_search_text(parts: Iterable[Part]) -> str:
    """What is indexed of a message: its words, the names of attachments and the text of documents. Not the reasoning."""
    pieces = []
    for part in parts:
        if isinstance(part, TextPart):
            pieces.append(part.text)
        elif isinstance(part, FilePart):
            pieces += [part.name, part.text]
        elif isinstance(part, ImagePart | AudioPart) and part.name:
            pieces.append(part.name)
    text = storable("\n".join(piece.replace("\x00", "") for piece in pieces if piece.strip()))
    return text + _PADDING if text else ""


class Search:
    """Thread-safe. A query is words that must all occur; a phrase in double quotes is one word; case does not matter."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def find(self, query: str, limit: int = 50) -> list[SearchHit]:
        """Titles first, then messages, each newest first; nothing from the trash."""
        words = split_query(query)
        if not words or limit <= 0:
            return []
        hits = [_title_hit(row, words) for row in self._titles(words, limit)]
        if len(hits) < limit:
            hits += [_message_hit(row, words) for row in self._messages(words, limit - len(hits))]
        return hits

    def _titles(self, words: list[str], limit: int) -> list[sqlite3.Row]:
        conditions = " AND ".join("title LIKE ? ESCAPE '\\'" for _ in words)
        return self._connections.rows(
            "SELECT c.id AS conversation_id, c.title, c.updated_at AS created_at, "
            "coalesce((SELECT id FROM messages WHERE conversation_id = c.id ORDER BY seq LIMIT 1), '') AS message_id "
            f"FROM conversations AS c WHERE c.deleted_at IS NULL AND {conditions} ORDER BY c.updated_at DESC LIMIT ?",
            [*map(_like, words), limit],
        )

    def _messages(self, words: list[str], limit: int) -> list[sqlite3.Row]:
        expressions, unindexed = self._match(words)
        if "" in expressions:
            return []
        match = " AND ".join(expressions)
        conditions = ["c.deleted_at IS NULL"]
        parameters: list[Any] = []
        if match:
            conditions.append("message_index MATCH ?")
            parameters.append(match)
        for word in unindexed:
            conditions.append("m.search_text LIKE ? ESCAPE '\\'")
            parameters.append(_like(word))
        source = "message_index AS i CROSS JOIN messages AS m ON m.seq = i.rowid" if match else "messages AS m"
        order = "i.rowid" if match else "m.seq"
        return self._connections.rows(
            "SELECT m.id AS message_id, m.conversation_id, m.role, m.search_text, m.created_at, c.title "
            f"FROM {source} CROSS JOIN conversations AS c ON c.id = m.conversation_id "
            f"WHERE {' AND '.join(conditions)} ORDER BY {order} DESC LIMIT ?",
            [*parameters, limit],
        )

    def _match(self, words: list[str]) -> tuple[list[str], list[str]]:
        """A full-text expression for each word, empty where nothing can match; and the words that the index cannot answer."""
        expressions, unindexed = [], []
        for word in words:
            if len(word) >= _TRIGRAM:
                expressions.append(_quoted(word))
                continue
            trigrams = self._trigrams_with(word)
            if trigrams is None:
                unindexed.append(word)
            else:
                expressions.append(f"({' OR '.join(map(_quoted, trigrams))})" if trigrams else "")
        return expressions, unindexed

    def _trigrams_with(self, word: str) -> list[str] | None:
        """Every indexed trigram that begins with a word too short for the index; none where they are too many to ask for."""
        folded = word.lower()
        rows = self._connections.rows(
            "SELECT term FROM message_trigrams WHERE term >= ? AND term < ? LIMIT ?",
            (folded, folded[:-1] + chr(min(ord(folded[-1]) + 1, 0x10FFFF)), _EXPANSION_LIMIT + 1),
        )
        return None if len(rows) > _EXPANSION_LIMIT else [str(row[0]) for row in rows]


def split_query(query: str) -> list[str]:
    """``one "two three"`` becomes ``["one", "two three"]``."""
    found = re.findall(r'"([^"]+)"|([^\s"]+)', storable(query).replace("\x00", ""))
    return [word for pair in found if (word := (pair[0] or pair[1]).strip())]


def make_snippet(text: str, words: list[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A piece of the text around the first match, on one line, and where the words lie in it."""
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    first = pattern.search(text)
    start = max(0, (first.start() if first else 0) - _SNIPPET_BEFORE)
    piece = re.sub(r"\s", " ", text[start : start + _SNIPPET_LENGTH]).rstrip()
    if start:
        piece = "…" + piece
    if start + _SNIPPET_LENGTH < len(text.rstrip()):
        piece += "…"
    return piece, tuple(found.span() for found in pattern.finditer(piece))


def _title_hit(row: sqlite3.Row, words: list[str]) -> SearchHit:
    snippet, ranges = make_snippet(row["title"], words)
    return SearchHit(row["conversation_id"], row["message_id"], row["title"], "user", snippet, ranges, row["created_at"])


def _message_hit(row: sqlite3.Row, words: list[str]) -> SearchHit:
    snippet, ranges = make_snippet(row["search_text"], words)
    return SearchHit(row["conversation_id"], row["message_id"], row["title"], row["role"], snippet, ranges, row["created_at"])


def _like(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
