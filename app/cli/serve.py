"""``yanmo serve``: the server for other programs, without a window."""

from __future__ import annotations

import argparse
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.notices import make_notice
from models.errors import InvalidOption

if TYPE_CHECKING:
    from app.services.engine_pool import EnginePool
    from app.workstation import Workstation

KEY_VARIABLE = "YANMO_API_KEY"
_EXAMPLES = f"""examples:
  yanmo serve                                        on http://127.0.0.1:8040, models are loaded when they are asked for
  yanmo serve --model qwen3-8b --ctx 16384           with a model in memory from the start
  yanmo serve --ollama                               also at port 11434, for programs that know only Ollama
  {KEY_VARIABLE}=secret yanmo serve --host 0.0.0.0     for other machines, which need the key
  yanmo serve --config server.toml                   settings from a file: the options below without their dashes
  yanmo serve keys create laptop                     a key that is kept (only its hash), printed once
"""
_OPTIONS = {
    "host": str,
    "port": int,
    "model": str,
    "parallel": int,
    "ctx": int,
    "models": int,
    "idle": float,
    "api_key": str,
    "ollama": bool,
    "allow_host": list,
    "allow_origin": list,
    "allow_image_urls": bool,
    "alias": list,
}
_SETTINGS = {
    "port": "server.port",
    "parallel": "server.parallel",
    "ctx": "server.context_length",
    "models": "server.models_at_once",
    "idle": "server.idle_minutes",
}
"""Options that have a setting's limits, and that setting."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``serve`` to the main parser."""
    parser = subparsers.add_parser(
        "serve",
        help="serve models to other programs",
        description="Answer other programs: OpenAI's, Anthropic's, Ollama's, LM Studio's and llama-server's endpoints on one port.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", metavar="MODEL", help="put this model in memory at once, for requests that name none")
    parser.add_argument("--host", help="address to listen at (127.0.0.1); others need a key")
    parser.add_argument("--port", type=int, help="port to listen at (8040); 0 takes a free one")
    parser.add_argument("--api-key", metavar="KEY", help=f"a key that requests must have; better in {KEY_VARIABLE}")
    parser.add_argument("--parallel", type=int, metavar="N", help="requests that each model answers at once (8)")
    parser.add_argument("--ctx", type=int, metavar="TOKENS", help="context that the requests of a model share")
    parser.add_argument("--models", type=int, metavar="N", help="models in memory at once (3)")
    parser.add_argument("--idle", type=float, metavar="MINUTES", help="unload a model that nobody used for so long; 0 never (30)")
    parser.add_argument("--ollama", action="store_true", default=None, help="listen at Ollama's port 11434 too")
    parser.add_argument("--alias", action="append", metavar="NAME=MODEL", help="another name, * allowed: claude-*=qwen3-8b")
    parser.add_argument("--allow-host", action="append", metavar="NAME", help="a further name by which this server is called")
    parser.add_argument("--allow-origin", action="append", metavar="URL", help="a web page that may use it")
    parser.add_argument(
        "--allow-image-urls", action="store_true", default=None, help="fetch pictures that requests name by address"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="read these options from a TOML file")
    parser.set_defaults(run=run_serve)
    actions = parser.add_subparsers(title="keys", metavar="keys")
    keys = actions.add_parser("keys", help="keys that are kept")
    keys.add_argument("action", choices=("list", "create", "remove"), nargs="?", default="list")
    keys.add_argument("name", nargs="?", default="")
    keys.add_argument("--use-only", action="store_true", help="the key may use models, not load or delete them")
    keys.set_defaults(run=run_keys)


def run_keys(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """``yanmo serve keys``."""
    with make_workstation() as workstation:
        keys = workstation.server.keys
        if arguments.action == "create":
            print(keys.create(arguments.name, ("use",) if arguments.use_only else ("use", "manage")))
            print("This is shown only now: keep it.", file=sys.stderr)
        elif arguments.action == "remove":
            if not keys.remove(arguments.name):
                print(f"yanmo serve: there is no key {arguments.name!r}.", file=sys.stderr)
                return 1
        else:
            for key in keys.list():
                print(f"{key.name}\t…{key.hint}\t{', '.join(key.scopes)}")
    return 0


def run_serve(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """Serve until interrupted."""
    from app.api.server import run_server

    values = _read_config(arguments.config) if arguments.config else {}
    for name in _OPTIONS:
        if getattr(arguments, name) is not None:
            values[name] = getattr(arguments, name)
    try:
        _check(values)
    except InvalidOption as error:
        print(f"yanmo: {error.english()}", file=sys.stderr)
        return 2
    secret = values.get("api_key") or os.environ.get(KEY_VARIABLE, "")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with make_workstation() as workstation:
        switch = workstation.server
        switch.start_server = functools.partial(run_server, workstation)
        options = switch.options()
        options = replace(
            options,
            host=values.get("host", options.host),
            port=values.get("port", options.port),
            parallel=values.get("parallel", options.parallel),
            ollama_port=11434 if values.get("ollama", bool(options.ollama_port)) else 0,
            hosts=(*options.hosts, *values.get("allow_host", ())),
            origins=(*options.origins, *values.get("allow_origin", ())),
            fetches_images=values.get("allow_image_urls", options.fetches_images),
        )
        pool = switch.pool_options()
        pool = replace(
            pool,
            most=values.get("models", pool.most),
            idle_seconds=60 * values.get("idle", pool.idle_seconds / 60),
            context_length=values.get("ctx", pool.context_length),
            parallel=options.parallel,
        )
        for entry in values.get("alias", ()):
            _add_alias(workstation, entry)
        if values.get("model"):
            switch.main_model = workstation.find_model(values["model"])  # who asks while it is loaded waits for it
            switch.is_loading = True
        address = switch.start(options, pool, (secret,) if secret else ())
        if switch.main_model:
            _load(workstation, switch.main_model)
        print(f"Yanmo serves at {address} (documentation: {address}/docs). Ctrl+C ends it.", flush=True)
        if options.ollama_port and options.ollama_port not in switch.ports:
            print("Port 11434 is used by another program, so it does not listen there.", file=sys.stderr, flush=True)
        told: set[str] = set()
        while not ended.wait(0.5):
            _tell_notices(switch.pool, told)
    return 0


def _check(values: dict[str, Any]) -> None:
    """Refuse numbers before anything starts with them.

    Raises:
        InvalidOption: it says what the number may be.
    """
    from app.settings import check_setting

    for name, setting in _SETTINGS.items():
        if name not in values or (name == "port" and values[name] == 0):  # takes a free one, which is no setting
            continue
        try:
            check_setting(setting, values[name])
        except InvalidOption as error:
            raise InvalidOption(**{**error.facts, "option": name}) from None


def _tell_notices(pool: EnginePool, told: set[str]) -> None:
    """Say once of each model in memory that it was not loaded as wished; ``told`` is what was said before."""
    for model in pool.list_loaded():
        if (line := make_notice(model.facts)) and line not in told:
            told.add(line)
            print(line, file=sys.stderr, flush=True)


def _load(workstation: Workstation, reference: str) -> None:
    lease = workstation.server.pool.acquire(reference)
    workstation.server.is_loading = False
    workstation.server.pool.set_idle_seconds(reference, -1)
    print(f"{lease.facts.name} is in memory, with {lease.facts.context_length} tokens of context.", flush=True)
    lease.give_back()


def _add_alias(workstation: Workstation, entry: str) -> None:
    name, _, model = entry.partition("=")
    if not name or not model:
        raise InvalidOption(option="alias", value=entry, allowed="NAME=MODEL")
    workstation.server.extra_aliases[name] = model


def _read_config(path: Path) -> dict[str, Any]:
    """The options of a TOML file.

    Raises:
        InvalidOption: the file cannot be read, or holds something else.
    """
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidOption(option="config", value=str(path), allowed=f"a TOML file ({error})") from error
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        kind = _OPTIONS.get(name)
        if kind is None:
            raise InvalidOption(option=key, value=repr(value), allowed=f"left out; known are {', '.join(_OPTIONS)}")
        is_right = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not is_right or (isinstance(value, bool) and kind is not bool):
            raise InvalidOption(option=key, value=repr(value), allowed=f"a value of type {kind.__name__}")
        found[name] = value
    return found
