"""OpenAI's messages and tools as the engine's own."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from app.api.errors import bad_request
from app.api.media import Media, refuse_document
from backends.messages import (
    AudioPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from backends.tool_calls.events import Tool

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_DATA_URL = re.compile(r"data:(?P<mime>[\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,", re.IGNORECASE)
_MOST_MESSAGES = 20_000
_MOST_TOOLS = 1000
TOOL_NAME = re.compile(r"^[\w.:-]{1,128}\Z")


def read_messages(values: Any, media: Media) -> tuple[Message, ...]:
    """The ``messages`` of a chat request.

    Raises:
        ApiError: they are not what OpenAI's clients send.
    """
    if not isinstance(values, list) or not values:
        raise bad_request("“messages” must be a list with at least one message.", "messages")
    if len(values) > _MOST_MESSAGES:
        raise bad_request(f"There are more than {_MOST_MESSAGES} messages.", "messages")
    return tuple(_read_message(value, f"messages[{index}]", media) for index, value in enumerate(values))


def _read_message(value: Any, place: str, media: Media) -> Message:
    if not isinstance(value, dict):
        raise bad_request(f"“{place}” must be an object.", place)
    role = _ROLES.get(str(value.get("role")))
    if role is None:
        raise bad_request(f"“{place}.role” must be one of {', '.join(_ROLES)}.", f"{place}.role")
    calls = value.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise bad_request(f"“{place}.tool_calls” must be a list.", f"{place}.tool_calls")
    parts = read_content(value.get("content"), f"{place}.content", media, may_be_empty=role == "assistant")
    if role == "tool":
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        return Message("tool", (ToolResultPart(str(value.get("tool_call_id") or value.get("name") or ""), text),))
    thoughts = value.get("reasoning_content") or value.get("reasoning")
    if role == "assistant" and isinstance(thoughts, str) and thoughts:
        parts = [ReasoningPart(thoughts), *parts]
    for call in calls or ():
        parts.append(_read_call(call, f"{place}.tool_calls"))
    return Message(role, tuple(parts))


def _read_call(value: Any, place: str) -> ToolCallPart:
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise bad_request(f"Each of “{place}” must have a function with a name.", place)
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return ToolCallPart(str(value.get("id") or ""), function["name"], text)


def read_content(value: Any, place: str, media: Media, *, may_be_empty: bool = False) -> list[Part]:
    """A message's content: text, or a list of parts.

    Raises:
        ApiError: something else.
    """
    if isinstance(value, str):
        return [TextPart(value)]
    if value is None and may_be_empty:
        return []
    if not isinstance(value, list):
        raise bad_request(f"“{place}” must be text or a list of parts.", place)
    return [_read_part(part, f"{place}[{index}]", media) for index, part in enumerate(value)]


def _read_part(value: Any, place: str, media: Media) -> Part:
    if isinstance(value, str):
        return TextPart(value)
    if not isinstance(value, dict):
        raise bad_request(f"“{place}” must be an object.", place)
    kind = value.get("type")
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = value.get("text", value.get("refusal"))
        if not isinstance(text, str):
            raise bad_request(f"“{place}.text” must be text.", place)
        return TextPart(text)
    if kind in ("image_url", "input_image"):
        url = value.get("image_url")
        url = url.get("url") if isinstance(url, dict) else url
        if isinstance(url, str) and url[:5].lower() == "data:":
            data, mime = read_data_url(url, place)
            return ImagePart(media.save(data, mime), mime)
        return ImagePart(media.save_later(url, place), "image/*")
    if kind == "input_audio" and isinstance(value.get("input_audio"), dict):
        audio = value["input_audio"]
        mime = f"audio/{audio.get('format') or 'wav'}"
        return AudioPart(media.save(decode_base64(audio.get("data"), place), mime), mime)
    if kind in ("file", "input_file"):
        inner = value["file"] if isinstance(value.get("file"), dict) else value
        if inner.get("file_data") is None and (inner.get("file_url") or inner.get("file_id")):
            raise refuse_document(place, is_elsewhere="file_url" in inner)
        data, mime = _read_file_data(inner.get("file_data"), place)
        return media.save_document(data, str(inner.get("filename") or "file"), mime, place)
    raise bad_request(f"“{place}.type” is not known: {str(kind)[:40]!r}.", place)


def read_data_url(url: Any, place: str) -> tuple[bytes, str]:
    """The bytes and the kind of a ``data:`` address.

    Raises:
        ApiError: another address, which this server does not fetch, or damaged data.
    """
    found = _DATA_URL.match(url) if isinstance(url, str) else None
    if found is None or not isinstance(url, str):
        raise bad_request(f"“{place}” must be a data: address with base64; nothing is fetched from elsewhere.", place)
    return decode_base64(url[found.end() :], place), (found["mime"] or "application/octet-stream").lower()


def _read_file_data(value: Any, place: str) -> tuple[bytes, str]:
    """The bytes and the kind of a file: a ``data:`` address, or base64 alone, which some clients send."""
    if isinstance(value, str) and value[:5].lower() != "data:" and "://" not in value[:12]:
        return decode_base64(value, place), "application/octet-stream"
    return read_data_url(value, place)


def decode_base64(text: Any, place: str) -> bytes:
    """Bytes of base64.

    Raises:
        ApiError: it is none.
    """
    try:
        return base64.b64decode(re.sub(r"\s+", "", text), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise bad_request(f"“{place}” is not valid base64.", place) from None


def read_tools(value: Any) -> tuple[Tool, ...]:
    """The ``tools`` of a request, in OpenAI's shape; those of other kinds than functions are passed over.

    Raises:
        ApiError: they are not of that shape.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_TOOLS:
        raise bad_request(f"“tools” must be a list of at most {_MOST_TOOLS}.", "tools")
    found = []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise bad_request(f"“tools[{index}]” must be an object.", "tools")
        if item.get("type", "function") != "function":
            continue
        found.append(read_function(item.get("function") if "function" in item else item, f"tools[{index}]"))
    return tuple(found)


def read_function(value: Any, place: str, schema_name: str = "parameters") -> Tool:
    """One function with its schema.

    Raises:
        ApiError: it has no name, or its schema is no object.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str) or not TOOL_NAME.match(value["name"]):
        raise bad_request(f"“{place}” must have a name of letters, digits, “_”, “-” and “.”.", place)
    schema = value.get(schema_name)
    if schema is not None and not isinstance(schema, dict):
        raise bad_request(f"“{place}.{schema_name}” must be a JSON schema.", place)
    return Tool(value["name"], str(value.get("description") or ""), schema or {"type": "object", "properties": {}})


def choose_tools(tools: tuple[Tool, ...], choice: Any) -> tuple[tuple[Tool, ...], bool]:
    """The tools that may be called, and whether one must be: OpenAI's ``tool_choice``.

    Raises:
        ApiError: the choice is not known, or names a tool that is not there.
    """
    if choice is None or choice == "auto":
        return tools, False
    if choice == "none":
        return (), False
    if choice in ("required", "any"):
        if not tools:
            raise bad_request("“tool_choice” asks for a call, and there are no tools.", "tool_choice")
        return tools, True
    if isinstance(choice, dict):
        if choice.get("type") == "allowed_tools":
            inner = choice["allowed_tools"] if isinstance(choice.get("allowed_tools"), dict) else choice
            listed, mode = inner.get("tools") or [], inner.get("mode") or "auto"
            if not isinstance(listed, list) or mode not in ("auto", "required"):
                raise bad_request("“tool_choice” must have a list of tools, and the mode auto or required.", "tool_choice")
            names = {_name_of(item) for item in listed}
            return choose_tools(tuple(tool for tool in tools if tool.name in names), mode)
        name = _name_of(choice)
        named = tuple(tool for tool in tools if tool.name == name)
        if named:
            return named, True
        raise bad_request(f"“tool_choice” names a tool that is not there: {str(name)[:60]!r}.", "tool_choice")
    raise bad_request("“tool_choice” must be auto, none, required or a function.", "tool_choice")


def _name_of(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    function = value.get("function")
    return str((function.get("name") if isinstance(function, dict) else None) or value.get("name") or "")
