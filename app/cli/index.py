"""``yanmo index``: collections of documents, and the passages that are found in them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.progress_line import ProgressLine
from models.errors import WorkCancelled, error_from_json

if TYPE_CHECKING:
    from app.services.collections import Collection
    from app.workstation import Workstation

    MakeWorkstation = Callable[[], Workstation]

_EXAMPLES = """examples:
  yanmo index add papers ~/Documents/papers     make the collection “papers” of a folder, and index it
  yanmo index add papers more.pdf               add a file to it
  yanmo index list                              what there is, and what could not be read
  yanmo index search "how long is the warranty" which passages would be given to a model
  yanmo index update                            read what changed since
  yanmo index remove papers more.pdf            take one out; without a path, the whole collection
  yanmo chat --knowledge papers -p "How long is the warranty?"
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``index`` and its commands to the main parser."""
    parser = subparsers.add_parser(
        "index",
        help="collections of documents to answer from: add, list, search, update, remove",
        description="Folders and documents whose passages models answer from, with citations. The documents stay where they are and are "
        "only read; an index of them lies in the data folder.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=lambda arguments, make_workstation: parser.print_help())
    commands = parser.add_subparsers(metavar="COMMAND")
    add = commands.add_parser("add", help="add files or folders to a collection, which is made where there is none")
    add.add_argument("collection", metavar="COLLECTION")
    add.add_argument("items", metavar="PATH", nargs="+", type=Path)
    add.set_defaults(run=add_paths)
    listing = commands.add_parser("list", help="collections, what is in them, and what could not be read")
    listing.set_defaults(run=list_collections)
    search = commands.add_parser("search", help="the passages that fit a question")
    search.add_argument("question", metavar="QUESTION")
    search.add_argument("--collection", metavar="NAME", action="append", help="only in this one (repeatable; default: all)")
    search.add_argument("-n", "--number", type=int, default=5, metavar="N", help="how many passages (default: 5)")
    search.set_defaults(run=search_passages)
    update = commands.add_parser("update", help="index what is new or changed, and forget what is gone")
    update.add_argument("collection", metavar="COLLECTION", nargs="?")
    update.set_defaults(run=update_collections)
    remove = commands.add_parser(
        "remove", help="take a path out of a collection, or forget the collection; no document is deleted"
    )
    remove.add_argument("collection", metavar="COLLECTION")
    remove.add_argument("path", metavar="PATH", nargs="?")
    remove.set_defaults(run=remove_paths)
    for command in (listing, search):
        command.add_argument("--json", action="store_true", help="print JSON")


def add_paths(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo index add``"""
    from models.document_errors import CollectionNotFound

    with make_workstation() as workstation:
        knowledge = workstation.knowledge
        try:
            collection = knowledge.collections.find(arguments.collection)
        except CollectionNotFound:
            collection = knowledge.create(arguments.collection)
        for path in arguments.items:
            knowledge.add(collection.id, path)
        return _wait_and_report(workstation, [knowledge.collections.find(collection.id)])


def update_collections(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo index update``"""
    with make_workstation() as workstation:
        found = workstation.knowledge.collections
        collections = [found.find(arguments.collection)] if arguments.collection else found.all()
        workstation.knowledge.update(found.roots([one.id for one in collections]))
        return _wait_and_report(workstation, collections)


def list_collections(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo index list``"""
    with make_workstation() as workstation:
        collections = workstation.knowledge.collections.all()
        if arguments.json:
            values = [
                {**asdict(one), "paths": [asdict(root) for root in workstation.knowledge.roots(one.id)]} for one in collections
            ]
            print(json.dumps(values, ensure_ascii=False, indent=1))
            return 0
        for one in collections:
            _print_collection(workstation, one)
        if not collections:
            print("There are no collections yet: yanmo index add NAME FOLDER makes one.")
    return 0


def search_passages(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo index search``"""
    with make_workstation() as workstation:
        collections = workstation.knowledge.collections
        names = [collections.find(name).id for name in arguments.collection] if arguments.collection else None
        hits = workstation.knowledge.search(arguments.question, names, max(1, arguments.number))
    if arguments.json:
        print(json.dumps([{**asdict(hit), "place": hit.place} for hit in hits], ensure_ascii=False, indent=1))
        return 0
    for number, hit in enumerate(hits, 1):
        where = f"{hit.name}, {hit.place}" + (f" · {hit.heading}" if hit.heading and hit.heading not in hit.place else "")
        print(f"[{number}] {where}\n    {hit.path}")
        print("".join(f"    │ {line}\n" for line in hit.text.splitlines()))
    if not hits:
        print("Nothing fits.", file=sys.stderr)
    return 0 if hits else 1


def remove_paths(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """``yanmo index remove``"""
    with make_workstation() as workstation:
        collection = workstation.knowledge.collections.find(arguments.collection)
        if arguments.path:
            workstation.knowledge.remove(collection.id, arguments.path)
            print(f"{arguments.path} is no longer in “{collection.name}”. The file itself is untouched.")
        else:
            workstation.knowledge.delete(collection.id)
            print(f"The collection “{collection.name}” is forgotten. Its documents are untouched.")
    return 0


def _wait_and_report(workstation: Workstation, collections: list[Collection]) -> int:
    """Follow the indexing to its end; Ctrl+C stops it and keeps what is done."""
    knowledge = workstation.knowledge
    with ProgressLine(is_quiet=False) as line:
        try:
            while (now := knowledge.indexing()).is_running or knowledge.is_waiting():
                line.show(now.done / now.total if now.total else 0.0, f"{now.done:,} of {now.total:,} documents  {now.name}")
                time.sleep(0.05)
        except KeyboardInterrupt:
            knowledge.cancel()
            knowledge.wait()
            print("\nStopped; “yanmo index update” goes on from here.", file=sys.stderr)
            raise
    state = knowledge.wait()
    for one in collections:
        _print_collection(workstation, one)
    if state.error is not None and not isinstance(state.error, WorkCancelled):
        raise state.error
    return 0


def _print_collection(workstation: Workstation, collection: Collection) -> None:
    print(collection.name)
    for root in workstation.knowledge.roots(collection.id):
        gone = "" if root.is_there else "  (not there any more)"
        print(f"  {root.path}  {root.documents:,} documents, {root.passages:,} passages{gone}")
        for failure in root.failures[:20]:
            print(f"    ✗ {error_from_json(failure.error or {}).english()}")
        if len(root.failures) > 20:
            print(f"    ✗ and {len(root.failures) - 20} more")
