"""GLM-4.5 and later: ``<tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import Section, ToolFormat
from backends.tool_calls.tagged import TaggedSection, trim_lines

_CALL = re.compile(r"\s*(?P<name>[^<\n{]+?)\s*(?P<body><arg_key>.*?)?(?=</tool_call>)", re.DOTALL)
_ARGUMENT = re.compile(rf"<arg_key>(?P<key>.*?)</arg_key>\s*<arg_value>{trim_lines('.*?')}</arg_value>", re.DOTALL)


class Glm(ToolFormat):
    """A tag for each key and each value."""

    name = "glm"
    hints = ("<arg_key>",)
    openings = ("<tool_call>",)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return TaggedSection(tools, first_index, call=_CALL, argument=_ARGUMENT, closing="</tool_call>", end="</tool_call>")
