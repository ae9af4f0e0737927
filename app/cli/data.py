"""``yanmo data``: backs up, restores, checks, exports and imports conversations."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.workstation import Workstation

    MakeWorkstation = Callable[[], Workstation]

_EXAMPLES = """examples:
  yanmo data backup                          a snapshot in the data folder
  yanmo data backup ~/yanmo.zip              everything, attachments too, in one file
  yanmo data restore --list                  which snapshots there are
  yanmo data restore 2026-11-22T090000-daily
  yanmo data restore ~/yanmo.zip
  yanmo data check
  yanmo data export --format md --out notes.md
  yanmo data export --format json --conversation ID > chat.json
  yanmo data import chat.json
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``data`` and its commands to the main parser."""
    parser = subparsers.add_parser(
        "data",
        help="back up, restore, check, export or import conversations",
        description="The conversations on this machine. Nothing is ever deleted by these commands.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=lambda arguments, make_workstation: parser.print_help())
    commands = parser.add_subparsers(metavar="COMMAND")

    backup = commands.add_parser("backup", help="copy everything, also while Yanmo is open")
    backup.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a .zip with attachments; without it, a snapshot")
    backup.set_defaults(run=back_up)

    restore = commands.add_parser("restore", help="put a snapshot or a backup back; what was there is kept aside")
    restore.add_argument("name", metavar="NAME|FILE", nargs="?", help="a snapshot's name, a .zip backup or a database file")
    restore.add_argument("--list", action="store_true", help="list the snapshots")
    restore.set_defaults(run=restore_data)

    check = commands.add_parser("check", help="read everything and say whether it is whole")
    check.set_defaults(run=check_data)

    export = commands.add_parser("export", help="write conversations to a file")
    export.add_argument(
        "--format", choices=("md", "json", "html"), default="md", help="json holds every branch and can be imported"
    )
    export.add_argument("--conversation", metavar="ID", action="append", help="only this one (repeatable; default: all)")
    export.add_argument("--out", metavar="PATH", type=Path, help="a file, or a folder for it; default: print it")
    export.set_defaults(run=export_data)

    add = commands.add_parser("import", help="add the conversations of a JSON export")
    add.add_argument("file", metavar="FILE", type=Path)
    add.add_argument("--copies", action="store_true", help="add what is already here again, as copies")
    add.set_defaults(run=import_data)

    listing = commands.add_parser("list", help="the conversations and their ids")
    listing.set_defaults(run=list_data)
    for command in (restore, check, add, listing):
        command.add_argument("--json", action="store_true", help="print JSON")


def back_up(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:  # noqa: ARG001
    """``yanmo data backup``: reads the files themselves, so that it works beside an open window and with a database too new."""
    from app.services.backups import write_backup
    from app.store.snapshots import Snapshots

    if arguments.file is None:
        snapshot = Snapshots(arguments.paths.database, arguments.paths.snapshots).make("manual")
        print(snapshot.name)
    else:
        file = arguments.file / f"yanmo-{datetime.now():%Y-%m-%d-%H%M%S}.zip" if arguments.file.is_dir() else arguments.file
        count = write_backup(arguments.paths, file)
        print(f"{file}: the database and {count} attachments.")
    return 0


def restore_data(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:  # noqa: ARG001
    """``yanmo data restore``"""
    from app.services.backups import restore_backup
    from app.store.snapshots import Snapshots

    if arguments.list or arguments.name is None:
        return _list_snapshots(Snapshots(arguments.paths.database, arguments.paths.snapshots), arguments)
    kept = restore_backup(arguments.paths, arguments.name)
    if arguments.json:
        print(json.dumps({"restored": arguments.name, "kept": str(kept) if kept else None}))
    else:
        print(f"Restored {arguments.name}." + (f" What was there is kept as {kept.name}." if kept else ""))
    return 0


def check_data(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:  # noqa: ARG001
    """``yanmo data check``"""
    from app.services.backups import check_everything

    problems = check_everything(arguments.paths)
    if arguments.json:
        print(json.dumps({"ok": not problems, "problems": problems}, ensure_ascii=False))
    else:
        print("\n".join(problems) if problems else "Everything is whole.")
    return 1 if problems else 0


def export_data(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo data export``"""
    with make_workstation() as workstation:
        if arguments.out is not None:
            written = workstation.portability.export_to(arguments.out, arguments.format, arguments.conversation)
            print(f"Written to {written}.", file=sys.stderr)
        else:
            sys.stdout.write(workstation.portability.export(arguments.format, arguments.conversation))
    return 0


def import_data(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:  # noqa: ARG001
    """``yanmo data import``"""
    from app.workstation import make_workstation as open_workstation

    with open_workstation(arguments.paths) as workstation:
        found = workstation.portability.import_and_count(arguments.file, copies=arguments.copies)
    if arguments.json:
        print(json.dumps(found.added))
        return 0
    print(f"{len(found.added)} conversations were added.")
    if found.already_here:
        print(f"{found.already_here} were already here; --copies adds them again.")
    return 0


def list_data(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo data list``"""
    with make_workstation() as workstation:
        found = [*workstation.conversations.list(), *workstation.conversations.list(archived=True)]
    if arguments.json:
        rows = [{"id": one.id, "title": one.title, "updated_at": one.updated_at, "folder": one.folder} for one in found]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    for one in found:
        print(f"{one.id}  {datetime.fromtimestamp(one.updated_at):%Y-%m-%d %H:%M}  {one.title}")
    return 0


def _list_snapshots(snapshots: object, arguments: argparse.Namespace) -> int:
    from app.store.snapshots import Snapshots

    assert isinstance(snapshots, Snapshots)
    found = snapshots.list()
    if arguments.json:
        rows = [{"name": one.name, "created_at": one.created_at, "size": one.size, "reason": one.reason} for one in found]
        print(json.dumps(rows, indent=1))
        return 0
    for one in found:
        print(f"{one.name}  {one.size / 1_000_000:.1f} MB")
    if not found:
        print("There are no snapshots yet.")
    return 0
