"""Llama 3.x: a bare object ``{"name": …, "parameters": {…}}`` at the head of the reply, or one after ``<|python_tag|>``."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import JsonObjectSection, Section, ToolFormat


class Llama3(ToolFormat):
    """JSON without marks around it; several objects are separated by ``;``, which few models write."""

    name = "llama3"
    hints = ("<|python_tag|>", '"parameters": dictionary of argument name')
    openings = ("<|python_tag|>", '{"name"', '{ "name"', '{\n"name"', '{"type": "function"', '{"type":"function"', '{"function"')
    only_at_head = True

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return JsonObjectSection(tools, first_index, "", head="" if opening.startswith("<") else opening)
