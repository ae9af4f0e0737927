"""The word about a load that is not quite what was wished, said on the command line as the window says it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.events import LoadedModel


def make_notice(facts: LoadedModel | None) -> str:
    """One line about a model that was loaded otherwise than was wished; empty where it was loaded as wished."""
    return f"({facts.name}: {' '.join(facts.notice.splitlines())})" if facts is not None and facts.notice else ""


def tell_notice(facts: LoadedModel | None) -> None:
    """Print that line to standard error, away from what a program may read."""
    if line := make_notice(facts):
        print(line, file=sys.stderr, flush=True)
