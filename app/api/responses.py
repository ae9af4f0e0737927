"""OpenAI's ``/v1/responses``: streamed events with sequence numbers, kept replies that the next request continues."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.content import choose_tools
from app.api.desk import Call, Desk, make_id
from app.api.errors import ApiError, bad_request
from app.api.parameters import read_count, read_options, read_switch, read_table, read_whole, template_values
from app.api.response_events import Writer
from app.api.response_items import ToolSet, read_input, read_items, read_tools
from app.api.running import Begun, Order, count_tokens, while_connected
from app.api.streams import EventStream, reply_json
from app.services.engine_pool import Lease
from app.store.responses import StoredResponse
from backends.backend import GenerationRequest
from backends.messages import Message, TextPart

_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "background": False,
}


@dataclass
class Plan:
    """A request in order: what to generate, what it continues, and what the client calls its tools."""

    order: Order
    tools: ToolSet
    items: list[dict[str, Any]]
    history: list[dict[str, Any]]
    keeps: bool


async def create(desk: Desk, request: Request) -> Response:
    """Answer."""
    async with desk.call(request) as call:
        return await _answer(call)


async def count(desk: Desk, request: Request) -> Response:
    """How many tokens a request would take."""
    async with desk.call(request) as call:
        plan = _read_plan(call)
        tokens = await count_tokens(await call.acquire(), call.media.fill(plan.order.request))
        return reply_json({"object": "response.input_tokens", "input_tokens": tokens})


async def show(desk: Desk, request: Request) -> Response:
    """A reply that was kept."""
    return reply_json(find_response(desk, request.path_params["id"]).response)


async def delete(desk: Desk, request: Request) -> Response:
    """Forget a reply."""
    number = request.path_params["id"]
    find_response(desk, number)
    desk.workstation.responses.delete(number)
    return reply_json({"id": number, "object": "response.deleted", "deleted": True})


async def cancel(desk: Desk, request: Request) -> Response:
    """Only replies in the background can be cancelled so, and there are none: this one is over."""
    find_response(desk, request.path_params["id"])
    raise bad_request("Only a response with background=true can be cancelled; close the connection of another one.")


async def list_input(desk: Desk, request: Request) -> Response:
    """What a kept reply was asked."""
    stored = find_response(desk, request.path_params["id"])
    items = [{"id": item.get("id") or f"{stored.id}_{index}", **_with_type(item)} for index, item in enumerate(stored.input)]
    if request.query_params.get("order", "desc") == "desc":
        items.reverse()
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return reply_json({"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False})


def _with_type(item: Mapping[str, Any]) -> dict[str, Any]:
    value = {"type": "message", **item}
    if value["type"] == "message":
        value.setdefault("status", "completed")
        content = value.get("content")
        if isinstance(content, str):
            kind = "output_text" if value.get("role") == "assistant" else "input_text"
            more: dict[str, Any] = {"annotations": []} if kind == "output_text" else {}
            value["content"] = [{"type": kind, "text": content, **more}]
    return value


def find_response(desk: Desk, number: str, param: str = "response_id") -> StoredResponse:
    """A reply that was kept, named by the parameter ``param``. Raises ApiError."""
    stored = desk.workstation.responses.find(number)
    if stored is None:
        raise ApiError(404, f"There is no response {number[:100]}.", "not_found", param)
    return stored


async def _answer(call: Call) -> Response:
    plan = _read_plan(call)
    lease = await call.acquire()
    writer = Writer(_frame(call.body, call.model_name(lease)), plan.tools)
    if read_switch(call.body, "stream"):
        try:
            (answer,) = await call.begin(lease, plan.order)
        except ApiError as error:
            if error.code != "context_length_exceeded":
                raise
            call.fail(error)
            pieces = _refuse(writer, error)
        else:
            pieces = _stream(call, answer, plan, writer)
        return EventStream(
            pieces,
            call.hand_over(),
            done="",
            on_error=call.record.fail,
            keep_alive=writer.keep_alive,
        )
    await while_connected(call.request, _write(call, lease, plan, writer))
    _keep(call.desk, plan, writer)
    return reply_json(writer.response)


def _read_plan(call: Call) -> Plan:
    body = call.body
    if read_switch(body, "background"):
        raise bad_request("“background” is not offered here: keep the connection open.", "background")
    if body.get("conversation") is not None:
        raise bad_request("Conversations are not kept here: continue a response with “previous_response_id”.", "conversation")
    truncation = body.get("truncation")
    if truncation not in (None, "auto", "disabled"):
        raise bad_request("“truncation” must be auto or disabled.", "truncation")
    items = read_input(body.get("input"))
    history: list[dict[str, Any]] = []
    previous = body.get("previous_response_id")
    if previous is not None:
        history = find_response(call.desk, str(previous), "previous_response_id").conversation
    messages = read_items([*history, *items], call.media)
    instructions = body.get("instructions")
    if isinstance(instructions, str) and instructions:
        messages.insert(0, Message("system", (TextPart(instructions),)))
    if not messages:
        raise bad_request("There is nothing in “input”.", "input")
    tools = read_tools(body.get("tools"))
    allowed, forced = choose_tools(tools.tools, body.get("tool_choice"))
    most = read_count(body, "max_output_tokens")
    if most == 0:
        raise bad_request("“max_output_tokens” must be above 0.", "max_output_tokens")
    values = dict(body)
    if truncation == "auto":
        values["context_policy"] = "drop"
    form = read_table(read_table(body, "text"), "format")
    values["response_format"] = {**form, "json_schema": {"schema": form.get("schema")}} if form else None
    effort = read_table(body, "reasoning").get("effort")
    if isinstance(effort, str):
        values["reasoning_effort"] = effort
    top = read_whole(body, "top_logprobs", 0, 0, 20)
    include = body.get("include")
    wants = isinstance(include, list) and "message.output_text.logprobs" in include
    logprobs = top if top or wants else None
    request = GenerationRequest(
        messages=tuple(messages),
        options=read_options(values, max_tokens=most, logprobs=logprobs),
        template_values=template_values(values, [tool.to_json() for tool in allowed]),
    )
    return Plan(Order(request, allowed, forced), tools, items, history, read_switch(body, "store", True))


def _frame(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The response object before anything was said: what was asked for is said again."""
    echoed = {key: default if body.get(key) is None else body[key] for key, default in _ECHOED.items()}
    text = echoed["text"] if isinstance(echoed["text"], dict) else {}
    echoed["text"] = {"format": {"type": "text"}, **text}
    return {
        "id": make_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        **echoed,
    }


async def _write(call: Call, lease: Lease, plan: Plan, writer: Writer) -> None:
    async for piece in call.answer(lease, plan.order):
        writer.add(piece)


async def _refuse(writer: Writer, error: ApiError) -> AsyncIterator[str]:
    """OpenAI's own server tells so of a conversation that is too long: Codex shortens it then, and gives up at a status."""
    yield writer.begin()
    yield writer.fail(error)


async def _stream(call: Call, answer: Begun, plan: Plan, writer: Writer) -> AsyncIterator[str]:
    yield writer.begin()
    try:
        async for piece in answer:
            if said := writer.add(piece):
                yield said
            if writer.is_over:
                _keep(call.desk, plan, writer)
    except ApiError as error:
        call.record.fail(error.message)
        yield writer.fail(error)


def _keep(desk: Desk, plan: Plan, writer: Writer) -> None:
    if plan.keeps:
        response = writer.response
        stored = StoredResponse(response["id"], float(response["created_at"]), response, plan.items, plan.history)
        desk.workstation.responses.keep(stored)
