"""What ``yanmo bench`` leaves behind: rows, a table in CSV, a picture; where they go is checked before anything is measured."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import InvalidOption

if TYPE_CHECKING:
    from app.cli.bench import Figure
    from backends.events import LoadedModel

_PICTURE = ".svg"


def check_targets(arguments: argparse.Namespace) -> None:
    """Refuse files that could not be written: measuring takes minutes.

    Raises:
        InvalidOption: it says which, and what is wrong with it.
    """
    if arguments.picture and Path(arguments.picture).suffix.lower() != _PICTURE:
        allowed = f"a file whose name ends in {_PICTURE}, the only kind of picture that is drawn"
        raise InvalidOption(option="picture", value=arguments.picture, allowed=allowed)
    for option in ("csv", "picture"):
        if (target := getattr(arguments, option)) and target != "-" and not _can_write(Path(target)):
            raise InvalidOption(option=option, value=target, allowed="a file in a folder that exists and can be written")


def write_files(arguments: argparse.Namespace, figures: Sequence[Figure], facts: LoadedModel) -> int:
    """Write what was asked for, after the figures were shown; the exit status."""
    status = 0
    texts = {}
    if arguments.csv and arguments.csv != "-":
        texts[arguments.csv] = make_table(figures)
    if arguments.picture:
        from app.cli.bench_picture import draw_figures

        title = f"{facts.name} {facts.quantization}".strip()
        texts[arguments.picture] = draw_figures(figures, title, f"{facts.device}, {facts.engine_version}, tokens per second")
    for target, text in texts.items():
        try:
            Path(target).write_text(text, encoding="utf-8")
        except OSError as error:
            print(f"yanmo bench: {target} could not be written: {error.strerror or error}.", file=sys.stderr)
            status = 1
    return status


def make_table(figures: Sequence[Figure]) -> str:
    """The figures in CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "tokens_per_second", "times_last_run", "acceptance", "llama_bench"))
    for one in figures:
        acceptance = one.acceptance if one.acceptance >= 0 else ""
        writer.writerow((one.name, one.tokens_per_second, round(one.ratio, 4) or "", acceptance, one.upstream or ""))
    return text.getvalue()


def describe(figure: Figure) -> dict[str, Any]:
    """A figure for programs."""
    return {
        "name": figure.name,
        "tokens_per_second": figure.tokens_per_second,
        "ratio": figure.ratio or None,
        "acceptance": figure.acceptance if figure.acceptance >= 0 else None,
        "llama_bench": figure.upstream or None,
    }


def _can_write(target: Path) -> bool:
    place = target if target.exists() else target.parent
    return not target.is_dir() and (target.exists() or place.is_dir()) and os.access(place, os.W_OK)
