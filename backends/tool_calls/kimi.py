"""Kimi K2: ``<|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`` in a section."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import NamedSection, Section, ToolFormat

_BEGIN, _END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
_CALL, _CALL_END, _ARGUMENTS = "<|tool_call_begin|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>"


class Kimi(ToolFormat):
    """Marks around the section, every call, and between name and arguments; the id is the name with a number."""

    name = "kimi"
    hints = ("<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>")
    openings = (_BEGIN, _CALL)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return _Section(tools, first_index, (_ARGUMENTS,), (_CALL_END, _CALL), (_END,))


class _Section(NamedSection):
    def read_name(self, head: str) -> str:
        return head.replace(_CALL, "").strip().rpartition(":")[0] or head.replace(_CALL, "").strip()
