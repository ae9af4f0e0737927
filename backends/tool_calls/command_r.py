"""Command R7B and A: ``<|START_ACTION|>[{"tool_call_id": …, "tool_name": …, "parameters": {…}}]<|END_ACTION|>``."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import JsonObjectSection, Section, ToolFormat


class CommandR(ToolFormat):
    """A list of objects between two marks."""

    name = "command_r"
    hints = ("<|START_ACTION|>",)
    openings = ("<|START_ACTION|>",)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return JsonObjectSection(tools, first_index, "<|END_ACTION|>")
