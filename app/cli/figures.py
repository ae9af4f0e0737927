"""Figures as the command line prints them: sizes, counts, times, tables and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Indented, with Chinese as Chinese."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    print()


def size_text(count: float) -> str:
    """Bytes with a unit of powers of ten."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count < 1000 * factor else f"{count / factor:,.0f} {unit}"
    return f"{count:.0f} B"


def count_text(count: int) -> str:
    """A count of parameters or downloads; empty where it is 0."""
    for unit, factor in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return str(count) if count else ""


def time_text(seconds: float | None) -> str:
    """Hours, minutes and seconds; empty where unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
