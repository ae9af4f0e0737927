"""What can still be read of a stored value whose bytes a failing disk changed."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

DAMAGED_MESSAGE = "This message is damaged; what can be read of it follows."
"""Begins the text of a message whose parts are no JSON any more; a blank line and its words follow."""

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""What reading a damaged value may raise."""

_TEXT = re.compile(r'"text":\s*"((?:[^"\\]|\\.)*)', re.DOTALL)


def rescue_words(text: str) -> str:
    """The words in what was the JSON of a message's parts; all of it where no words can be told from the rest."""
    found = []
    for piece in _TEXT.findall(text):
        try:
            found.append(str(json.loads(f'"{piece}"', strict=False)))
        except ValueError:
            found.append(piece)
    return "\n\n".join(piece for piece in found if piece) or text


def read_object(text: str | None) -> dict[str, Any]:
    """A stored JSON object; an empty one where there is none, or it is damaged."""
    with contextlib.suppress(*UNREADABLE):
        value = json.loads(text) if text else {}
        return value if isinstance(value, dict) else {}
    return {}
