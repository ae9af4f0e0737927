"""The page of every command: what it is for, what it takes, each option; read from the parser of the command line itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from manual.catalog import Catalog

from app.cli.main import make_parser

SHARED = "how to generate"


def iter_parsers(parser: argparse.ArgumentParser | None = None) -> Iterator[argparse.ArgumentParser]:
    """The main parser and those of every command, in the order of the help."""
    parser = parser or make_parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield from iter_parsers(child)


def write_page(catalog: Catalog) -> str:
    """The page in the language of the catalog."""
    title = catalog.choose("Every command", "全部命令")
    intro = catalog.choose(
        "`yanmo COMMAND --help` says the same in the terminal. Exit status: 0 done, 1 something went wrong (it is said what), "
        "2 wrong usage, 130 interrupted.",
        "在终端里，`yanmo 命令 --help` 会给出同样的说明（英文）。退出码：0 完成，1 出错（会说明原因），2 用法不对，130 被中断。",
    )
    parts = [f"# {title}", intro]
    shared: list[argparse.Action] = []
    for parser in iter_parsers():
        groups = [group for group in parser._action_groups if (group.title or "").startswith(SHARED)]
        own = [action for action in parser._actions if not any(action in group._group_actions for group in groups)]
        parts += _describe(parser, own, catalog)
        for group in groups:
            shared = shared or list(group._group_actions)
            link = catalog.choose("[how to generate](#how-to-generate)", "[生成选项](#how-to-generate)")
            parts.append(catalog.choose(f"And the options of {link}.", f"另有{link}。"))
    heading = catalog.choose("How to generate", "生成选项")
    parts += [f"## {heading} {{ #how-to-generate }}", _list(shared, catalog)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _describe(parser: argparse.ArgumentParser, actions: list[argparse.Action], catalog: Catalog) -> list[str]:
    level = min(len(parser.prog.split()), 3)
    shown = [action for action in actions if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)]
    words = parser.description or _help_of(parser)
    return [f"{'#' * (1 + level)} {_name(parser)}", catalog.say(words) if words else "", _list(shown, catalog)]


def _name(parser: argparse.ArgumentParser) -> str:
    """``yanmo models pull``: argparse puts a parent's arguments between, which are no part of the name."""
    return " ".join(word for word in parser.prog.split() if not word.startswith("[") and not word.isupper())


def _help_of(parser: argparse.ArgumentParser) -> str:
    """The line by which the parent's help tells of a command."""
    for parent in iter_parsers():
        for action in parent._actions:
            if isinstance(action, argparse._SubParsersAction):
                for choice in action._choices_actions:
                    if action.choices[choice.dest].prog == parser.prog:
                        return choice.help or ""
    return ""


def _list(actions: list[argparse.Action], catalog: Catalog) -> str:
    rows = []
    for action in actions:
        value = action.metavar or "|".join(str(choice) for choice in action.choices or ()) or action.dest.upper()
        value = value if isinstance(value, str) else " ".join(value)
        if action.option_strings:
            name = ", ".join(action.option_strings) + (f" {value}" if action.nargs != 0 else "")
        else:
            name = value
        words = catalog.say((action.help or "").replace("%%", "%")) if action.help else ""
        rows.append(f"| `{name.replace('|', chr(92) + '|')}` | {words.replace('|', chr(92) + '|')} |")
    if not rows:
        return ""
    return "\n".join(["| | |", "|:--|:--|", *rows])
