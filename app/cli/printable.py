"""What a model writes, made harmless for a terminal, and what is piped in, read without waiting for ever."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import TextIO

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PATIENCE_SECONDS = 2.0


def make_printable(text: str, out: TextIO) -> str:
    """For a terminal, without control characters but newline and tab: a model must not move the cursor or change settings.

    A file or a pipe gets every byte.
    """
    return _CONTROLS.sub("", text) if out.isatty() else text


def read_piped(*, is_needed: bool) -> str:
    """What comes through standard input; nothing from a terminal.

    Unless it ``is_needed``, a pipe that is open and silent (as a script or a service may leave it) is given two seconds.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    if not is_needed and not _is_ready(sys.stdin):
        print("(Standard input is open and silent, so only the prompt is sent.)", file=sys.stderr)
        return ""
    return sys.stdin.read()


def _is_ready(stream: TextIO) -> bool:
    """Whether there is data, or an end, to be read; always where the system cannot say."""
    with contextlib.suppress(OSError, ValueError):
        import select

        return bool(select.select([stream.fileno()], [], [], _PATIENCE_SECONDS)[0])
    return True
