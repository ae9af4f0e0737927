"""Hermes, Qwen 2.5 and 3, and whoever else writes ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import JsonObjectSection, Section, ToolFormat


class Hermes(ToolFormat):
    """One JSON object between tags, one pair of tags a call."""

    name = "hermes"
    hints = ("<tool_call>",)
    openings = ("<tool_call>",)
    forced_opening = "<tool_call>\n"

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return JsonObjectSection(tools, first_index, "</tool_call>")
