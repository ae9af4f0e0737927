"""Opens the database: checks it, snapshots it, brings its schema up to date, and saves replies that a crash cut off."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from app.paths import make_private_folder
from app.store.connections import Connections, open_to_read, translate_error
from app.store.migrations import migrations
from app.store.snapshots import IsCancelled, Snapshots, interrupt_when, never
from models.errors import DatabaseDamaged, DatabaseTooNew, StoreError

CHECKED_AT_START_BYTES = 64 * 1024 * 1024
"""A file up to this size is checked before it is opened (about 2 ms a megabyte); a larger one in the background, after."""


def open_database(path: Path, snapshots: Snapshots, *, may_write: bool = True) -> Connections:
    """Open, and create where there is none.

    Raises:
        DatabaseDamaged: the check failed; the file is left as it is.
        DatabaseTooNew: a later Yanmo wrote it; the file is left as it is.
        StoreError: it cannot be read or written.
    """
    is_new = not path.exists() or path.stat().st_size == 0
    if is_new and not may_write:
        raise StoreError(reason=f"There is nothing in {path.parent} yet.")
    if is_new:
        try:
            make_private_folder(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let everyone read it
        except OSError as error:
            raise StoreError(reason=f"{path.parent}: {error.strerror or error}.") from error
    if not is_new and path.stat().st_size <= CHECKED_AT_START_BYTES:
        check_quickly(path, may_write=may_write)
    connections = Connections(path, may_write=may_write)
    try:
        _bring_up_to_date(connections, snapshots, is_new, may_write)
    except BaseException:
        connections.close()
        raise
    return connections


def check_quickly(path: Path, is_cancelled: IsCancelled = never, *, may_write: bool = True) -> None:
    """Let SQLite read every page; a check that is cancelled finds nothing.

    Raises:
        DatabaseDamaged: a page is not as it should be.
        StoreError: the file cannot be opened.
    """
    try:
        with closing(sqlite3.connect(path, timeout=5) if may_write else open_to_read(path)) as connection:
            interrupt_when(connection, is_cancelled)
            problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    except sqlite3.Error as error:
        if is_cancelled():
            return
        raise translate_error(error, path) from error
    if problems:
        raise DatabaseDamaged(file=path, reason=f"The check found: {problems[0]}.", details="\n".join(problems))


def refuse_if_too_new(path: Path) -> None:
    """Look at a database that is to be put in the place of the present one.

    Raises:
        DatabaseTooNew: a later Yanmo wrote it.
    """
    known = {step.name for step in migrations._migrations}
    try:
        with closing(open_to_read(path)) as connection:
            applied = [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid")]
    except sqlite3.Error as error:
        raise translate_error(error, path) from error
    too_new = [name for name in applied if name not in known]
    if too_new:
        raise DatabaseTooNew(file=path, migration=too_new[-1])


def migrate(connections: Connections) -> None:
    """Apply the steps that are missing."""
    with connections.exclusive() as database:
        migrations.apply(database)


def _bring_up_to_date(connections: Connections, snapshots: Snapshots, is_new: bool, may_write: bool) -> None:
    with connections.exclusive() as database:
        known = {step.name for step in migrations._migrations}
        applied = [step.name for step in migrations.applied(database)]
        too_new = [name for name in applied if name not in known]
        if too_new:
            raise DatabaseTooNew(file=connections.path, migration=too_new[-1])
        if len(applied) == len(known):
            return
        if not may_write:
            raise StoreError(reason="An older Yanmo wrote the database: open Yanmo once, so that it is brought up to date.")
        if not is_new and applied:
            snapshots.make("migration")
        database.enable_wal()
        migrations.apply(database)
