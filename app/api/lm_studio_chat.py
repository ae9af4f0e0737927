"""LM Studio's ``/api/v1/chat``: kept chats that a request adds to, told in events from the loading of the model to the last word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Call, Desk, make_id
from app.api.errors import ApiError, bad_request, error_body
from app.api.parameters import read_count, read_options, read_switch, template_values
from app.api.response_events import Writer
from app.api.response_items import read_items
from app.api.responses import find_response
from app.api.running import AnswerEvent, Done, Order, while_connected
from app.api.streams import EventStream, event, reply_json
from app.store.responses import StoredResponse
from backends.backend import GenerationRequest
from backends.events import PromptProgress, ReasoningDelta, TextDelta, Usage

_EFFORTS = {"off": "none", "low": "low", "medium": "medium", "high": "high", "on": None}
_LOOK_SECONDS = 0.1


@dataclass
class Plan:
    """A request in order: ``items`` are new, ``history`` is what went before, both in the form of the Responses API."""

    order: Order
    items: list[dict[str, Any]]
    history: list[dict[str, Any]]
    keeps: bool


@dataclass
class Chat:
    """The answer as it grows, in LM Studio's events and, to be kept, as a response that either dialect can continue."""

    writer: Writer
    instance: str
    load_seconds: float | None = None
    output: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    is_reading: bool = False
    _read: float = 0.0
    _reading: bool = True
    _open: str = ""

    def add(self, piece: AnswerEvent) -> list[dict[str, Any]]:
        """What is to be told of a piece of the reply."""
        self.writer.add(piece)
        match piece:
            case PromptProgress(done, total):
                self._read = round(done / max(total, 1), 4)
                return [self._progress()] if self._reading else []
            case ReasoningDelta(text):
                return self._say("reasoning", text)
            case TextDelta(text):
                return self._say("message", text)
            case Done(_, usage):
                self.usage = usage
                return [*self._end_reading(), *self._close()]
        return []

    def keep_alive(self) -> str:
        """How far the prompt is read, once more; empty before and after."""
        return _tell(self._progress()) if self.is_reading and self._reading else ""

    def _progress(self) -> dict[str, Any]:
        return {"type": "prompt_processing.progress", "progress": self._read}

    def result(self, number: str | None) -> dict[str, Any]:
        """The whole answer; ``number`` where it is kept."""
        usage = self.usage
        counted = self.writer.response["usage"] or {}
        stats: dict[str, Any] = {
            "input_tokens": usage.prompt_tokens,
            "total_output_tokens": usage.output_tokens,
            "reasoning_output_tokens": counted.get("output_tokens_details", {}).get("reasoning_tokens", 0),
            "tokens_per_second": round(usage.tokens_per_second, 2),
            "time_to_first_token_seconds": round(usage.first_token_seconds, 3),
        }
        if self.load_seconds is not None:
            stats["model_load_time_seconds"] = self.load_seconds
        kept = {} if number is None else {"response_id": number}
        return {"model_instance_id": self.instance, "output": self.output, "stats": stats, **kept}

    def _say(self, kind: str, text: str) -> list[dict[str, Any]]:
        said = self._end_reading()
        if self._open != kind:
            said += [*self._close(), {"type": f"{kind}.start"}]
            self._open = kind
            self.output.append({"type": kind, "content": ""})
        self.output[-1]["content"] += text
        return [*said, {"type": f"{kind}.delta", "content": text}]

    def _end_reading(self) -> list[dict[str, Any]]:
        was_reading, self._reading = self._reading, False
        return [{"type": "prompt_processing.end"}] if was_reading else []

    def _close(self) -> list[dict[str, Any]]:
        kind, self._open = self._open, ""
        return [{"type": f"{kind}.end"}] if kind else []


async def create(desk: Desk, request: Request) -> Response:
    """Answer, and keep the chat unless ``store`` is false."""
    async with desk.call(request) as call:
        plan = _read_plan(call)
        reference = desk.models.find_reference(call.body.get("model"))
        if read_switch(call.body, "stream"):
            chat = _begin(call, reference)
            return EventStream(
                _stream(call, plan, chat, reference),
                call.hand_over(),
                dialect="lmstudio",
                done="",
                on_error=call.record.fail,
                keep_alive=chat.keep_alive,
            )
        return reply_json(await while_connected(request, _answer(call, plan, reference)))


def _read_plan(call: Call) -> Plan:
    body = call.body
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise bad_request("“model” must be a name.", "model", "missing_required_parameter")
    if body.get("integrations"):
        raise ApiError(400, "Integrations (MCP servers, plugins) are not offered here.", "not_implemented", "integrations")
    items, history = _read_input(body.get("input")), _find_history(call)
    prompt = body.get("system_prompt")
    if prompt is not None and not isinstance(prompt, str):
        raise bad_request("“system_prompt” must be text.", "system_prompt")
    if prompt:
        history = [item for item in history if item.get("role") != "system"]
        history.insert(0, _message("system", [{"type": "input_text", "text": prompt}]))
    most = read_count(body, "max_output_tokens")
    if most == 0:
        raise bad_request("“max_output_tokens” must be above 0.", "max_output_tokens")
    values = {name: value for name, value in body.items() if name not in ("stop", "response_format")}
    reasoning = body.get("reasoning")
    if reasoning is not None:
        if reasoning not in _EFFORTS:
            raise bad_request(f"“reasoning” must be one of {', '.join(_EFFORTS)}.", "reasoning")
        values["reasoning_effort"] = _EFFORTS[reasoning]
        values["chat_template_kwargs"] = {"enable_thinking": reasoning != "off"}
    request = GenerationRequest(
        messages=tuple(read_items([*history, *items], call.media)),
        options=read_options(values, max_tokens=most),
        template_values=template_values(values, []),
    )
    return Plan(Order(request), items, history, read_switch(body, "store", True))


def _read_input(value: Any) -> list[dict[str, Any]]:
    """Text, or a list of texts and pictures, as one message of the user."""
    parts = [{"type": "message", "content": value}] if isinstance(value, str) else value
    if not isinstance(parts, list) or not parts:
        raise bad_request("“input” must be text, or a list of messages and images.", "input", "missing_required_parameter")
    content = []
    for index, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("message", "text") and isinstance(part.get("content"), str):
            content.append({"type": "input_text", "text": part["content"]})
        elif kind == "image" and isinstance(part.get("data_url"), str):
            content.append({"type": "input_image", "image_url": part["data_url"]})
        else:
            raise bad_request(f"“input[{index}]” must be a message with “content” or an image with “data_url”.", "input")
    return [_message("user", content)]


def _message(role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def _find_history(call: Call) -> list[dict[str, Any]]:
    previous = call.body.get("previous_response_id")
    if previous is None:
        return []
    return find_response(call.desk, str(previous), "previous_response_id").conversation


def _begin(call: Call, reference: str) -> Chat:
    frame = {
        "id": make_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": str(call.body["model"]),
        "output": [],
        "usage": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return Chat(Writer(frame), call.desk.models.id_of(reference))


async def _answer(call: Call, plan: Plan, reference: str) -> dict[str, Any]:
    chat = _begin(call, reference)
    is_there, started = call.desk.pool.progress_of(reference) == 1.0, time.monotonic()
    lease = await call.acquire()
    if not is_there:
        chat.load_seconds = round(time.monotonic() - started, 3)
    async for piece in call.answer(lease, plan.order):
        chat.add(piece)
    return _finish(call, plan, chat)


async def _stream(call: Call, plan: Plan, chat: Chat, reference: str) -> AsyncIterator[str]:
    yield _tell({"type": "chat.start", "model_instance_id": chat.instance})
    try:
        async for said in _load(call, chat, reference):
            yield _tell(said)
        yield _tell({"type": "prompt_processing.start"})
        chat.is_reading = True
        async for piece in call.answer(call.leases[-1], plan.order):
            for said in chat.add(piece):
                yield _tell(said)
    except ApiError as error:
        call.fail(error)
        plan.keeps = False
        yield _tell({"type": "error", **error_body(error, "lmstudio")})
    yield _tell({"type": "chat.end", "result": _finish(call, plan, chat)})


async def _load(call: Call, chat: Chat, reference: str) -> AsyncIterator[dict[str, Any]]:
    """Wait for the model; what is told while it is loaded."""
    pool, told = call.desk.pool, {"model_instance_id": chat.instance}
    if pool.progress_of(reference) == 1.0:
        await call.acquire()
        return
    yield {"type": "model_load.start", **told}
    started, before = time.monotonic(), 0.0
    task = asyncio.ensure_future(call.acquire())
    try:
        while not (await asyncio.wait((task,), timeout=_LOOK_SECONDS))[0]:
            if (now := round(pool.progress_of(reference), 4)) > before:
                before = now
                yield {"type": "model_load.progress", **told, "progress": now}
        await task
    finally:
        task.cancel()  # the client is gone; nothing where it is done
    chat.load_seconds = round(time.monotonic() - started, 3)
    if before < 1.0:
        yield {"type": "model_load.progress", **told, "progress": 1.0}
    yield {"type": "model_load.end", **told, "load_time_seconds": chat.load_seconds}


def _finish(call: Call, plan: Plan, chat: Chat) -> dict[str, Any]:
    """Keep the answer, and tell it whole."""
    response = chat.writer.response
    if not plan.keeps:
        return chat.result(None)
    stored = StoredResponse(response["id"], float(response["created_at"]), response, plan.items, plan.history)
    call.desk.workstation.responses.keep(stored)
    return chat.result(response["id"])


def _tell(value: dict[str, Any]) -> str:
    return event(value, value["type"])
