"""``yanmo remote``: connections to other servers, whose models then stand beside those of this machine."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.cli.figures import print_json, print_table

if TYPE_CHECKING:
    from app.services.remotes import RemoteReport, RemoteServer
    from app.workstation import Workstation

KEY_VARIABLE = "YANMO_REMOTE_KEY"
_EXAMPLES = f"""examples:
  yanmo remote add box http://192.168.1.20:8000/v1     a server such as vLLM, SGLang, llama-server or another Yanmo
  {KEY_VARIABLE}=secret yanmo remote add box https://…   with a key, kept in the system's keyring
  yanmo remote add box … --ask-key                     the key is asked for and not shown
  yanmo remote list --refresh                          what the connections offer now
  yanmo remote test box                                does it answer, and what can its first model do
  yanmo chat --model box/Qwen/Qwen3-8B                 a model is named by connection and name
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``remote`` to the main parser."""
    parser = subparsers.add_parser(
        "remote",
        help="use models that other servers hold",
        description="Keep connections to servers that speak OpenAI's API; their models are used like those of this machine.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=list_connections, refresh=False, json=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    listing = commands.add_parser("list", help="the connections and what they offer")
    listing.add_argument("--refresh", action="store_true", help="ask every server again")
    listing.set_defaults(run=list_connections)
    add = commands.add_parser("add", help="make a connection, or change the one of this name")
    add.add_argument("name", metavar="NAME")
    add.add_argument("url", metavar="ADDRESS")
    add.add_argument("--ask-key", action="store_true", help=f"ask for the key; else it is taken from {KEY_VARIABLE}")
    add.set_defaults(run=add_connection)
    key = commands.add_parser("key", help="give a connection another key, or none")
    key.add_argument("name", metavar="NAME")
    key.add_argument("--remove", action="store_true", help="forget the key")
    key.set_defaults(run=change_key)
    remove = commands.add_parser("remove", help="forget a connection and its key")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=remove_connection)
    test = commands.add_parser("test", help="try a connection and one of its models")
    test.add_argument("name", metavar="NAME")
    test.add_argument("--model", metavar="MODEL", default="", help="the model to try; else the first that chats")
    test.set_defaults(run=test_connection)
    for command in (listing, add, key, remove, test):
        command.add_argument("--json", action="store_true", help="print JSON")


def list_connections(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """Print the connections; an unreachable one is told and the others are shown all the same."""
    from models.errors import UserFacingError

    status = 0
    with make_workstation() as workstation:
        for server in workstation.remotes.list() if arguments.refresh else ():
            try:
                workstation.remotes.refresh(server.name)
            except UserFacingError as error:
                print(f"{server.name}: {error.english()}", file=sys.stderr)
                status = 1
        servers = workstation.remotes.list()
    if arguments.json:
        print_json([_show(server) for server in servers])
        return status
    if not servers:
        print("There is no connection yet. Make one with “yanmo remote add NAME ADDRESS”.")
    for server in servers:
        asked = time.strftime("%Y-%m-%d %H:%M", time.localtime(server.asked_at))
        print(f"{server.name}  {server.url}  (asked {asked})")
        for model in server.models:
            context = f"  {model.listed.context_length:,} tokens" if model.listed.context_length else ""
            print(f"  {server.name}/{model.listed.id}{context}")
    return status


def add_connection(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """Keep a connection once its server has answered."""
    key = getpass.getpass("Key: ") if arguments.ask_key else os.environ.get(KEY_VARIABLE, "")
    with make_workstation() as workstation:
        server = workstation.remotes.add(arguments.name, arguments.url, key)
    if arguments.json:
        print_json(_show(server))
    else:
        print(f"{server.name} is kept: {server.url} offers {_count(len(server.models))}.")
    return 0


def change_key(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """Keep another key, and say where."""
    key = "" if arguments.remove else os.environ.get(KEY_VARIABLE, "") or getpass.getpass("Key: ")
    with make_workstation() as workstation:
        file = workstation.remotes.set_key(arguments.name, key)
    place = "forgotten" if not key else f"kept in {file}, which only you can read" if file else "kept in the system's keyring"
    if arguments.json:
        print_json({"name": arguments.name, "has_key": bool(key), "file": str(file) if file else None})
    else:
        print(f"The key of {arguments.name} is {place}.")
    return 0


def remove_connection(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """Forget a connection."""
    with make_workstation() as workstation:
        workstation.remotes.remove(arguments.name)
    if arguments.json:
        print_json({"removed": arguments.name})
    else:
        print(f"{arguments.name} is forgotten, and its key too.")
    return 0


def test_connection(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """Ask a server for its list and a model for a word."""
    with make_workstation() as workstation:
        report = workstation.remotes.test(arguments.name, arguments.model)
    if arguments.json:
        found = report.capabilities.to_json() if report.model else None
        print_json({**_show(report.server), "seconds": report.seconds, "model": report.model, "capabilities": found})
        return 0
    print(f"{report.server.url} answers after {report.seconds * 1000:.0f} ms and offers {_count(len(report.server.models))}.")
    if report.model:
        print(f"{report.model} answers too.\n")
        print_table(_rows(report))
    return 0


def _rows(report: RemoteReport) -> list[tuple[str, str]]:
    can = report.capabilities
    answers = {True: "yes", False: "no"}
    if not can.can_write:
        return [("kind", "embeddings"), ("vectors of", str(can.embedding_width))]
    return [
        ("server", can.server or "unknown"),
        ("context", f"{can.context_length:,} tokens" if can.context_length else "unknown"),
        ("tools", answers[can.can_call_tools]),
        ("pictures", answers[can.can_see]),
        ("probabilities", answers[can.has_logprobs]),
        ("settings beyond OpenAI's", answers[can.takes_extensions]),
    ]


def _show(server: RemoteServer) -> dict[str, Any]:
    models = [
        {
            "id": f"{server.name}/{model.listed.id}",
            "context_length": model.listed.context_length,
            "kind": model.listed.kind,
            "capabilities": model.capabilities.to_json() if model.capabilities else None,
        }
        for model in server.models
    ]
    return {"name": server.name, "url": server.url, "asked_at": server.asked_at, "models": models}


def _count(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"
