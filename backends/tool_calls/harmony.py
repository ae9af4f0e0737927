"""gpt-oss: the harmony format, where a call is a message of its own channel, addressed to the function."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.tool_calls.events import BadCall, Tool
from backends.tool_calls.reading import NamedSection, Section, ToolFormat

_NAME = re.compile(r"to=(?:functions\.)?(?P<name>[\w.-]+)")


class Harmony(ToolFormat):
    """``<|channel|>commentary to=functions.name <|constrain|>json<|message|>{…}<|call|>``."""

    name = "harmony"
    hints = ("<|channel|>commentary", "to=functions.")
    openings = (
        "<|channel|>commentary to=",
        "<|start|>assistant<|channel|>commentary to=",
        "<|start|>assistant to=",
        " to=functions.",
    )

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        section = _Section(tools, first_index, ("<|message|>",), ("<|call|>",), ("<|end|>",))
        section.add(opening[opening.index("to=") :])
        return section


class _Section(NamedSection):
    def read_name(self, head: str) -> str:
        found = _NAME.search(head)
        if found is None:
            raise BadCall("no function")
        return found["name"]
