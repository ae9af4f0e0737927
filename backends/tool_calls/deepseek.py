"""DeepSeek V3, V3.1 and R1: names and JSON between marks written with a full-width bar."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import BadCall, Tool
from backends.tool_calls.reading import NamedSection, Section, ToolFormat

_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL, _CALL_END, _SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"


class DeepSeek(ToolFormat):
    """``begin function sep name ```json {…} ``` end`` (V3), or ``begin name sep {…} end`` (V3.1)."""

    name = "deepseek"
    hints = ("tool▁calls▁begin", "tool▁call▁begin")
    openings = (_CALLS, _CALL)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return _Section(tools, first_index, ("{",), ("```", _CALL_END, _CALL), (_CALLS_END,))


class _Section(NamedSection):
    def read_name(self, head: str) -> str:
        before, separator, after = head.partition(_SEPARATOR)
        if not separator:
            raise BadCall("no separator")
        name = before if not after.strip() else after
        if before.strip() not in ("", "function") and after.strip() in ("```json", "```"):
            name = before
        return name.replace("```json", "").replace("```", "").replace(_CALL, "").strip()
