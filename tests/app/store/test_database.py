"""Opening the database: new, old, newer, damaged, in use."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.paths import Paths
from app.store.connections import Connections
from app.store.database import open_database
from app.store.migrations import migrations
from app.store.snapshots import Snapshots
from app.store.sqlite_import import sqlite_utils
from app.workstation import make_workstation, restore_snapshot
from backends.messages import TextPart
from models.errors import DatabaseDamaged, DatabaseInUse, DatabaseTooNew, DiskFull, SnapshotNotFound, StoreError


def write_words(store: Any, words: str) -> str:
    conversation = store.conversations.create(title=words)
    store.messages.append(conversation.id, None, "user", [TextPart(words)])
    return str(conversation.id)


def test_every_table_is_strict_and_the_journal_is_written_ahead(store: Any) -> None:
    tables = store.connections.rows("SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'")
    ours = {row["name"]: row["strict"] for row in tables if not row["name"].startswith(("sqlite_", "_sqlite_"))}
    assert ours
    assert set(ours.values()) == {1}
    assert store.connections.row("PRAGMA journal_mode")[0] == "wal"
    assert store.connections.row("PRAGMA foreign_keys")[0] == 1


def test_the_end_of_a_message_waits_for_the_disk_and_the_journal_does_not(store: Any) -> None:
    with store.connections.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    with store.connections.write(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1


def test_an_exception_undoes_a_transaction_and_a_nested_one_only_itself(store: Any) -> None:
    with store.connections.write():
        store.conversations.create(title="kept")
        with pytest.raises(RuntimeError), store.connections.write():
            store.conversations.create(title="lost")
            raise RuntimeError
    assert [item.title for item in store.conversations.list()] == ["kept"]


def test_a_damaged_file_is_refused_and_left_as_it_is(open_store: Callable[[], Any]) -> None:
    store = open_store()
    for number in range(200):
        write_words(store, f"words {number} " * 20)
    store.close()
    data = bytearray(store.path.read_bytes())
    for start in range(8192, len(data), 4096):
        data[start : start + 512] = b"\xa5" * 512
    store.path.write_bytes(data)
    with pytest.raises(DatabaseDamaged):
        open_store()
    assert store.path.read_bytes() == data


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "yanmo.sqlite"
    path.write_bytes(b"\x00" * 5000)  # what a power cut leaves of a file that is not synced
    with pytest.raises(DatabaseDamaged):
        open_database(path, Snapshots(path, tmp_path / "snapshots"))


def test_a_newer_database_is_refused(open_store: Callable[[], Any]) -> None:
    store = open_store()
    with store.connections.write() as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('yanmo', 'm999_future', 'later')"
        )
    store.close()
    with pytest.raises(DatabaseTooNew) as caught:
        open_store()
    assert caught.value.facts["migration"] == "m999_future"


def test_a_newer_snapshot_is_not_put_back(workstation: Any) -> None:
    snapshot = workstation.snapshots.make()
    with closing(sqlite3.connect(snapshot.path)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('yanmo', 'm999_future', 'later')"
        )
        connection.commit()
    with pytest.raises(DatabaseTooNew):
        workstation.snapshots.restore(snapshot.name)
    workstation.close()
    with pytest.raises(DatabaseTooNew):
        restore_snapshot(workstation.paths, snapshot.name)
    workstation.close()


def test_an_older_database_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "yanmo.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        migrations.apply(sqlite_utils.Database(connection), stop_before="m002_search")
    snapshots = Snapshots(path, tmp_path / "snapshots")
    open_database(path, snapshots).close()
    (snapshot,) = snapshots.list()
    assert snapshot.reason == "migration"
    with closing(sqlite3.connect(snapshot.path)) as connection:
        assert connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0] == 1
    open_database(path, snapshots).close()
    assert len(snapshots.list()) == 1


def test_a_snapshot_holds_what_was_there_and_puts_it_back_while_all_is_open(store: Any) -> None:
    write_words(store, "before")
    snapshot = store.snapshots.make()
    write_words(store, "after")
    store.snapshots.restore_into(store.connections, Path(snapshot.path))
    assert [item.title for item in store.conversations.list()] == ["before"]
    newest = store.snapshots.list()[0]
    store.snapshots.restore_into(store.connections, Path(newest.path))
    assert [item.title for item in store.conversations.list()] == ["after", "before"]


def test_seven_daily_snapshots_are_kept_and_all_that_a_person_made(store: Any) -> None:
    for _ in range(9):
        store.snapshots.make("daily")
        store.snapshots.make("manual")
    reasons = [snapshot.reason for snapshot in store.snapshots.list()]
    assert (reasons.count("daily"), reasons.count("manual")) == (7, 9)
    assert not store.snapshots.is_due()
    with pytest.raises(SnapshotNotFound):
        store.snapshots.find("nothing")


def test_a_snapshot_that_cannot_be_written_leaves_nothing_behind(store: Any) -> None:
    store.snapshots._folder.write_text("a file where the folder should be")
    with pytest.raises((StoreError, OSError)):
        store.snapshots.make()
    assert [path.name for path in store.folder.iterdir() if ".part" in path.name] == []


def test_a_damaged_database_is_kept_aside_when_a_snapshot_takes_its_place(paths: Paths) -> None:
    with make_workstation(paths) as workstation:
        write_words(workstation, "kept")
        name = workstation.snapshots.make("manual").name
    paths.database.write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseDamaged):
        make_workstation(paths)
    kept = restore_snapshot(paths, name)
    assert kept is not None
    assert kept.read_bytes() == b"garbage" * 1000
    with make_workstation(paths) as workstation:
        assert [item.title for item in workstation.conversations.list()] == ["kept"]


def test_a_damaged_snapshot_is_not_put_back(paths: Paths, tmp_path: Path) -> None:
    with make_workstation(paths) as workstation:
        write_words(workstation, "safe")
    bad = tmp_path / "bad.sqlite"
    bad.write_bytes(paths.database.read_bytes()[:10_000])
    with pytest.raises(DatabaseDamaged):
        restore_snapshot(paths, str(bad))
    with make_workstation(paths) as workstation:
        assert [item.title for item in workstation.conversations.list()] == ["safe"]


def test_a_second_yanmo_is_refused_and_told_who_has_the_data(paths: Paths) -> None:
    with make_workstation(paths) as workstation:
        write_words(workstation, "seen")
        program = (
            "import sys\nfrom app.paths import make_paths\nfrom app.workstation import make_workstation\n"
            "from models.errors import DatabaseInUse\npaths = make_paths(sys.argv[1])\n"
            "try:\n    make_workstation(paths)\nexcept DatabaseInUse as error:\n    print(error.facts['pid'])\n"
            "from models.errors import StoreError\n"
            "with make_workstation(paths, exclusive=False) as reader:\n    print(reader.conversations.list()[0].title)\n"
            "    try:\n        reader.conversations.create()\n    except StoreError:\n        print('refused')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(paths.data)], capture_output=True, text=True, timeout=60, check=True
        )
    import os

    assert done.stdout.split() == [str(os.getpid()), "seen", "refused"]
    with make_workstation(paths), pytest.raises(DatabaseInUse):
        make_workstation(paths)
    make_workstation(paths).close()


def test_reading_only_makes_nothing(paths: Paths) -> None:
    with pytest.raises(StoreError):
        make_workstation(paths, exclusive=False)
    assert not paths.data.exists()


def test_each_thread_has_a_connection_that_ends_with_it(store: Any) -> None:
    import gc
    import threading

    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                write_words(store, f"words {number}")
                store.conversations.list()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(store.conversations.list()) == 40
    gc.collect()
    assert len(store.connections._open) == 1


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    connections: Connections = open_database(tmp_path / "y.sqlite", Snapshots(tmp_path / "y.sqlite", tmp_path / "s"))
    connections.close()
    with pytest.raises(StoreError, match="closed"):
        connections.rows("SELECT 1")


def test_a_full_disk_is_told_as_such_and_undoes_the_transaction(store: Any) -> None:
    pages = store.connections.row("PRAGMA page_count")[0]
    store.connections.row(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull):
        write_words(store, "words " * 50_000)
    store.connections.row("PRAGMA max_page_count = 1000000")
    write_words(store, "room again")
    assert store.search.find("words") == []


def test_a_database_that_another_program_keeps_locked_is_told(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.connections.row("PRAGMA busy_timeout = 50")
        with pytest.raises(StoreError, match="locked"):
            store.conversations.create()
        assert store.conversations.list() == []


def test_a_snapshot_that_is_cancelled_leaves_nothing(store: Any) -> None:
    write_words(store, "words " * 100_000)
    with pytest.raises(StoreError, match="cancelled"):
        store.snapshots.make("daily", lambda: True)
    assert list(store.snapshots._folder.iterdir()) == []
