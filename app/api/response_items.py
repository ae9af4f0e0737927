"""The items of the Responses API as the engine's messages, and its tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.api.content import TOOL_NAME, read_content, read_function
from app.api.errors import bad_request
from app.api.media import Media
from backends.messages import Message, Part, ReasoningPart, Role, ToolCallPart, ToolResultPart
from backends.tool_calls.events import Tool

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
CUSTOM_SCHEMA = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""A tool that takes free text is shown to the model as one with a single argument."""


def read_input(value: Any) -> list[dict[str, Any]]:
    """The ``input`` of a request as a list of items.

    Raises:
        ApiError: it is no text and no list of objects.
    """
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise bad_request("“input” must be text or a list of items.", "input")


def read_items(items: Sequence[Mapping[str, Any]], media: Media) -> list[Message]:
    """Items as messages: thoughts and calls belong to the assistant's turn that they stand in.

    Raises:
        ApiError: an item is not known or not in order.
    """
    messages: list[Message] = []
    for index, item in enumerate(items):
        place = f"input[{index}]"
        kind = item.get("type") or ("message" if "role" in item else "")
        if kind == "message":
            role = _ROLES.get(str(item.get("role")))
            if role is None:
                raise bad_request(f"“{place}.role” must be one of {', '.join(_ROLES)}.", place)
            parts = read_content(item.get("content"), f"{place}.content", media, may_be_empty=role == "assistant")
            if role == "assistant":
                _add_to_turn(messages, parts)
            else:
                messages.append(Message(role, tuple(parts)))
        elif kind in ("function_call", "custom_tool_call"):
            _add_to_turn(messages, [_read_call(item)])
        elif kind in ("function_call_output", "custom_tool_call_output"):
            messages.append(Message("tool", (ToolResultPart(str(item.get("call_id") or ""), _text_of(item.get("output"))),)))
        elif kind == "reasoning":
            if text := _text_of(item.get("content")):
                _add_to_turn(messages, [ReasoningPart(text)])
        elif kind == "item_reference":
            raise bad_request("References to items cannot be followed: send the items themselves.", place)
        elif not kind:
            raise bad_request(f"“{place}” must have a type or a role.", place)
    return messages


def _add_to_turn(messages: list[Message], parts: Sequence[Part]) -> None:
    if messages and messages[-1].role == "assistant":
        messages[-1] = Message("assistant", (*messages[-1].parts, *parts))
    else:
        messages.append(Message("assistant", tuple(parts)))


def _read_call(item: Mapping[str, Any]) -> ToolCallPart:
    space = item.get("namespace")
    name = f"{space}.{item.get('name') or ''}" if isinstance(space, str) and space else str(item.get("name") or "")
    if item.get("type") == "custom_tool_call":
        return ToolCallPart(str(item.get("call_id") or ""), name, json.dumps({"input": str(item.get("input") or "")}))
    arguments = item.get("arguments")
    return ToolCallPart(str(item.get("call_id") or ""), name, arguments if isinstance(arguments, str) else "{}")


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return ""


@dataclass(frozen=True, slots=True)
class ToolSet:
    """The tools as the model is told of them; which take free text; and those of a namespace, as the client knows them.

    The model's name for a tool of a namespace is both names with a full stop between.
    """

    tools: tuple[Tool, ...] = ()
    custom: frozenset[str] = frozenset()
    spaces: Mapping[str, tuple[str, str]] = field(default_factory=dict)


NO_TOOLS = ToolSet()


def read_tools(values: Any) -> ToolSet:
    """The tools of a request; those that OpenAI's own servers run are passed over.

    Raises:
        ApiError: they are not in order.
    """
    if values is None:
        return NO_TOOLS
    tools: list[Tool] = []
    custom: set[str] = set()
    spaces: dict[str, tuple[str, str]] = {}
    for place, space, value in _iter_tools(values):
        kind = value.get("type")
        if kind not in ("function", "custom"):
            continue
        tool = read_function(value, place)
        if kind == "custom":
            tool = Tool(tool.name, _describe(tool, value.get("format")), CUSTOM_SCHEMA)
        if space:
            spaces[f"{space}.{tool.name}"] = (space, tool.name)
            tool = replace(tool, name=f"{space}.{tool.name}")
        if kind == "custom":
            custom.add(tool.name)
        tools.append(tool)
    return ToolSet(tuple(tools), frozenset(custom), spaces)


def _iter_tools(values: Any, space: str = "", place: str = "tools") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each tool with its place in the request and its namespace. Raises ApiError."""
    if not isinstance(values, list):
        raise bad_request(f"“{place}” must be a list.", "tools")
    for index, value in enumerate(values):
        here = f"{place}[{index}]"
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            raise bad_request(f"“{here}” must have a type.", "tools")
        if kind == "namespace" and not space:
            if not isinstance(value.get("name"), str) or not TOOL_NAME.match(value["name"]):
                raise bad_request(f"“{here}” must have a name of letters, digits, “_”, “-” and “.”.", "tools")
            yield from _iter_tools(value.get("tools"), value["name"], f"{here}.tools")
        else:
            yield here, space, value


def _describe(tool: Tool, form: Any) -> str:
    if not isinstance(form, dict) or form.get("type") != "grammar":
        return tool.description
    return f"{tool.description}\nThe input must follow this {form.get('syntax')} grammar:\n{form.get('definition')}"
