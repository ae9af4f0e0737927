"""Gemma: FunctionGemma's ``<start_function_call>call:name{key:<escape>value<escape>}<end_function_call>``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from backends.tool_calls.events import BadCall, Tool
from backends.tool_calls.reading import Section, ToolFormat

_OPEN, _CLOSE, _ESCAPE = "<start_function_call>", "<end_function_call>", "<escape>"
_HEAD = re.compile(r"\s*call:\s*(?P<name>[^{\s]+)\s*(?P<body>\{.*\})\s*$", re.DOTALL)


class Gemma(ToolFormat):
    """A notation like JSON without quotation marks: texts stand between two escape marks."""

    name = "gemma"
    hints = (_OPEN,)
    openings = (_OPEN,)

    def open(self, opening: str, tools: Sequence[Tool], first_index: int) -> Section:
        """See :class:`backends.tool_calls.reading.ToolFormat`."""
        return _Section(tools, first_index)


class _Section(Section):
    def __init__(self, tools: Sequence[Tool], first_index: int) -> None:
        super().__init__(tools, first_index)
        self._held = ""

    def add(self, text: str) -> str | None:
        place = max(0, len(self._held) - len(_CLOSE) + 1)
        self._held += text
        if self._held.find(_CLOSE, place) < 0:
            return None
        inside, _, after = self._held.partition(_CLOSE)
        found = _HEAD.match(inside)
        if found is None:
            raise BadCall("no call")
        value, rest = _read_value(found["body"])
        if rest.strip() or not isinstance(value, dict):
            raise BadCall("no arguments")
        self.begin(found["name"])
        self.argue(json.dumps(value, ensure_ascii=False))
        self.end()
        return after.lstrip("\n")


def _read_value(text: str) -> tuple[Any, str]:
    """A value and what follows it."""
    text = text.lstrip()
    if text.startswith(_ESCAPE):
        inside, close, rest = text[len(_ESCAPE) :].partition(_ESCAPE)
        if not close:
            raise BadCall("a text without end")
        return inside, rest
    if text.startswith("{"):
        return _read_object(text[1:])
    if text.startswith("["):
        return _read_list(text[1:])
    word = re.match(r'"(?:[^"\\]|\\.)*"|[^,}\]]+', text)
    if word is None:
        raise BadCall("no value")
    raw = word[0].strip()
    try:
        value: Any = json.loads(raw)
    except ValueError:
        value = raw
    return value, text[word.end() :]


def _read_object(text: str) -> tuple[dict[str, Any], str]:
    found: dict[str, Any] = {}
    while True:
        text = text.lstrip().removeprefix(",").lstrip()
        if text.startswith("}"):
            return found, text[1:]
        key, colon, text = text.partition(":")
        if not colon:
            raise BadCall("an object without end")
        key = key.strip().removeprefix(_ESCAPE).removesuffix(_ESCAPE).strip('"')
        found[key], text = _read_value(text)


def _read_list(text: str) -> tuple[list[Any], str]:
    found: list[Any] = []
    while True:
        text = text.lstrip().removeprefix(",").lstrip()
        if text.startswith("]"):
            return found, text[1:]
        if not text:
            raise BadCall("a list without end")
        value, text = _read_value(text)
        found.append(value)
