"""The rows of a transcript as a strip of known heights: which are near the view, and where the view stands."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from app.gui.chat.message_model import Row

MARGIN = 24
"""Pixels above the first and below the last row."""


class RowStrip:
    """``anchor`` is the row at the top of the view and how far into it the view begins, in pixels: it holds while heights change.

    With ``follows_end`` the view stands at the end instead.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.tops: list[float] = []
        self.anchor: tuple[Row | None, float] = (None, 0.0)
        self.follows_end = True

    def add_up(self) -> float:
        """Sum the heights anew; the height of all rows with their margins."""
        self.tops = list(accumulate((row.height for row in self.rows), initial=float(MARGIN)))
        return self.tops[-1] + MARGIN

    def wanted_value(self, total: float, height: int, now: int) -> float:
        """Where a view of ``height`` should stand; ``now`` is where it does."""
        limit = max(0.0, total - height)
        if self.follows_end:
            return limit
        row, offset = self.anchor
        if row is None or row not in self.rows:
            return min(float(now), limit)
        return max(0.0, min(self.tops[self.rows.index(row)] + offset, limit))

    def near(self, value: float, height: int) -> tuple[int, int]:
        """First and one-past-last row within half a view of a view at ``value``."""
        margin = height // 2
        first = max(0, bisect_right(self.tops, value - margin) - 1)
        last = min(len(self.rows), bisect_right(self.tops, value + height + margin))
        return first, last

    def hold(self, value: int) -> None:
        """Remember what stands at the top of a view at ``value``."""
        index = max(0, bisect_right(self.tops, float(value)) - 1)
        if index < len(self.rows):
            self.anchor = (self.rows[index], value - self.tops[index])

    def replace(self, rows: list[Row]) -> None:
        """Show other rows; the anchor moves to the same message where its row is gone."""
        top, offset = self.anchor
        if top is not None and top not in set(rows):
            self.anchor = _place_of(top, offset, rows)
        self.rows = rows


def _place_of(gone: Row, offset: float, rows: list[Row]) -> tuple[Row | None, float]:
    """Where a reader of a row that is gone should stand: at the same block of the same message."""
    same = [row for row in rows if row.model.message.id == gone.model.message.id]
    texts = [row for row in same if row.kind == "text"]
    if gone.kind == "text":
        for row in texts:
            if row.first <= gone.first < row.last:
                return row, offset
    if gone.kind == "tail" and texts:
        # What was the tail is now the end of the last row of text.
        return texts[-1], max(0.0, texts[-1].height - gone.height) + offset
    for row in same:
        if row.kind == gone.kind:
            return row, offset
    return (same[0], offset) if same else (None, 0.0)
