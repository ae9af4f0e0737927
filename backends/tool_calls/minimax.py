"""MiniMax M2: ``<minimax:tool_call><invoke name="…"><parameter name="…">value</parameter></invoke></minimax:tool_call>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import Section, ToolFormat
from backends.tool_calls.tagged import TaggedSection, trim_lines

_CALL = re.compile(r"\s*<invoke name=\"?(?P<name>[^\">]+)\"?>(?P<body>.*?)</invoke>", re.DOTALL)
_ARGUMENT = re.compile(rf"<parameter name=\"?(?P<key>[^\">]+)\"?>{trim_lines('.*?')}</parameter>", re.DOTALL)


class MiniMax(ToolFormat):
    """A tag for each call and each argument, inside one for all."""

    name = "minimax"
    hints = ("<minimax:tool_call>",)
    openings = ("<minimax:tool_call>",)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return TaggedSection(tools, first_index, call=_CALL, argument=_ARGUMENT, closing="</invoke>", end="</minimax:tool_call>")
