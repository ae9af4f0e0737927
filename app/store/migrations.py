"""The schema, one step at a time. A step that has shipped is never edited: a later one changes what it made."""

from __future__ import annotations

from typing import Any

from app.store.sqlite_import import sqlite_utils

migrations = sqlite_utils.Migrations("yanmo")

_TABLES = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    title_is_automatic INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    folder TEXT NOT NULL DEFAULT '',
    pinned INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    deleted_at REAL,
    system_prompt TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    preset TEXT NOT NULL DEFAULT '',
    options TEXT NOT NULL DEFAULT '{}',
    draft TEXT NOT NULL DEFAULT '',
    active_leaf TEXT
) STRICT;
CREATE INDEX conversations_by_time ON conversations (updated_at);

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id TEXT REFERENCES messages (id),
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    parts TEXT NOT NULL,
    search_text TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL CHECK (state IN ('complete', 'streaming', 'stopped', 'length', 'failed', 'interrupted')),
    created_at REAL NOT NULL,
    run TEXT,
    error TEXT
) STRICT;
CREATE INDEX messages_by_parent ON messages (conversation_id, parent_id, seq);
CREATE INDEX messages_parent ON messages (parent_id);
CREATE INDEX messages_streaming ON messages (state) WHERE state = 'streaming';

CREATE TABLE journal (
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    change TEXT NOT NULL,
    PRIMARY KEY (message_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
    sha256 TEXT PRIMARY KEY,
    suffix TEXT NOT NULL,
    name TEXT NOT NULL,
    mime TEXT NOT NULL,
    size INTEGER NOT NULL,
    added_at REAL NOT NULL
) STRICT;

CREATE TABLE message_attachments (
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL REFERENCES attachments (sha256),
    PRIMARY KEY (message_id, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_attachments_by_file ON message_attachments (sha256);

CREATE TABLE presets (
    name TEXT PRIMARY KEY,
    system_prompt TEXT NOT NULL DEFAULT '',
    options TEXT NOT NULL DEFAULT '{}',
    created_at REAL NOT NULL
) STRICT;

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

_SEARCH = """
CREATE VIRTUAL TABLE message_index USING fts5(search_text, content='messages', content_rowid='seq', tokenize='trigram');
CREATE VIRTUAL TABLE message_trigrams USING fts5vocab('message_index', 'row');
"""

_TRIGGERS = (
    """
    CREATE TRIGGER message_index_insert AFTER INSERT ON messages BEGIN
        INSERT INTO message_index (rowid, search_text) VALUES (new.seq, new.search_text);
    END
    """,
    """
    CREATE TRIGGER message_index_delete AFTER DELETE ON messages BEGIN
        INSERT INTO message_index (message_index, rowid, search_text) VALUES ('delete', old.seq, old.search_text);
    END
    """,
    """
    CREATE TRIGGER message_index_update AFTER UPDATE OF search_text ON messages BEGIN
        INSERT INTO message_index (message_index, rowid, search_text) VALUES ('delete', old.seq, old.search_text);
        INSERT INTO message_index (rowid, search_text) VALUES (new.seq, new.search_text);
    END
    """,
)


@migrations()
def m001_first_tables(database: Any) -> None:
    """Conversations, the tree of messages, the journal of growing replies, attachments, presets and settings."""
    for statement in _TABLES.split(";"):
        if statement.strip():
            database.execute(statement)


@migrations()
def m002_search(database: Any) -> None:
    """A trigram index over the text of every message, kept in step by triggers."""
    for statement in (*filter(str.strip, _SEARCH.split(";")), *_TRIGGERS):
        database.execute(statement)


@migrations()
def m003_responses(database: Any) -> None:
    """What other programs asked the server to keep: replies of the Responses API with everything that led to them."""
    database.execute(
        """
        CREATE TABLE responses (
            id TEXT PRIMARY KEY,
            created_at REAL NOT NULL,
            response TEXT NOT NULL,
            input TEXT NOT NULL,
            history TEXT NOT NULL
        ) STRICT
        """
    )
    database.execute("CREATE INDEX responses_by_time ON responses (created_at)")
