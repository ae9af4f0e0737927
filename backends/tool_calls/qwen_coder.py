"""Qwen3-Coder and its like: ``<tool_call><function=name><parameter=key>value</parameter></function></tool_call>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.tool_calls.events import BadCall, Tool
from backends.tool_calls.reading import Section, ToolFormat
from backends.tool_calls.tagged import TaggedSection, trim_lines

_CALL = re.compile(r"\s*(?:<tool_call>\s*)?<function=(?P<name>[^>\n]+)>(?P<body>.*?)</function>", re.DOTALL)
_ARGUMENT = re.compile(rf"<parameter=(?P<key>[^>\n]+)>{trim_lines('.*?')}</parameter>", re.DOTALL)


class QwenCoder(ToolFormat):
    """A tag for the function, a tag for each argument."""

    name = "qwen_coder"
    hints = ("<function=",)
    openings = ("<tool_call>", "<function=")

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        section = _Section(tools, first_index, call=_CALL, argument=_ARGUMENT, closing="</function>", end="")
        section.add(opening)  # it is part of the first call
        return section


class _Section(TaggedSection):
    """Calls follow one another, each with or without the outer tags; what follows the last is text again."""

    def add(self, text: str) -> str | None:
        is_closed = self._hold(text)
        while (found := self._call.match(self._held) if is_closed else None) or self._held.lstrip().startswith("</tool_call>"):
            if found:
                self._tell(found["name"].strip(), found["body"])
                self._held = self._held[found.end() :]
            else:
                self._held = self._held.lstrip().removeprefix("</tool_call>").lstrip()
        held = self._held.lstrip()
        inner = held.removeprefix("<tool_call>").lstrip() if held.startswith("<tool_call>") else held
        if any(mark.startswith(inner) or inner.startswith(mark) for mark in ("<function=", "<tool_call>", "</tool_call>")):
            return None
        if not self.calls:
            raise BadCall("no function in the tag")
        return self._held

    def finish(self) -> None:
        if not self.calls or ("<function=" in self._held):
            raise BadCall("the reply ended inside")
