"""What a look at this machine found: one thing, in plain words."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

State = Literal["good", "note", "trouble"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``remedy`` says what to do, empty where nothing need be done; ``commands`` do it in a shell."""

    topic: str
    state: State
    text: str
    remedy: str = ""
    commands: tuple[str, ...] = ()


def is_frozen() -> bool:
    """Whether this is the packaged app, with a Python of its own to which nothing can be added."""
    return bool(getattr(sys, "frozen", False))
