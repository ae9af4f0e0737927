"""Anthropic's ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.content import decode_base64, read_function
from app.api.desk import Call, Desk, make_id
from app.api.errors import bad_request
from app.api.media import Media, refuse_document
from app.api.openai_chat import Choice, collect
from app.api.parameters import read_count, read_options, read_stops, read_switch, template_values
from app.api.running import Begun, Done, Order, count_tokens, while_connected
from app.api.streams import EventStream, dump, event, reply_json
from backends.backend import GenerationRequest
from backends.events import ReasoningDelta, TextDelta, Usage
from backends.messages import FilePart, ImagePart, Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from backends.tool_calls.events import CallArguments, CallBegun, CallEnded, Tool

_BILLING = re.compile(r"^\s*x-anthropic-billing-header:.*$", re.IGNORECASE)
"""A line that Claude Code puts into the system prompt anew at every request: with it no beginning would ever be the same."""


async def create(desk: Desk, request: Request) -> Response:
    """Answer a conversation."""
    async with desk.call(request) as call:
        return await _answer(call)


async def count(desk: Desk, request: Request) -> Response:
    """How many tokens a conversation would take."""
    async with desk.call(request) as call:
        order = read_order(call.body, call.media, needs_limit=False)
        lease = await call.acquire()
        return reply_json({"input_tokens": await count_tokens(lease, call.media.fill(order.request))})


async def _answer(call: Call) -> Response:
    order = read_order(call.body, call.media)
    streams = read_switch(call.body, "stream")
    lease = await call.acquire()
    frame = {"id": make_id("msg_"), "type": "message", "role": "assistant", "model": call.model_name(lease)}
    stops = order.request.options.stop
    if streams:
        total = await count_tokens(lease, call.media.fill(order.request))
        (answer,) = await call.begin(lease, order)
        pieces = _stream(answer, order, frame, total)
        return EventStream(
            pieces,
            call.hand_over(),
            dialect="anthropic",
            done="",
            on_error=call.record.fail,
            keep_alive=lambda: _event("ping"),
        )
    choice = await while_connected(call.request, collect(call, lease, order))
    reason = _stop_reason(choice.done, bool(choice.names))
    usage = _usage(choice.done.usage)
    body = {**frame, "content": _blocks(choice), "stop_reason": reason, "stop_sequence": None, "usage": usage}
    if reason == "end_turn" and stops and choice.done.stop_text in stops:
        body |= {"stop_reason": "stop_sequence", "stop_sequence": choice.done.stop_text}
    return reply_json(body)


def read_order(body: Mapping[str, Any], media: Media, *, needs_limit: bool = True) -> Order:
    """What is to be generated.

    Raises:
        ApiError: the body is not in order.
    """
    most = read_count(body, "max_tokens")
    if needs_limit and (most is None or most < 1):
        raise bad_request("“max_tokens” must be a whole number above 0.", "max_tokens")
    messages = (*_read_system(body.get("system")), *_read_messages(body.get("messages"), media))
    tools = _read_tools(body.get("tools"))
    tools, forced = _choose(tools, body.get("tool_choice"))
    values = dict(body)
    values["stop"] = list(read_stops(body.get("stop_sequences")))
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        kwargs = dict(body.get("chat_template_kwargs") or {}) if isinstance(body.get("chat_template_kwargs"), dict) else {}
        kwargs.setdefault("enable_thinking", thinking.get("type") in ("enabled", "adaptive"))
        values["chat_template_kwargs"] = kwargs
    output = body.get("output_config")
    form = body.get("output_format") or (output.get("format") if isinstance(output, dict) else None)
    if isinstance(form, dict) and form.get("type") == "json_schema":
        values["response_format"] = {"type": "json_schema", "json_schema": {"schema": form.get("schema")}}
    request = GenerationRequest(
        messages=messages,
        options=read_options(values, max_tokens=most),
        continue_last=messages[-1].role == "assistant",
        template_values=template_values(values, [tool.to_json() for tool in tools]),
    )
    return Order(request, tools, forced)


def _read_system(value: Any) -> tuple[Message, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        texts = [value]
    elif isinstance(value, list) and all(isinstance(block, dict) and isinstance(block.get("text"), str) for block in value):
        texts = [block["text"] for block in value]
    else:
        raise bad_request("“system” must be text or a list of text blocks.", "system")
    texts = [text for text in texts if not _BILLING.match(text)]
    joined = "\n\n".join(text for text in texts if text)
    return (Message("system", (TextPart(joined),)),) if joined else ()


def _read_messages(values: Any, media: Media) -> tuple[Message, ...]:
    if not isinstance(values, list) or not values:
        raise bad_request("“messages” must be a list with at least one message.", "messages")
    found: list[Message] = []
    for index, value in enumerate(values):
        place = f"messages[{index}]"
        role = value.get("role") if isinstance(value, dict) else None
        if role not in ("user", "assistant", "system"):
            raise bad_request(f"“{place}.role” must be user or assistant.", place)
        found += _read_turn(role, value.get("content"), place, media)
    if not found:
        raise bad_request("There is nothing in “messages”.", "messages")
    return tuple(found)


def _read_turn(role: Any, content: Any, place: str, media: Media) -> list[Message]:
    """The messages that one turn becomes: what tools gave stands before what the person says."""
    if isinstance(content, str):
        return [Message(role, (TextPart(content),))]
    if not isinstance(content, list):
        raise bad_request(f"“{place}.content” must be text or a list of blocks.", place)
    results: list[Message] = []
    parts: list[Part] = []
    for block in content:
        if not isinstance(block, dict):
            raise bad_request(f"Each block of “{place}.content” must be an object.", place)
        if block.get("type") == "tool_result":
            text, more = _read_result(block.get("content"), place, media)
            results.append(Message("tool", (ToolResultPart(str(block.get("tool_use_id") or ""), text),)))
            parts += more
        elif (part := _read_block(block, place, media)) is not None:
            parts.append(part)
    return [*results, Message(role, tuple(parts))] if parts or not results else results


def _read_block(block: dict[str, Any], place: str, media: Media) -> Part | None:
    kind = block.get("type")
    if kind == "text":
        return TextPart(str(block.get("text") or ""))
    if kind == "image":
        return _read_image(block.get("source"), place, media)
    if kind == "tool_use":
        return ToolCallPart(
            str(block.get("id") or ""), str(block.get("name") or ""), json.dumps(block.get("input") or {}, ensure_ascii=False)
        )
    if kind == "thinking":
        return ReasoningPart(str(block.get("thinking") or ""))
    if kind == "document" and isinstance(block.get("source"), dict):
        return _read_document(block["source"], str(block.get("title") or "document"), place, media)
    if kind in ("redacted_thinking", "server_tool_use", "web_search_tool_result"):
        return None
    raise bad_request(f"“{place}”: blocks of type {str(kind)[:40]!r} are not known.", place)


def _read_result(content: Any, place: str, media: Media) -> tuple[str, list[Part]]:
    """The text of a tool's answer, and pictures and documents that came with it."""
    if content is None:
        return "", []
    if isinstance(content, str):
        return content, []
    if not isinstance(content, list):
        raise bad_request(f"“{place}”: a tool result must be text or blocks.", place)
    parts = [part for block in content if isinstance(block, dict) and (part := _read_block(block, place, media)) is not None]
    return "".join(part.text for part in parts if isinstance(part, TextPart)), [
        p for p in parts if isinstance(p, ImagePart | FilePart)
    ]


def _read_image(source: Any, place: str, media: Media) -> ImagePart:
    if isinstance(source, dict) and source.get("type") == "url":
        return ImagePart(media.save_later(source.get("url"), place), "image/*")
    if not isinstance(source, dict) or source.get("type") != "base64":
        raise bad_request(f"“{place}”: pictures must come as base64; nothing is fetched from elsewhere.", place)
    mime = str(source.get("media_type") or "image/png")
    return ImagePart(media.save(decode_base64(source.get("data"), place), mime), mime)


def _read_document(source: dict[str, Any], title: str, place: str, media: Media) -> FilePart:
    kind = source.get("type")
    if kind == "text":
        return FilePart("", title, str(source.get("data") or ""))
    if kind == "content" and isinstance(blocks := source.get("content"), str | list):
        texts = [blocks] if isinstance(blocks, str) else [str(one.get("text") or "") for one in blocks if isinstance(one, dict)]
        return FilePart("", title, "\n\n".join(texts))
    if kind != "base64":
        raise refuse_document(place, is_elsewhere=kind == "url")
    mime = str(source.get("media_type") or "application/pdf")
    return media.save_document(decode_base64(source.get("data"), place), title, mime, place)


def _read_tools(value: Any) -> tuple[Tool, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise bad_request("“tools” must be a list.", "tools")
    found = []
    for index, item in enumerate(value):
        if isinstance(item, dict) and item.get("type") not in (None, "custom"):
            continue  # tools that Anthropic's own servers run
        found.append(read_function(item, f"tools[{index}]", "input_schema"))
    return tuple(found)


def _choose(tools: tuple[Tool, ...], choice: Any) -> tuple[tuple[Tool, ...], bool]:
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if kind in (None, "auto"):
        return tools, False
    if kind == "none":
        return (), False
    if kind == "any" and tools:
        return tools, True
    if kind == "tool" and isinstance(choice, dict):
        named = tuple(tool for tool in tools if tool.name == choice.get("name"))
        if named:
            return named, True
    raise bad_request("“tool_choice” must be auto, any, none, or a tool that is there.", "tool_choice")


def _blocks(choice: Choice) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if choice.reasoning:
        blocks.append({"type": "thinking", "thinking": "".join(choice.reasoning), "signature": ""})
    if choice.text:
        blocks.append({"type": "text", "text": "".join(choice.text), "citations": None})
    for call in choice.calls:
        try:
            value = json.loads(call["function"]["arguments"] or "{}")
        except ValueError:
            value = {}
        name = call["function"]["name"]
        blocks.append({"type": "tool_use", "id": call["id"].replace("call_", "toolu_"), "name": name, "input": value})
    return blocks or [{"type": "text", "text": "", "citations": None}]


def _stop_reason(done: Done, has_calls: bool) -> str:
    if done.reason == "length":
        return "max_tokens"
    return "tool_use" if has_calls else "end_turn"


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.output_tokens,
    }


async def _stream(answer: Begun, order: Order, frame: dict[str, Any], total: int) -> AsyncIterator[str]:
    start = {"input_tokens": total, "output_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    message = {**frame, "content": [], "stop_reason": None, "stop_sequence": None, "usage": start}
    yield _event("message_start", message=message)
    yield _event("ping")
    blocks = _Blocks()
    has_calls = False
    async for piece in answer:
        match piece:
            case TextDelta(text):
                yield blocks.say("text", {"type": "text", "text": ""}, {"type": "text_delta", "text": text})
            case ReasoningDelta(text):
                opening = {"type": "thinking", "thinking": "", "signature": ""}
                yield blocks.say("thinking", opening, {"type": "thinking_delta", "thinking": text})
            case CallBegun(_, name):
                has_calls = True
                yield blocks.open("tool_use", {"type": "tool_use", "id": make_id("toolu_"), "name": name, "input": {}})
            case CallArguments(_, text):
                yield blocks.say("tool_use", {}, {"type": "input_json_delta", "partial_json": text})
            case CallEnded():
                yield blocks.close()
            case Done():
                if not blocks.count:
                    yield blocks.open("text", {"type": "text", "text": ""})
                yield blocks.close()
                reason, stop = _stop_reason(piece, has_calls), None
                if reason == "end_turn" and piece.stop_text and piece.stop_text in order.request.options.stop:
                    reason, stop = "stop_sequence", piece.stop_text
                delta = {"stop_reason": reason, "stop_sequence": stop}
                yield _event("message_delta", delta=delta, usage=_usage(piece.usage))
                yield _event("message_stop")


class _Blocks:
    """Which block is open; what is said of another kind closes it and opens a new one."""

    def __init__(self) -> None:
        self.count = 0
        self._open = ""

    def say(self, kind: str, opening: dict[str, Any], delta: dict[str, Any]) -> str:
        """A delta, in a block of its kind."""
        begun = "" if self._open == kind else self.open(kind, opening)
        return begun + _event("content_block_delta", index=self.count - 1, delta=delta)

    def open(self, kind: str, opening: dict[str, Any]) -> str:
        """A new block."""
        closed = self.close()
        self._open = kind
        self.count += 1
        return closed + _event("content_block_start", index=self.count - 1, content_block=opening)

    def close(self) -> str:
        """The end of the block that is open, if one is."""
        if not self._open:
            return ""
        signed = ""
        if self._open == "thinking":
            signed = _event("content_block_delta", index=self.count - 1, delta={"type": "signature_delta", "signature": ""})
        self._open = ""
        return signed + _event("content_block_stop", index=self.count - 1)


def _event(kind: str, **values: Any) -> str:
    return event(dump({"type": kind, **values}), kind)
