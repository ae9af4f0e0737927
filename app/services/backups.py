"""Everything in one file: writes it beside an open Yanmo, and puts it back without deleting what was there."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

from app.paths import Paths
from app.store.connections import open_to_read
from app.store.database import refuse_if_too_new
from app.store.folder_lock import FolderLock
from app.store.snapshots import Snapshots, copy_database, verify_database
from models.errors import DatabaseDamaged, DiskFull, ImportFailed, StoreError, UserFacingError

_DATABASE = "yanmo.sqlite"
_ATTACHMENT = re.compile(r"attachments/([0-9a-f]{2})/(\1[0-9a-f]{62})(\.[a-z0-9]{1,10})?")
_BLOCK = 1 << 20


def write_backup(paths: Paths, file: Path) -> int:
    """Write database and attachments into a zip; returns how many attachments. Works while Yanmo is open.

    Raises:
        StoreError: it could not be read or written; a file that was there before is untouched.
    """
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    attachments = sorted(path for path in paths.attachments.glob("*/*") if path.is_file() and not path.name.startswith("."))
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            copy = Path(folder) / _DATABASE
            copy_database(paths.database, copy)
            archive.write(copy, _DATABASE)
            for path in attachments:
                archive.write(path, f"attachments/{path.parent.name}/{path.name}")
        temporary.replace(file)
    except OSError as error:
        raise StoreError(reason=f"{file}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return len(attachments)


def restore_backup(paths: Paths, name: str) -> Path | None:
    """Put back a snapshot (by name), a zip of :func:`write_backup` or a database file; returns where the old one was kept.

    Raises:
        DatabaseInUse: a Yanmo has the data open.
        SnapshotNotFound, DatabaseDamaged, ImportFailed: nothing was changed.
    """
    paths.data.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(paths.lock_file)
    try:
        snapshots = Snapshots(paths.database, paths.snapshots)
        source = Path(name).expanduser()
        if not source.is_file():
            source = Path(snapshots.find(name).path)
        if not zipfile.is_zipfile(source):
            return _put_back(snapshots, source)
        with tempfile.TemporaryDirectory(dir=paths.data) as folder:
            _unpack(source, Path(folder))
            verify_database(Path(folder) / _DATABASE)
            _move_attachments(Path(folder) / "attachments", paths.attachments)
            return _put_back(snapshots, Path(folder) / _DATABASE)
    finally:
        lock.release()


def _put_back(snapshots: Snapshots, source: Path) -> Path | None:
    verify_database(source)
    refuse_if_too_new(source)
    return snapshots.restore_closed(source)


def check_everything(paths: Paths) -> list[str]:
    """Read the database, its search index and every attachment; returns what is wrong, in words."""
    if not paths.database.is_file():
        return [] if not paths.data.exists() else [f"There is no database in {paths.data}."]
    try:
        verify_database(paths.database)
    except UserFacingError as error:
        return [error.english(), *error.details.splitlines()]
    return [*_check_index(paths), *_check_attachments(paths)]


def _check_index(paths: Paths) -> list[str]:
    """Compare the search index with the messages, in a copy, so that an open Yanmo is not disturbed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / _DATABASE
        copy_database(paths.database, copy)
        with closing(sqlite3.connect(copy)) as connection:
            try:
                connection.execute("INSERT INTO message_index (message_index, rank) VALUES ('integrity-check', 1)")
            except sqlite3.DatabaseError as error:
                return [f"The search index is damaged: {error}."]
    return []


def _check_attachments(paths: Paths) -> list[str]:
    with closing(open_to_read(paths.database)) as connection:
        rows = connection.execute("SELECT sha256, suffix, name FROM attachments").fetchall()
    problems = []
    for sha256, suffix, name in rows:
        path = paths.attachments / sha256[:2] / f"{sha256}{suffix}"
        if not path.is_file():
            problems.append(f"The attachment {name} is missing.")
        elif _hash(path) != sha256:
            problems.append(f"The attachment {name} is damaged.")
    return problems


def _unpack(source: Path, folder: Path) -> None:
    """Only the database and files named by their own hash leave the zip."""
    try:
        with zipfile.ZipFile(source) as archive:
            needed = sum(entry.file_size for entry in archive.infolist())
            if needed > shutil.disk_usage(folder).free:
                raise DiskFull(folder=folder.parent, free=f"{shutil.disk_usage(folder).free / 1_000_000:.0f} MB")
            if _DATABASE not in archive.namelist():
                raise ImportFailed(file=source.name, reason="It is not a backup of Yanmo: it holds no database.")
            for entry in archive.infolist():
                match = _ATTACHMENT.fullmatch(entry.filename)
                if match or entry.filename == _DATABASE:
                    archive.extract(entry, folder)
                if match and _hash(folder / entry.filename) != match.group(2):
                    raise ImportFailed(file=source.name, reason=f"The attachment {match.group(2)[:12]}… in it is damaged.")
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise DatabaseDamaged(file=source, reason=f"The backup cannot be read: {error}.") from error


def _move_attachments(source: Path, target: Path) -> None:
    """Files are named by content: one that is there already is the same."""
    for path in source.glob("*/*"):
        place = target / path.parent.name / path.name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
