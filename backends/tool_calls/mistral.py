"""Mistral: ``[TOOL_CALLS][{"name": …, "arguments": …}]``, and since 2025 ``[TOOL_CALLS]name[ARGS]{…}``."""

from __future__ import annotations

from collections.abc import Sequence

from backends.tool_calls.events import Tool
from backends.tool_calls.reading import JsonObjectSection, NamedSection, Section, ToolFormat


class Mistral(ToolFormat):
    """One mark before a list of calls, or before each call."""

    name = "mistral"
    hints = ("[TOOL_CALLS]",)
    openings = ("[TOOL_CALLS]",)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return _Either(tools, first_index)


class _Named(NamedSection):
    def read_name(self, head: str) -> str:
        return head.partition("[CALL_ID]")[0]


class _Either(Section):
    """Which of the two it is says the first character."""

    def __init__(self, tools: Sequence[Tool], first_index: int) -> None:
        super().__init__(tools, first_index)
        self._make = (tools, first_index)
        self._inner: Section | None = None

    def add(self, text: str) -> str | None:
        if self._inner is None:
            text = text.lstrip()
            if not text:
                return None
            tools, first = self._make
            self._inner = (
                JsonObjectSection(tools, first, "")
                if text[0] in "[{"
                else _Named(tools, first, ("[ARGS]", "{"), ("[TOOL_CALLS]",), ())
            )
            self._inner.events = self.events
        self._inner.events = self.events
        rest = self._inner.add(text)
        self.calls = self._inner.calls
        return rest

    def finish(self) -> None:
        if self._inner is None:
            super().finish()
        else:
            self._inner.finish()
