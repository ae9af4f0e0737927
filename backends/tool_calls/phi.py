"""Phi-4-mini: ``functools[{…}]``, and ``<|tool_call|>[{…}]<|/tool_call|>``; Granite writes the latter without an end."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import JsonObjectSection, Section, ToolFormat


class Phi(ToolFormat):
    """A list of objects after a mark."""

    name = "phi"
    hints = ("<|tool_call|>", "functools[")
    openings = ("<|tool_call|>", "functools")

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return JsonObjectSection(tools, first_index, "" if opening == "functools" else "<|/tool_call|>")
