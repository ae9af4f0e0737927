"""``yanmo options``: how a model is put in memory, shown and changed: context, threads, devices, adapters, draft model …"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.workstation import Workstation

_EXAMPLES = """examples:
  yanmo options Qwen3-32B                                    how it is loaded
  yanmo options Qwen3-32B context_length=16384 kv_type=q8_0
  yanmo options Qwen3-32B draft_model=Qwen3-0.6B lookup_tokens=8
  yanmo options Mixtral cpu_experts=-1 'tensor_overrides=[["token_embd", "CPU"]]'
  yanmo options coder 'adapters=[["style.gguf", 0.7]]'
  yanmo options Qwen3-32B --reset
"""
_OURS = ("cache_folder", "cache_megabytes")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``options`` to the main parser."""
    parser = subparsers.add_parser(
        "options",
        help="how a model is put in memory: show and change it",
        description="Show or change the options with which a model is loaded. They hold from the next time on that it is.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("changes", metavar="NAME=VALUE", nargs="*", help="a value is JSON, or a word as it stands")
    parser.add_argument("--reset", action="store_true", help="forget what was chosen for this model")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_options)


def run_options(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from backends.options import LoadOptions

    try:
        changes = dict(_read(change) for change in arguments.changes)
    except ValueError as error:
        print(f"yanmo options: {error}", file=sys.stderr)
        return 2
    with make_workstation() as workstation:
        reference = workstation.find_model(arguments.model)
        old = LoadOptions() if arguments.reset else workstation.engines.options_for(reference)
        options = LoadOptions(**{**asdict(old), **changes})
        if changes or arguments.reset:
            table = dict(workstation.settings.get("model.load_options"))
            table.pop(reference, None)
            if options != LoadOptions():
                table[reference] = asdict(options)
            workstation.settings.set("model.load_options", table)
    values = {name: value for name, value in asdict(options).items() if name not in _OURS}
    if arguments.json:
        print(json.dumps(values, ensure_ascii=False, indent=1))
        return 0
    usual = asdict(LoadOptions())
    width = max(len(name) for name in values)
    for name, value in values.items():
        mark = "" if value == usual[name] else "   (chosen)"
        print(f"{name.ljust(width)}  {json.dumps(value, ensure_ascii=False)}{mark}")
    return 0


def _read(change: str) -> tuple[str, Any]:
    """``NAME=VALUE``. Raises ValueError with a sentence where it is none."""
    from backends.options import LoadOptions

    name, separator, text = change.partition("=")
    name = name.strip().replace("-", "_")
    known = [option.name for option in fields(LoadOptions) if option.name not in _OURS]
    if not separator or name not in known:
        raise ValueError(f"“{change}” is no option; there are: {', '.join(known)}.")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    kind = type(getattr(LoadOptions(), name))
    if kind is bool and not isinstance(value, bool):
        raise ValueError(f"“{name}” is true or false, not {text}.")
    if kind is tuple and not isinstance(value, list):
        raise ValueError(f"“{name}” is a list in JSON, not {text}.")
    if kind is str and not isinstance(value, str):
        value = text
    if kind is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"“{name}” is a whole number, not {text}.")
    if name == "flash_attention" and value not in (True, False, None):
        raise ValueError("“flash_attention” is true, false or null.")
    return name, value
