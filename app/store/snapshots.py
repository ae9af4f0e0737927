"""Copies of the database: made while it is in use, verified before they count, and put back without deleting anything."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

from app.paths import make_private_folder
from app.store.connections import Connections, open_to_read, translate_error
from app.store.records import Snapshot, SnapshotReason
from models.errors import DatabaseDamaged, SnapshotNotFound, StoreError

KEPT_SNAPSHOTS = 7
"""How many daily ones are kept, and how many made before migrations. Those that a person asked for stay."""

_DAY_SECONDS = 24 * 60 * 60
_SUFFIX = ".sqlite"
_INSTRUCTIONS_BETWEEN_QUESTIONS = 100_000

IsCancelled = Callable[[], bool]


def never() -> bool:
    """The answer of who does not cancel."""
    return False


class Snapshots:
    """The snapshots of one database."""

    def __init__(self, database: Path, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def list(self) -> list[Snapshot]:
        """Every snapshot, newest first."""
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ():
            reason = path.stem.rpartition("-")[2]
            if reason in get_args(SnapshotReason):
                status = path.stat()
                found.append(Snapshot(path.stem, str(path), _time_in(path.stem), status.st_size, cast(SnapshotReason, reason)))
        return sorted(found, key=lambda snapshot: snapshot.name, reverse=True)

    def make(self, reason: SnapshotReason = "manual", is_cancelled: IsCancelled = never) -> Snapshot:
        """Copy the database as it is now; returns when the copy was verified and lies under its name.

        Raises:
            StoreError: the copy could not be written, is not whole or was cancelled; no snapshot was made.
        """
        try:
            make_private_folder(self._folder)
        except OSError as error:
            raise StoreError(reason=f"{self._folder}: {error.strerror or error}.") from error
        name = self._free_name(reason)
        path = self._folder / f"{name}{_SUFFIX}"
        copy_database(self._database, path, is_cancelled)
        self._forget_old(reason)
        return Snapshot(name, str(path), _time_in(name), path.stat().st_size, reason)

    def is_due(self) -> bool:
        """Whether the newest daily snapshot is older than a day."""
        daily = [snapshot.created_at for snapshot in self.list() if snapshot.reason == "daily"]
        return not daily or time.time() - max(daily) >= _DAY_SECONDS

    def find(self, name: str) -> Snapshot:
        """The snapshot of that name.

        Raises:
            SnapshotNotFound: there is none.
        """
        for snapshot in self.list():
            if snapshot.name == name:
                return snapshot
        raise SnapshotNotFound(name=name)

    def restore_into(self, connections: Connections, source: Path) -> None:
        """Replace what an open database holds by a snapshot, in one transaction; what it held becomes a snapshot first."""
        verify_database(source)
        self.make("manual")
        with connections.exclusive() as live, closing(open_to_read(source)) as copy:
            copy.backup(live.conn)

    def restore_closed(self, source: Path) -> Path | None:
        """Put a snapshot in the place of a database that nobody has open; returns where the old one was kept, if any."""
        verify_database(source)
        kept = keep_aside(self._database)
        copy_database(source, self._database)
        return kept

    def _free_name(self, reason: SnapshotReason) -> str:
        """Named by this second, or by one after the newest snapshot's, so that names tell the order."""
        newest = max((snapshot.created_at for snapshot in self.list()), default=0.0)
        moment = time.time()
        if newest - 60 <= moment < newest + 1:
            moment = newest + 1
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H%M%S}-{reason}"

    def _forget_old(self, reason: SnapshotReason) -> None:
        if reason == "manual":
            return
        same = [snapshot for snapshot in self.list() if snapshot.reason == reason]
        for snapshot in same[KEPT_SNAPSHOTS:]:
            with contextlib.suppress(OSError):
                Path(snapshot.path).unlink()


def copy_database(source: Path, target: Path, is_cancelled: IsCancelled = never) -> None:
    """Copy a database, in use or not, to a single file that is verified before it takes its name.

    Raises:
        StoreError: the source cannot be read whole, or the disk is full.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600))
        with _translating(source), closing(open_to_read(source)) as original, closing(sqlite3.connect(temporary)) as copy:
            original.backup(copy, pages=1024, progress=lambda *_: _stop_if(is_cancelled))
            copy.execute("PRAGMA journal_mode = DELETE")
        verify_database(temporary, is_cancelled)
        _flush(temporary)
        temporary.replace(target)
    except OSError as error:
        raise StoreError(reason=f"{target.name}: {error.strerror or error}.") from error
    finally:
        for leftover in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def verify_database(path: Path, is_cancelled: IsCancelled = never) -> None:
    """Read the whole file and its references.

    Raises:
        DatabaseDamaged: something in it is not as it should be.
    """
    if not path.is_file():
        raise StoreError(reason=f"{path} does not exist.")
    try:
        with closing(open_to_read(path)) as connection:
            interrupt_when(connection, is_cancelled)
            problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
            problems += [f"a row of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")][:5]
            is_ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'conversations'").fetchone()[0]
    except sqlite3.Error as error:
        _stop_if(is_cancelled)
        if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_CANTOPEN:
            raise translate_error(error, path) from error
        raise DatabaseDamaged(file=path, reason=f"SQLite says: {error}.") from error
    if not is_ours:
        raise DatabaseDamaged(file=path, reason="It is not a Yanmo database.")
    if problems:
        raise DatabaseDamaged(file=path, reason=f"The check found: {problems[0]}.", details="\n".join(problems))


def keep_aside(database: Path) -> Path | None:
    """Rename a database, and what SQLite keeps beside it, out of the way; returns its new path, or none where there was none."""
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"
    target = database.with_name(f"{database.stem}.kept-{stamp}{database.suffix}")
    kept = None
    for ending in ("", "-wal", "-shm"):
        old = database.with_name(database.name + ending)
        if old.exists():
            old.replace(target.with_name(target.name + ending))
            kept = target
    return kept


def interrupt_when(connection: sqlite3.Connection, is_cancelled: IsCancelled) -> None:
    """Let long work of a connection end with an error once it is cancelled."""
    connection.set_progress_handler(lambda: int(is_cancelled()), _INSTRUCTIONS_BETWEEN_QUESTIONS)


def _stop_if(is_cancelled: IsCancelled) -> None:
    if is_cancelled():
        raise StoreError(reason="It was cancelled.")


@contextlib.contextmanager
def _translating(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translate_error(error, path) from error


def _flush(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _time_in(name: str) -> float:
    stamp = name[: len("2026-01-01T000000")]
    try:
        return datetime.strptime(stamp, "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
