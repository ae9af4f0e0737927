"""A model's own chat template: Jinja in a sandbox, as the transformers library renders it, applied to our messages."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from backends.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from backends.reasoning import FORMATS, ReasoningFormat, find_open_format
from backends.tool_calls.formats import describe_tools, knows_tools, read_tool
from models.errors import TemplateFailed

MEDIA_OPEN, MEDIA_CLOSE = "\ue000", "\ue001"
"""Around the number of a picture or a sound, where it goes in the rendered text: characters that no text means anything by."""

IMAGE_MARKER = "<__media__>"
"""How that place is shown to others: libmtmd's marker."""

_MARKED = re.compile(f"{MEDIA_OPEN}[0-9]+{MEDIA_CLOSE}")

_CUT = "\ue000yanmo\ue000"
"""Stands for the partial answer, so that the place to continue at is found whatever the template does around it."""

_MOST_CHARACTERS = 64_000_000

PLAIN_TRANSCRIPT = (
    "{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}\n\n"
    "{% elif message.role == 'user' %}User: {{ message.content }}\n"
    "{% else %}Assistant: {{ message.content }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For a base model, which has no template: a transcript that it can continue."""

PLAIN_STOPS = ("\nUser:", "\nAssistant:")
"""Where a base model begins to write the reader's lines."""


class ChatTemplate:
    """One template, compiled once. Rendering changes nothing, so any thread may do it.

    ``begin`` and ``end`` are the texts of the model's begin and end tokens.

    Raises:
        TemplateFailed: the source is not a template.
    """

    def __init__(self, source: str, *, begin: str = "", end: str = "") -> None:
        self.source = source
        self._begin = begin
        self._end = end
        self._template = _compile(source)
        self._wants_parts = False
        self._wants_parts = self._probe_parts()

    def render(self, messages: Sequence[Message], *, continue_last: bool = False, **extra: Any) -> str:
        """The prompt for ``messages``, ending where the model's answer begins.

        With ``continue_last`` the last message is the assistant's and the prompt ends with its text, or, where it was stopped
        while it still thought, with its thoughts. ``extra`` are further
        variables that a template may know (``enable_thinking``, ``tools`` …). A template that has no system role gets the system
        prompt at the head of the first user message.

        Raises:
            TemplateFailed: the template refused, with its own reason.
        """
        if not messages:
            raise TemplateFailed(reason="There is no message to answer.")
        messages = mark_media(messages)
        if "tool_calls" not in self.source:
            messages = write_out_tools(messages)
        if extra.get("tools") and not knows_tools(self.source):
            messages = _add_to_system(messages, describe_tools([read_tool(tool) for tool in extra.pop("tools")]))
        continue_last = continue_last and messages[-1].role == "assistant"
        try:
            return self._render(messages, continue_last, extra)
        except TemplateFailed:
            folded = fold_system_prompt(messages)
            if folded is None:
                raise
            return self._render(folded, continue_last, extra)

    def _render(self, messages: Sequence[Message], continue_last: bool, extra: dict[str, Any]) -> str:
        if not continue_last:
            return self._apply([self._to_value(message) for message in messages], True, extra)
        last = messages[-1]
        thoughts = tuple(part for part in last.parts if isinstance(part, ReasoningPart))
        before = [self._to_value(message) for message in messages[:-1]]
        if thoughts and not last.text:
            opening = self._apply(before, True, extra)
            marker = "" if find_open_format(opening) else f"{self._find_format().open}\n"
            return opening + marker + "".join(part.text for part in thoughts)
        marked = Message("assistant", (*thoughts, TextPart(_CUT)))
        text = self._apply([*before, self._to_value(marked)], False, extra)
        place = text.rfind(_CUT)
        opening = text[:place] if place >= 0 else self._apply(before, True, extra)
        return opening + last.text

    def _find_format(self) -> ReasoningFormat:
        """How this model marks its thoughts, as far as its template shows it."""
        return next((kind for kind in FORMATS if kind.open in self.source), FORMATS[0])

    def _apply(self, values: list[dict[str, Any]], add_generation_prompt: bool, extra: dict[str, Any]) -> str:
        from jinja2 import TemplateError

        try:
            text: str = self._template.render(
                messages=values,
                add_generation_prompt=add_generation_prompt,
                bos_token=self._begin,
                eos_token=self._end,
                **extra,
            )
        except TemplateError as error:
            raise TemplateFailed(reason=f"It says: {error.message or type(error).__name__}.", details=str(error)) from error
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError) as error:
            raise TemplateFailed(reason=f"It does not work with these messages ({error}).", details=repr(error)) from error
        if len(text) > _MOST_CHARACTERS:
            raise TemplateFailed(reason="It produces an endless text.")
        return text

    def _to_value(self, message: Message) -> dict[str, Any]:
        value: dict[str, Any] = {"role": message.role, "content": self._content(message)}
        reasoning = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))
        if reasoning:
            value["reasoning_content"] = reasoning
        calls = [_call_value(part) for part in message.parts if isinstance(part, ToolCallPart)]
        if calls:
            value["tool_calls"] = calls
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        if results:
            value["tool_call_id"] = results[0].id
        return value

    def _content(self, message: Message) -> str | list[dict[str, str]]:
        text = "".join(_text_of(part) for part in message.parts)
        return [{"type": "text", "text": text}] if self._wants_parts else text

    def _probe_parts(self) -> bool:
        """Whether the template shows content only as a list of parts, as some made for pictures do."""
        for value in (_CUT, [{"type": "text", "text": _CUT}]):
            try:
                text = self._apply([{"role": "user", "content": value}], True, {})
            except TemplateFailed:
                continue
            if _CUT in text:
                return isinstance(value, list)
        return False


def mark_media(messages: Sequence[Message]) -> Sequence[Message]:
    """The same messages with each picture and sound as the mark of its number; a text that spells such a mark loses it."""
    if not any(message.has_media for message in messages):
        return messages
    numbers = itertools.count()

    def mark(part: Part) -> Part:
        if isinstance(part, ImagePart | AudioPart):
            return TextPart(f"{MEDIA_OPEN}{next(numbers)}{MEDIA_CLOSE}")
        return replace(part, text=_MARKED.sub("", part.text)) if isinstance(part, TextPart | FilePart | ReasoningPart) else part

    return tuple(replace(message, parts=tuple(mark(part) for part in message.parts)) for message in messages)


def show_marks(text: str) -> str:
    """A rendered prompt as others may see it."""
    return _MARKED.sub(IMAGE_MARKER, text)


def fold_system_prompt(messages: Sequence[Message]) -> tuple[Message, ...] | None:
    """The same messages with the system prompt at the head of the first user message; None where there is nothing to fold."""
    system = "\n\n".join(message.text for message in messages if message.role == "system").strip()
    if not system:
        return None
    rest = [message for message in messages if message.role != "system"]
    first = next((index for index, message in enumerate(rest) if message.role == "user"), None)
    if first is None:
        return None
    user = rest[first]
    rest[first] = Message("user", (TextPart(system + "\n\n"), *user.parts))
    return tuple(rest)


def write_out_tools(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same conversation for a template that knows no tools: calls and what they gave become text."""
    return tuple(_write_out(message) for message in messages)


def _write_out(message: Message) -> Message:
    parts: list[Part] = []
    for part in message.parts:
        match part:
            case ToolCallPart():
                call = json.dumps(_call_value(part)["function"], ensure_ascii=False)
                parts.append(TextPart(f"<tool_call>{call}</tool_call>"))
            case ToolResultPart():
                parts.append(TextPart(f"<tool_response>{part.content}</tool_response>"))
            case _:
                parts.append(part)
    return Message("user" if message.role == "tool" else message.role, tuple(parts))


def _add_to_system(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    if messages[0].role == "system":
        first = messages[0]
        return (Message("system", (*first.parts, TextPart(f"\n\n{text}"))), *messages[1:])
    return (Message("system", (TextPart(text),)), *messages)


def _text_of(part: Part) -> str:
    match part:
        case TextPart():
            return part.text
        case FilePart():
            return f"{part.name}:\n\n{part.text}\n\n"
        case ToolResultPart():
            return part.content
        case _:
            return ""


def _call_value(part: ToolCallPart) -> dict[str, Any]:
    try:
        arguments = json.loads(part.arguments)
    except ValueError:
        arguments = part.arguments
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _compile(source: str) -> Any:
    from jinja2 import TemplateError

    try:
        return _make_environment().from_string(source)
    except TemplateError as error:
        raise TemplateFailed(reason=f"It is not a valid template: {error.message}.", details=str(error)) from error
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise TemplateFailed(reason="It is not a valid template.", details=repr(error)) from error


def _make_environment() -> Any:
    """Jinja as chat templates expect it; the sandbox is there because a template is a stranger's program."""
    from jinja2.ext import Extension, loopcontrols
    from jinja2.nodes import CallBlock
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class GenerationTag(Extension):
        """``{% generation %}`` marks what a model is trained on; for a prompt it is its content."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

        def _pass(self, caller: Any) -> Any:
            return caller()

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = time.strftime
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without the HTML escaping of Jinja's own filter."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)
