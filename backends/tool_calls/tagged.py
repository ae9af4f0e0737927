"""Calls written with a tag around every argument: read call by call, the values typed by the tool's schema."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from backends.tool_calls.events import BadCall, Tool
from backends.tool_calls.reading import Section

_LONGEST = 4_000_000


class TaggedSection(Section):
    """Calls between tags. ``call`` matches one whole call with the groups ``name`` and ``body``, ``argument`` one argument in the body
    with ``key`` and ``value``; no call is whole before its ``closing`` came. ``end`` closes the section (it may be the end of the only
    call)."""

    def __init__(
        self,
        tools: Sequence[Tool],
        first_index: int,
        *,
        call: re.Pattern[str],
        argument: re.Pattern[str],
        closing: str,
        end: str,
    ) -> None:
        super().__init__(tools, first_index)
        self._call, self._argument, self._closing, self._end = call, argument, closing, end
        self._held = ""

    def add(self, text: str) -> str | None:
        """See :meth:`Section.add`."""
        is_closed = self._hold(text)
        while is_closed and (found := self._call.match(self._held)):
            self._tell(found["name"].strip(), found["body"] or "")
            self._held = self._held[found.end() :]
        held = self._held.lstrip()
        if held.startswith(self._end) or (self.calls and not self._end):
            if not self.calls:
                raise BadCall("no call before the end")
            return held[len(self._end) :].lstrip("\n")
        if len(self._held) > _LONGEST:
            raise BadCall("a call without end")
        return None

    def finish(self) -> None:
        """Raises BadCall inside of a call."""
        if self._held.strip() or not self.calls:
            raise BadCall("the reply ended inside")

    def _hold(self, text: str) -> bool:
        """Keep more text; whether a call may be whole now. A long one is not read from its beginning at every piece of it."""
        place = max(0, len(self._held) - len(self._closing) + 1)
        self._held += text
        return self._held.find(self._closing, place) >= 0

    def _tell(self, name: str, body: str) -> None:
        values = {
            found["key"].strip(): self._read(name, found["key"].strip(), found["value"])
            for found in self._argument.finditer(body)
        }
        self.begin(name)
        self.argue(json.dumps(values, ensure_ascii=False))
        self.end()

    def _read(self, name: str, key: str, text: str) -> Any:
        """A value as the tool's schema has it: text where that says string, JSON where it is any."""
        tool = self.tools.get(name)
        schema = dict((tool.parameters.get("properties") or {}).get(key) or {}) if tool else {}
        kinds = schema.get("type")
        kinds = {kinds} if isinstance(kinds, str) else set(kinds or ())
        if kinds == {"string"}:
            return text
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return text if "string" in kinds and isinstance(value, int | float) and not kinds & {"number", "integer"} else value


def trim_lines(pattern: str) -> str:
    """A pattern's value without the line breaks that the format puts around it."""
    return rf"\n?(?P<value>{pattern})\n?"
