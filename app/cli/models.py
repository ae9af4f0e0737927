"""``yanmo models``: lists, shows, imports, removes and verifies the models on this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import hubs, options
from app.cli.figures import count_text, print_json, size_text

if TYPE_CHECKING:
    from app.services.model_details import ModelUse
    from app.workstation import Workstation
    from models.card import ModelCard

    MakeWorkstation = Callable[[], Workstation]

_EXAMPLES = """examples:
  yanmo models search qwen3 --task chat
  yanmo models pull Qwen/Qwen3-4B-GGUF:Q4_K_M
  yanmo models fit Qwen/Qwen3-8B-GGUF:Q4_K_M --context 32768
  yanmo models update
  yanmo models list
  yanmo models show yanmo-starter-Q8_0
  yanmo models import ~/Downloads/Qwen3-4B-Q4_K_M.gguf
  yanmo models import --copy /media/stick/model.gguf
  yanmo models set Qwen3-4B-Q4_K_M temperature=0.6 context_length=16384
  yanmo models verify Qwen3-4B-Q4_K_M
  yanmo models remove Qwen3-4B-Q4_K_M
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``models`` and its commands to the main parser."""
    parser = subparsers.add_parser(
        "models",
        help="search, download, list, plan, import, remove or verify models",
        description="The models on this machine and on the hubs. A MODEL is an id, a name, a file name or a path; a REPOSITORY is "
        "OWNER/NAME as on Hugging Face and ModelScope.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=lambda arguments, make_workstation: _show_help(parser))
    commands = parser.add_subparsers(metavar="COMMAND")

    listing = commands.add_parser("list", help="every model: id, size, quantization, context")
    listing.set_defaults(run=list_models)

    show = commands.add_parser("show", help="what is known of one model, and the memory that it takes")
    show.add_argument("model", metavar="MODEL")
    show.set_defaults(run=show_model)

    add = commands.add_parser("import", help="add a GGUF file or a safetensors folder")
    add.add_argument("path", metavar="PATH", type=Path)
    add.add_argument("--copy", action="store_true", help="copy it into Yanmo's own folder (default: use it where it lies)")
    add.set_defaults(run=import_model)

    remove = commands.add_parser("remove", help="forget an imported model, or delete one in Yanmo's own folder")
    remove.add_argument("model", metavar="MODEL")
    remove.add_argument("--delete", action="store_true", help="delete the files even where they lie elsewhere")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=remove_model)

    verify = commands.add_parser("verify", help="read every byte: structure and SHA-256")
    verify.add_argument("model", metavar="MODEL")
    verify.add_argument("--repair", action="store_true", help="fetch the damaged parts of a downloaded model again")
    verify.set_defaults(run=verify_model)

    stores = commands.add_parser("stores", help="use the models of other programs (Ollama, LM Studio …) where they lie")
    stores.add_argument("--use", metavar="NAME", action="append", default=[], help="list its models from now on")
    stores.add_argument("--drop", metavar="NAME", action="append", default=[], help="list them no more")
    stores.set_defaults(run=show_stores)

    share = commands.add_parser("share", help="keep equal files of Yanmo's own folder once on the disk")
    share.set_defaults(run=share_files)

    hubs.add_commands(commands)
    options.add_parser(commands, "set")

    for command in (listing, show, add, remove, verify, stores, share):
        command.add_argument("--json", action="store_true", help="print JSON")


def list_models(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print a table of every model, and what could not be read."""
    with make_workstation() as workstation:
        cards = workstation.library.list_models()
        unreadable = workstation.library.list_unreadable()
    if arguments.json:
        trouble = [{"path": entry.path, **entry.error.to_json()} for entry in unreadable]
        print_json({"models": [card.to_json() for card in cards], "unreadable": trouble})
        return 0
    rows = [("ID", "SIZE", "TYPE", "PARAMETERS", "CONTEXT", "KIND"), *(_make_row(card) for card in cards)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if not cards:
        print("\nThere is no model yet. Add one with “yanmo models import FILE”.")
    for entry in unreadable:
        print(f"\n{entry.path}\n  {entry.error.english()}", file=sys.stderr)
    return 0


def show_model(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print everything that is known of one model."""
    with make_workstation() as workstation:
        card = workstation.library.find(arguments.model)
        sha256 = workstation.library.known_sha256(card)
        memory = _estimate(card, workstation)
        chosen = _chosen_defaults(card, workstation)
    if arguments.json:
        print_json({**card.to_json(), "sha256": sha256, "memory": memory, "defaults": chosen})
        return 0
    facts = {
        "id": card.id,
        "name": card.name,
        "path": card.path,
        "parts": str(len(card.files)) if len(card.files) > 1 else "",
        "kind": card.kind,
        "format": card.format,
        "architecture": card.architecture,
        "quantization": card.quantization,
        "parameters": count_text(card.parameter_count),
        "size": size_text(card.size_bytes),
        "context": f"{card.context_length:,} tokens" if card.context_length else "",
        "chat template": "yes" if card.has_chat_template else "no",
        "languages": ", ".join(card.languages),
        "licence": card.licence,
        "SHA-256": sha256 or "not computed yet: yanmo models verify",
        "memory": ", ".join(f"{size_text(needed)} with {context} tokens" for context, needed in memory.items()),
        "used with": ", ".join(f"{name}={value}" for name, value in chosen.items()),
    }
    for name, text in facts.items():
        if text:
            print(f"{name:<14} {text}")
    return 0


def import_model(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Add a model in place or as a copy."""
    with make_workstation() as workstation:
        card = workstation.library.import_model(arguments.path, copy=arguments.copy, on_progress=_make_meter(arguments))
    if arguments.json:
        print_json(card.to_json())
    else:
        print(f"Added {card.name} ({card.quantization}, {size_text(card.size_bytes)}) as {card.id}.")
    return 0


def remove_model(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Forget or delete a model; files are deleted only after a question or with ``--yes``."""
    with make_workstation() as workstation:
        card = workstation.library.find(arguments.model, is_exact=True)
        deletes = card.is_copy or arguments.delete
        if deletes and not arguments.yes and not card.is_starter and not _confirm(card, workstation.details.use_of(card)):
            print("Nothing was deleted. To delete without this question, add --yes.", file=sys.stderr)
            return 1
        card = workstation.library.remove(card.path, delete=arguments.delete)
    if arguments.json:
        print_json({"removed": card.to_json(), "deleted": deletes})
    else:
        print(f"Deleted {card.name}." if deletes else f"Forgot {card.name}; its file stays where it is.")
    return 0


def verify_model(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Check the structure and the SHA-256 of a model's files; with ``--repair`` mend what was downloaded."""
    from models.errors import DamagedModelFile

    with make_workstation() as workstation:
        try:
            found = workstation.library.verify(arguments.model, _make_meter(arguments))
            is_as_brought = workstation.is_as_brought(found.card)
        except DamagedModelFile:
            if not arguments.repair:
                raise
            is_as_brought = False
        if not is_as_brought and arguments.repair:
            return _repair(arguments, workstation)
    if arguments.json:
        state = found.state if is_as_brought else "damaged"
        print_json({"id": found.card.id, "sha256": found.sha256, "state": state})
        return 0 if is_as_brought else 1
    meaning = {
        "first": "whole; its hash is recorded now",
        "same": "whole and unchanged",
        "new": "whole, but another file than the one recorded before",
    }
    if not is_as_brought:
        print(f"{found.card.name} is not what was downloaded: it was changed, or the disk damaged it. To mend it: --repair")
        return 1
    print(f"{found.card.name} is {meaning[found.state]}.\nSHA-256 {found.sha256}")
    return 0


def show_stores(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print which other programs have models here, and begin or end to list them."""
    from models.other_stores import find_stores

    found = find_stores(Path.home())
    names = {store.key for store in found}
    for name in [*arguments.use, *arguments.drop]:
        if name not in names:
            print(f"yanmo models stores: “{name}” is none of: {', '.join(sorted(names)) or 'nothing was found'}", file=sys.stderr)
            return 2
    with make_workstation() as workstation:
        settings = workstation.settings
        wanted = [key for key in settings.get("models.scanned_programs") if key not in arguments.drop]
        wanted = list(dict.fromkeys([*wanted, *arguments.use]))
        if arguments.use or arguments.drop:
            settings.set("models.scanned_programs", wanted)
    if arguments.json:
        print_json([{"name": store.key, "folder": str(store.folder), "used": store.key in wanted} for store in found])
        return 0
    for store in found:
        print(f"{store.key:<12} {'used' if store.key in wanted else '-':<5} {store.folder}")
    if not found:
        print("No other program with models was found.")
    return 0


def share_files(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Let equal files share their room."""
    with make_workstation() as workstation:
        spared = workstation.share_equal_files()
    if arguments.json:
        print_json({"spared": spared})
    else:
        print(f"{size_text(spared)} became free." if spared else "No model of Yanmo's own folder is there twice.")
    return 0


def _repair(arguments: argparse.Namespace, workstation: Workstation) -> int:
    """Fetch damaged blocks of every file of the model."""
    from models.errors import ModelError

    path = Path(arguments.model).expanduser()
    files = [path] if path.is_file() else [Path(name) for name in workstation.library.find(arguments.model).files]
    for file in files:
        download = workstation.downloads.repair(file.absolute())
        if download is None:
            raise ModelError(model=file.name, reason="Yanmo did not download it, so it does not know where to fetch it again.")
        ended = workstation.downloads.wait(download.id)
        if ended is not None and ended.error is not None:
            raise ended.error
        workstation.downloads.remove(download.id)
        if not arguments.json:
            print(f"{file.name} is whole again.")
    if arguments.json:
        print_json({"repaired": [str(file) for file in files]})
    return 0


def _show_help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _make_row(card: ModelCard) -> tuple[str, ...]:
    context = f"{card.context_length:,}" if card.context_length else ""
    return (card.id, size_text(card.size_bytes), card.quantization, count_text(card.parameter_count), context, card.kind)


def _estimate(card: ModelCard, workstation: Workstation) -> dict[str, int]:
    """Bytes needed for some context lengths, with what was chosen for the model otherwise."""
    if card.kind not in ("chat", "base") or card.format == "remote":
        return {}
    options = workstation.defaults.load_options(workstation.find_model(card.path))
    contexts = [length for length in (2048, 8192, 32768) if length <= card.context_length] or [card.context_length or 2048]
    plans = [workstation.planner.plan_card(card, replace(options, context_length=length)) for length in contexts]
    return {f"{length:,}": plan.needed for length, plan in zip(contexts, plans, strict=True)}


def _chosen_defaults(card: ModelCard, workstation: Workstation) -> dict[str, Any]:
    """What was chosen for a model beside the usual."""
    from dataclasses import asdict

    from backends.options import LoadOptions

    usual, reference = asdict(LoadOptions()), workstation.find_model(card.path)
    loading = asdict(workstation.defaults.load_options(reference))
    return {name: value for name, value in loading.items() if value != usual[name]} | workstation.defaults.sampling(reference)


def _confirm(card: ModelCard, use: ModelUse) -> bool:
    if not sys.stdin.isatty():
        return False
    if use.conversations:
        print(f"{use.conversations} conversations were held with it; they stay.")
    if use.models:
        print(f"{use.models} models are used with it, as draft model or adapter.")
    if use.is_default:
        print("It is the model that new conversations use.")
    files = "\n".join(card.files) if card.format == "gguf" else card.path
    return input(f"Delete {size_text(card.size_bytes)}?\n{files}\n[y/N] ").strip().lower() in ("y", "yes")


def _make_meter(arguments: argparse.Namespace) -> Callable[[int, int], bool] | None:
    """A percentage on a terminal; nothing in a script."""
    if arguments.json or not sys.stderr.isatty():
        return None
    shown = -1

    def show(done: int, total: int) -> bool:
        nonlocal shown
        percent = done * 100 // max(total, 1)
        if percent != shown:
            shown = percent
            print(f"\r{percent:3d} %", end="" if percent < 100 else "\r     \r", file=sys.stderr, flush=True)
        return True

    return show
