"""Text that streams and may hold the beginning of a marker at its end."""

from __future__ import annotations


def held_back(text: str, marker: str) -> int:
    """Length of the longest proper beginning of ``marker`` that ``text`` ends with: what must wait for the next piece."""
    for length in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:length]):
            return length
    return 0
