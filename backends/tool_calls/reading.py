"""The frame around every format: text flows through, a marker opens a section, and what is no call stays text."""

from __future__ import annotations

from collections.abc import Sequence

from backends.events import TextDelta
from backends.held_back import held_back
from backends.tool_calls.events import BadCall, CallArguments, CallBegun, CallEnded, Tool, ToolEvent
from backends.tool_calls.json_calls import JsonCall, JsonValue, repair_arguments


class Section:
    """One stretch of calls. Formats derive from it and say with :meth:`begin`, :meth:`argue` and :meth:`end` what they find.

    ``add`` takes text and gives what is left of it when the section is over, else None.
    """

    def __init__(self, tools: Sequence[Tool], first_index: int) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.events: list[ToolEvent] = []
        self.calls = 0
        self.has_told = False
        self._next_index = first_index
        self._argued = False

    def add(self, text: str) -> str | None:
        """Read on.

        Raises:
            BadCall: this is no call after all.
        """
        raise NotImplementedError

    def finish(self) -> None:
        """The reply is over. Raises BadCall where a call is not complete."""
        raise BadCall("the reply ended inside")

    def begin(self, name: str) -> None:
        """A call of this tool begins."""
        name = name.strip().removeprefix("functions.").strip()
        if not name:
            raise BadCall("a call without a name")
        self.events.append(CallBegun(self._next_index, name))
        self._argued = False

    def argue(self, text: str) -> None:
        """More of its arguments, as JSON text."""
        if text:
            self._argued = True
            self.events.append(CallArguments(self._next_index, text))

    def end(self) -> None:
        """It is complete."""
        if not self._argued:
            self.argue("{}")
        self.events.append(CallEnded(self._next_index))
        self._next_index += 1
        self.calls += 1


class ToolFormat:
    """How one family of models writes calls.

    ``hints`` are texts of which a template that teaches this format has at least one; ``openings`` begin a section. A format whose
    calls have no marker (``only_at_head``) begins one only with the first character of the reply. ``forced_opening`` is what an
    answer that must be a call begins with, before one object of name and arguments.
    """

    name = ""
    hints: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()
    only_at_head = False
    forced_opening = ""

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """Begin to read what follows an opening."""
        raise NotImplementedError


class ToolCallSplitter:
    """Takes the text of an answer as it comes; says text, calls and their arguments as soon as they are certain."""

    def __init__(self, style: ToolFormat, tools: Sequence[Tool]) -> None:
        self._style = style
        self._tools = tuple(tools)
        self._section: Section | None = None
        self._raw: list[str] = []
        self._held = ""
        self._at_head = True
        self._calls = 0

    @property
    def calls(self) -> int:
        """Calls that are complete."""
        return self._calls + (self._section.calls if self._section else 0)

    def add(self, text: str) -> list[ToolEvent]:
        """What became certain with this text."""
        events: list[ToolEvent] = []
        rest: str | None = text
        while rest:
            rest = self._add_inside(rest, events) if self._section else self._add_outside(rest, events)
        return events

    def finish(self, *, cut_off: bool = False) -> list[ToolEvent]:
        """What is left. Of a reply that was cut off, half a marker is nobody's text, and a call begun stays unfinished."""
        events: list[ToolEvent] = []
        section = self._section
        if section is not None:
            try:
                section.finish()
                events += section.events
                self._calls += section.calls
            except BadCall:
                events += section.events
                if not section.events and not section.calls and not cut_off and not section.has_told:
                    events.append(TextDelta("".join(self._raw)))
        elif self._held and not (cut_off and len(self._held.strip()) > 2):
            events.append(TextDelta(self._held))
        self._section, self._held = None, ""
        return events

    def _add_outside(self, text: str, events: list[ToolEvent]) -> str | None:
        self._held += text
        if self._style.only_at_head and not self._at_head:
            self._tell(events, len(self._held))
            return None
        place, opening = self._find_opening()
        if opening:
            self._tell(events, place, trim=True)
            rest = self._held[len(opening) :]
            self._held, self._raw = "", [opening]
            self._section = self._style.open(opening, self._tools, self._calls)
            return rest or None
        keep = max((held_back(self._held, marker) for marker in self._style.openings), default=0)
        if self._at_head and not self._held.strip():
            return None
        if self._style.only_at_head and keep < len(self._held.lstrip()):
            keep = 0
        if keep < len(self._held):
            # White space before a marker belongs to nobody, so it waits as well.
            certain = len(self._held[: len(self._held) - keep].rstrip())
            self._tell(events, certain)
        return None

    def _find_opening(self) -> tuple[int, str]:
        found = [(place, -len(mark), mark) for mark in self._style.openings if (place := self._held.find(mark)) >= 0]
        if self._style.only_at_head:
            start = len(self._held) - len(self._held.lstrip())
            found = [entry for entry in found if entry[0] == start]
        if not found:
            return 0, ""
        place, _, mark = min(found)
        longer = [other for other in self._style.openings if other != mark and other.startswith(mark)]
        if any(other.startswith(self._held[place:]) for other in longer):
            return 0, ""  # it may still become the longer one
        return place, mark

    def _add_inside(self, text: str, events: list[ToolEvent]) -> str | None:
        section = self._section
        assert section is not None
        self._raw.append(text)
        try:
            rest = section.add(text)
        except BadCall:
            return self._give_up(section, events)
        if section.events:
            section.has_told = True
        events += section.events
        section.events = []
        if rest is None:
            return None
        self._calls += section.calls
        self._section, self._raw = None, []
        return rest

    def _give_up(self, section: Section, events: list[ToolEvent]) -> str | None:
        """What was told of the section stands; where nothing was, all of it is text."""
        events += section.events
        told = bool(section.events) or section.has_told
        self._calls += section.calls + (1 if told and not section.calls else 0)
        raw, self._raw, self._section = "".join(self._raw), [], None
        if not told:
            self._at_head = False
            events.append(TextDelta(raw))
        return None

    def _tell(self, events: list[ToolEvent], count: int, *, trim: bool = False) -> None:
        text, self._held = self._held[:count], self._held[count:]
        if trim:
            text = text.rstrip()
        if text:
            self._at_head = False
            events.append(TextDelta(text))


class JsonObjectSection(Section):
    """Objects of name and arguments, one (``closing``) or several between ``[`` and ``]``; ``closing`` may be empty."""

    def __init__(self, tools: Sequence[Tool], first_index: int, closing: str, *, head: str = "") -> None:
        super().__init__(tools, first_index)
        self._closing = closing
        self._call: JsonCall | None = None
        self._begun = self._in_list = self._is_done = False
        self._held = ""
        if head:
            self.add(head)

    def add(self, text: str) -> str | None:
        """See :meth:`Section.add`."""
        for place, character in enumerate(text):
            if self._call is not None:
                self._add_to_call(character)
            elif self._is_done:
                return self._look_for_closing(text[place:])
            elif character == "{":
                self._call, self._begun = JsonCall(), False
                self._add_to_call(character)
            elif character == "[" and not self._in_list:
                self._in_list = True
            elif character == "]" and self._in_list:
                self._is_done = True
            elif not (character.isspace() or (self._in_list and character == ",")):
                raise BadCall(f"{character!r} before a call")
        if self._call is not None and self._begun:
            self.argue(self._call.take_arguments())
        return "" if self._is_done and not self._closing else None

    def finish(self) -> None:
        """A closing marker may be missing: many models stop with the object."""
        if self._call is not None or not self.calls:
            raise BadCall("the reply ended inside")

    def _add_to_call(self, character: str) -> None:
        call = self._call
        assert call is not None
        call.add(character)
        if call.name and not self._begun:
            self._begun = True
            self.begin(call.name)
        if call.is_complete:
            self.argue(call.take_arguments())
            self._call = None
            self.end()
            self._is_done = not self._in_list

    def _look_for_closing(self, text: str) -> str | None:
        """Skip the closing marker; something else is text again, but for one more object."""
        self._held += text
        held = self._held.lstrip()
        if not self._closing:
            return self._held
        if held.startswith(self._closing):
            return held[len(self._closing) :].lstrip("\n")
        if not held or self._closing.startswith(held):
            return None
        if held.startswith("{"):
            self._is_done, self._held = False, ""
            return self.add(held)
        return held


class NamedSection(Section):
    """A name, a separator, then a JSON value: what Mistral, DeepSeek, Kimi and harmony write. ``closings`` end a call."""

    def __init__(
        self, tools: Sequence[Tool], first_index: int, separators: Sequence[str], closings: Sequence[str], ends: Sequence[str]
    ) -> None:
        super().__init__(tools, first_index)
        self._separators, self._closings, self._ends = tuple(separators), tuple(closings), tuple(ends)
        self._held = ""
        self._value: JsonValue | None = None
        self._streams = False

    def read_name(self, head: str) -> str:
        """The tool's name in what stands before the separator."""
        return head

    def add(self, text: str) -> str | None:
        """See :meth:`Section.add`."""
        self._held += text
        while True:
            if self._value is not None:
                if not self._read_value():
                    return None
            elif (over := self._skip_marks()) is not None:
                return over
            elif not self._read_head():
                return None

    def finish(self) -> None:
        """Raises BadCall inside of a call."""
        if self._value is not None or not self.calls or self._held.strip():
            raise BadCall("the reply ended inside")

    def _read_value(self) -> bool:
        """Read on in the arguments; true if they are complete."""
        value = self._value
        assert value is not None
        fresh: list[str] = []
        for place, character in enumerate(self._held):
            if value.is_empty:
                if character in " \t\r\n":
                    continue
                self._streams = character == "{"
            value.add(character)
            if self._streams:
                fresh.append(character)
            if value.is_complete:
                self.argue("".join(fresh) if self._streams else repair_arguments(value.text))
                self._held, self._value = self._held[place + 1 :], None
                self.end()
                return True
        self.argue("".join(fresh))
        self._held = ""
        return False

    def _skip_marks(self) -> str | None:
        """Between calls: skip what closes one; what is left if the section is over."""
        while True:
            held = self._held.lstrip()
            mark = next((mark for mark in (*self._ends, *self._closings) if held.startswith(mark)), None)
            if mark is None:
                return None
            self._held = held[len(mark) :]
            if mark in self._ends:
                return self._held

    def _read_head(self) -> bool:
        """Find the separator after a name; true if the arguments begin."""
        places = [(place, mark) for mark in self._separators if (place := self._held.find(mark)) >= 0]
        if not places:
            if len(self._held) > 512:
                raise BadCall("no name")
            return False
        place, mark = min(places)
        self.begin(self.read_name(self._held[:place]))
        keeps = mark == "{"  # the separator is the value's own first character
        self._held = self._held[place + (0 if keeps else len(mark)) :]
        self._value = JsonValue()
        return True
