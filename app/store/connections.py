"""One SQLite file, a connection per thread, one writer at a time, and database errors told as user errors."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.paths import LOCK_NAME
from app.store.folder_lock import FolderLock
from app.store.sqlite_import import sqlite_utils
from models.errors import DatabaseDamaged, DiskFull, StoreError, UserFacingError

_BUSY_TIMEOUT_MS = 5000
_FULL_CODES = {sqlite3.SQLITE_FULL}
_REFUSAL_CODES = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_DAMAGE_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _ThreadConnection:
    """A thread's own connection; dropped with the thread, and then closed."""

    def __init__(self, path: Path, may_write: bool) -> None:
        if may_write:
            connection = sqlite3.connect(str(path), check_same_thread=False, timeout=_BUSY_TIMEOUT_MS / 1000)
        else:
            connection = open_to_read(path)
        connection.text_factory = decode_text
        self.close = weakref.finalize(self, connection.close)
        connection.row_factory = sqlite3.Row
        self.database = sqlite_utils.Database(connection, execute_plugins=False)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA temp_store = MEMORY")
        if not may_write:
            connection.execute("PRAGMA query_only = ON")
        self.is_durable: bool | None = None
        self.depth = 0
        self.news: dict[tuple[Callable[..., None], tuple[str, ...]], None] = {}

    def set_durable(self, durable: bool) -> None:
        """Whether a commit waits for the disk. SQLite ignores the change inside a transaction."""
        if durable != self.is_durable and not self.database.conn.in_transaction:
            self.database.conn.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.is_durable = durable


class Connections:
    """Thread-safe access to one database file. Readers never wait; writers of this process take turns."""

    def __init__(self, path: Path, *, may_write: bool = True) -> None:
        self.path = path
        self._may_write = may_write
        self._writing = threading.RLock()
        self._local = threading.local()
        self._open: weakref.WeakSet[_ThreadConnection] = weakref.WeakSet()
        self._registering = threading.Lock()
        self._is_closed = False

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of one query, which sees one consistent state.

        Raises:
            StoreError: the file cannot be read; DatabaseDamaged where it is damaged.
        """
        with self._translating():
            return self._mine().database.conn.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row, or none."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction, undone by an exception. Nests. ``durable`` waits until the words are on the disk.

        Raises:
            StoreError: nothing was written; DiskFull where that is the reason, DatabaseInUse where another process has the data.
        """
        if not self._may_write:
            FolderLock(self.path.with_name(LOCK_NAME)).release()
        with self._writing:
            with self._translating():
                mine = self._mine()
                mine.set_durable(durable)
                mine.depth += 1
                try:
                    with mine.database.atomic():
                        yield mine.database.conn
                except BaseException:
                    if mine.depth == 1:
                        mine.news.clear()
                    raise
                finally:
                    mine.depth -= 1
            news = list(mine.news) if mine.depth == 0 else []
            if news:
                mine.news.clear()
        for listener, arguments in news:
            listener(*arguments)

    def tell(self, listener: Callable[..., None], *arguments: str) -> None:
        """Call a listener when what was written is committed: after this thread's transaction, or now where there is none.

        The same call is made once.
        """
        mine = self._mine()
        if mine.depth:
            mine.news[listener, arguments] = None
        else:
            listener(*arguments)

    @contextmanager
    def exclusive(self) -> Iterator[Any]:
        """The thread's sqlite-utils database, outside any transaction, while no other thread of this process writes."""
        with self._writing, self._translating():
            mine = self._mine()
            mine.set_durable(True)
            yield mine.database

    def close(self) -> None:
        """Close every thread's connection. Call when no thread reads or writes any more."""
        with self._registering:
            self._is_closed = True
            for connection in list(self._open):
                connection.close()

    def _mine(self) -> _ThreadConnection:
        mine: _ThreadConnection | None = getattr(self._local, "connection", None)
        if mine is None or not mine.close.alive:
            with self._registering:
                if self._is_closed:
                    raise StoreError(reason="The database was closed.")
                mine = _ThreadConnection(self.path, self._may_write)
                self._open.add(mine)
            self._local.connection = mine
        return mine

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translate_error(error, self.path) from error


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, beside an open Yanmo too.

    On a read-only disk SQLite refuses a database with a write-ahead log, though none is there: it is told that nothing changes.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    address = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=_BUSY_TIMEOUT_MS / 1000)
    connection.text_factory = decode_text
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        is_refused = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _REFUSAL_CODES
        if not is_refused or not path.is_file() or path.with_name(f"{path.name}-wal").exists():
            raise
        connection = sqlite3.connect(f"{address}&immutable=1", uri=True, check_same_thread=False)
        connection.text_factory = decode_text
    except BaseException:
        connection.close()
        raise
    return connection


def decode_text(data: bytes) -> str:
    """A stored text; what a failing disk made undecodable becomes a � rather than an error that hides everything else."""
    return data.decode("utf-8", "replace")


def storable(text: str) -> str:
    """The text with half characters (lone surrogates, as a clipboard or a command line can hold) replaced: SQLite takes none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def translate_error(error: sqlite3.Error, path: Path) -> UserFacingError:
    """The user error for what SQLite said; a mistake in our own SQL stays what it is.

    Raises:
        sqlite3.Error: the error is a bug of ours (bad SQL, wrong thread, broken constraint).
    """
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _FULL_CODES:
        return DiskFull(folder=path.parent, free=_free_text(path.parent), details=str(error))
    if code in _DAMAGE_CODES or (type(error) is sqlite3.DatabaseError and "malformed" in str(error)):
        return DatabaseDamaged(file=path, reason=f"SQLite says: {error}.", details=str(error))
    if "Could not decode" in str(error):  # the message of SQLite holds the text itself, which belongs in no log
        return DatabaseDamaged(file=path, reason="Some text in it cannot be read.")
    if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
        return StoreError(reason=f"There is nothing in {path.parent} yet.", details=str(error))
    if code == sqlite3.SQLITE_CANTOPEN:
        reason = f"{path} cannot be opened: its disk may be read-only, or the file may belong to someone else."
        return StoreError(reason=reason, details=str(error))
    is_ours = isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError) or code == sqlite3.SQLITE_ERROR
    if is_ours or not isinstance(error, sqlite3.OperationalError):
        raise error
    return StoreError(reason=f"SQLite says: {error}.", details=str(error))


def _free_text(folder: Path) -> str:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "no space"
    return f"{free / 1_000_000:.1f} MB"
