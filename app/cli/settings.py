"""``yanmo settings``: every setting, shown and changed in a shell."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.workstation import Workstation

    MakeWorkstation = Callable[[], Workstation]

_EXAMPLES = """examples:
  yanmo settings                            every setting; a * marks those that were changed
  yanmo settings hubs                       those whose name begins so
  yanmo settings theme=dark
  yanmo settings hubs.preferred=modelscope downloads.connections=8
  yanmo settings hubs.huggingface.endpoint=https://mirror.example
  yanmo settings theme=                     as usual again

A value is JSON, or a word as it stands. An open window shows a change the next time that it starts, so it must be closed.
"""
_WIDEST = 60


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``settings`` to the main parser."""
    parser = subparsers.add_parser(
        "settings",
        help="show and change every setting",
        description="Show or change what is on the Settings page, and what is nowhere else.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "items", metavar="NAME[=VALUE]", nargs="*", help="a setting to show or to change; nothing after the = is the usual value"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_settings)


def run_settings(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """The command: all changes are checked before the first is made."""
    from app.settings import SETTINGS, check_setting

    changes = dict(_read(item) for item in arguments.items if "=" in item)
    beginnings = [item for item in arguments.items if "=" not in item]
    for name in [*changes, *beginnings]:
        if not any(key == name or (name in beginnings and key.startswith(name)) for key in SETTINGS):
            near = difflib.get_close_matches(name, SETTINGS, 3)
            hint = f" Did you mean {', '.join(near)}?" if near else " “yanmo settings” lists them."
            print(f"yanmo: there is no setting {name!r}.{hint}", file=sys.stderr)
            return 2
    for name, value in changes.items():
        check_setting(name, value)
    with _open_to_write(arguments) if changes else make_workstation() as workstation:
        for name, value in changes.items():
            workstation.settings.set(name, value)
        shown = [key for key in SETTINGS if key in changes or any(key.startswith(name) for name in beginnings)]
        values = {key: workstation.settings.get(key) for key in shown or SETTINGS}
    if arguments.json:
        print(json.dumps(values, ensure_ascii=False, indent=1))
    else:
        _print(values)
    return 0


def _open_to_write(arguments: argparse.Namespace) -> Workstation:
    """The data for this process alone.

    Raises:
        DatabaseInUse: a window is open, which would not hear of the change.
    """
    from app.workstation import make_workstation

    return make_workstation(arguments.paths)


def _read(item: str) -> tuple[str, Any]:
    """``NAME=VALUE``; no value is the usual one."""
    from app.settings import SETTINGS

    name, _, text = item.partition("=")
    setting = SETTINGS.get(name)
    if setting is None or not text:
        return name, setting.default if setting else None
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    is_text = isinstance(setting.default, str) and not isinstance(value, str)
    return name, text if is_text else value


def _print(values: dict[str, Any]) -> None:
    from app.settings import SETTINGS

    width = max(len(key) for key in values)
    for key, value in values.items():
        text = json.dumps(value, ensure_ascii=False)
        text = text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
        print(f"{'*' if value != SETTINGS[key].default else ' '} {key.ljust(width)}  {text}")
