"""Reads calls written as JSON while they stream: ``{"name": …, "arguments": {…}}``, and bare values after a name."""

from __future__ import annotations

import json
from typing import Any

from backends.tool_calls.events import BadCall

_NAMES = ("name", "tool_name", "function_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "tool_input")
_WRAPPERS = ("function", "tool_call")
_SPACE = " \t\r\n"
_LONGEST = 4_000_000


class JsonValue:
    """Finds where a JSON value ends. ``text`` is what belongs to it so far."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._depth = 0
        self._in_string = self._escaped = False
        self._kind = ""
        self._length = 0
        self.is_complete = False

    @property
    def is_empty(self) -> bool:
        """Whether it has not begun."""
        return not self._kind

    @property
    def text(self) -> str:
        """The value as it was written."""
        return "".join(self._pieces)

    def add(self, character: str) -> bool:
        """Take a character; false if the value ended before it.

        Raises:
            BadCall: no value begins like this, or it has no end.
        """
        if not self._kind:
            if character in "{[":
                self._kind, self._depth = "nested", 1
            elif character == '"':
                self._kind, self._in_string = "string", True
            elif character.isalnum() or character in "-+.":
                self._kind = "scalar"
            else:
                raise BadCall(f"no JSON value begins with {character!r}")
        elif self._kind == "scalar":
            if character in _SPACE or character in ",]}<":
                self.is_complete = True
                return False
        elif self._in_string:
            if self._escaped:
                self._escaped = False
            elif character == "\\":
                self._escaped = True
            elif character == '"':
                self._in_string = False
                self.is_complete = self._kind == "string"
        elif character == '"':
            self._in_string = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            self.is_complete = self._depth == 0
        self._pieces.append(character)
        self._length += 1
        if self._length > _LONGEST:
            raise BadCall("a value without end")
        return True


class JsonCall:
    """One object with a name and arguments, in any order, character by character.

    ``name`` is set as soon as it is known; :meth:`take_arguments` gives what came of the arguments since.
    """

    def __init__(self) -> None:
        self.name = ""
        self.is_complete = False
        self._began = False
        self._level = 0
        self._key = ""
        self._value: JsonValue | None = None
        self._expects = "key"
        self._streams = False
        self._fresh: list[str] = []
        self.has_arguments = False

    def add(self, character: str) -> None:
        """Take a character.

        Raises:
            BadCall: this is no such object.
        """
        if self._value is not None:
            self._add_to_value(character)
            return
        if character in _SPACE:
            return
        if not self._began:
            self._require(character == "{", character)
            self._began, self._level = True, 1
        elif character == "}":
            self._require(self._expects in ("key", "comma"), character)
            self._level -= 1
            self._expects = "comma"
            if self._level == 0:
                self._require(bool(self.name), character)
                self.is_complete = True
        elif self._expects == "comma":
            self._require(character == ",", character)
            self._expects = "key"
        elif self._expects == "key":
            self._require(character == '"', character)
            self._begin_value("", character)
        elif self._expects == "colon":
            self._require(character == ":", character)
            self._expects = "value"
        elif self._key in _WRAPPERS and character == "{":
            self._level += 1
            self._expects = "key"
        else:
            self._begin_value(self._key, character)

    def take_arguments(self) -> str:
        """What is new of the arguments; empty until the name is known."""
        if not self.name:
            return ""
        text, self._fresh = "".join(self._fresh), []
        return text

    def _begin_value(self, key: str, character: str) -> None:
        self._value = JsonValue()
        self._streams = self._expects == "value" and key in _ARGUMENTS and character == "{"
        self._add_to_value(character)

    def _add_to_value(self, character: str) -> None:
        value = self._value
        assert value is not None
        was_taken = value.add(character)
        if self._streams:
            self.has_arguments = True
            self._fresh.append(character)
        if value.is_complete:
            self._value = None
            self._note(value.text)
        if not was_taken:
            self.add(character)

    def _note(self, text: str) -> None:
        if self._expects == "key":
            self._key, self._expects = str(_read(text)), "colon"
            return
        self._expects = "comma"
        if self._key in _NAMES or (self._key in _WRAPPERS and text.startswith('"')):
            value = _read(text)
            if isinstance(value, str) and not self.name:
                self.name = value
        elif self._key in _ARGUMENTS and not self._streams:
            self._fresh.append(repair_arguments(text))
            self.has_arguments = True

    def _require(self, condition: bool, character: str) -> None:
        if not condition:
            raise BadCall(f"{character!r} where {self._expects} was expected")


def repair_arguments(text: str) -> str:
    """Arguments as the text of a JSON object: some models write them as a string, others null or nothing.

    Raises:
        BadCall: they are something else.
    """
    if not text.strip():
        return "{}"
    value = _read(text)
    if isinstance(value, str):
        if not value.strip():
            return "{}"
        text, value = value, _read(value)
    if value is None:
        return "{}"
    if not isinstance(value, dict):
        raise BadCall("the arguments are no object")
    return text


def _read(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise BadCall(str(error)) from error
