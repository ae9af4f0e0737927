"""Ollama's ``/api/chat`` and ``/api/generate``: lines of JSON, durations in nanoseconds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.content import decode_base64, read_tools
from app.api.desk import Call, Desk
from app.api.errors import bad_request
from app.api.ollama import stamp
from app.api.openai_chat import Choice, collect, show_token
from app.api.parameters import read_options, read_switch, read_table, read_whole, template_values
from app.api.running import Begun, Done, Order, while_connected
from app.api.streams import EventStream, dump, reply_json
from backends.backend import GenerationRequest
from backends.events import ReasoningDelta, TextDelta, TokenChosen, Usage
from backends.messages import ImagePart, Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_TOP = 20
_NAMES = {"num_predict": "max_tokens", "penalize_newline": "", "tfs_z": "", "num_ctx": ""}


async def chat(desk: Desk, request: Request) -> Response:
    """Answer a conversation."""
    return await _run(desk, request, _read_chat, _ChatShape())


async def generate(desk: Desk, request: Request) -> Response:
    """Continue a prompt, with the model's template or raw."""
    return await _run(desk, request, _read_prompt, _GenerateShape())


async def _run(desk: Desk, request: Request, read: Any, shape: _Shape) -> Response:
    async with desk.call(request) as call:
        keep = read_keep_alive(call.body.get("keep_alive"))
        streams = read_switch(call.body, "stream", True)
        started = time.perf_counter_ns()
        order = read(call)
        if order is None:
            return await _only_load(call, shape, keep)
        lease = await call.acquire()
        load = time.perf_counter_ns() - started
        desk.pool.set_idle_seconds(lease.engine.reference, keep)
        name = call.model_name(lease)
        if streams:
            (answer,) = await call.begin(lease, order)
            return EventStream(
                _stream(answer, shape, name, load),
                call.hand_over(),
                dialect="ollama",
                lines=True,
                done="",
                on_error=call.record.fail,
                keep_alive=lambda: f"{dump(shape.piece(name, {}, False))}\n",
            )
        choice = await while_connected(request, collect(call, lease, order))
        return reply_json(shape.whole(name, choice, _durations(choice.done.usage, load)))


async def _only_load(call: Call, shape: _Shape, keep: float | None) -> Response:
    """A request without words loads the model, or with ``keep_alive`` 0 unloads it."""
    reference = call.desk.models.find_reference(call.body.get("model"))
    if keep == 0:
        call.desk.pool.unload(reference)
        reason = "unload"
    else:
        await call.acquire()
        call.desk.pool.set_idle_seconds(reference, keep)
        reason = "load"
    value = {**shape.piece(str(call.body.get("model") or ""), {}, True), "done_reason": reason}
    return reply_json(value)


def read_keep_alive(value: Any) -> float | None:
    """Seconds that a model stays: a number, or a duration such as ``5m``; negative for ever, None as usual.

    Raises:
        ApiError: it is none.
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            sign = -1 if value.startswith("-") else 1
            return sign * sum(abs(float(number)) * _UNITS[unit] for number, unit in parts)
        if re.fullmatch(r"-?\d+", value):
            return float(value)
    raise bad_request("“keep_alive” must be seconds or a duration such as 5m.", "keep_alive")


def _read_chat(call: Call) -> Order | None:
    body = call.body
    values = body.get("messages")
    if not values:
        return None
    if not isinstance(values, list):
        raise bad_request("“messages” must be a list.", "messages")
    messages = tuple(_read_message(call, value) for value in values)
    tools = read_tools(body.get("tools"))
    settings = _settings(body)
    request = GenerationRequest(
        messages=messages,
        options=_options(body, settings),
        continue_last=messages[-1].role == "assistant",
        template_values=template_values(settings, [tool.to_json() for tool in tools]),
    )
    return Order(request, tools, silent=settings.get("max_tokens") == 0)


def _read_message(call: Call, value: Any) -> Message:
    role = value.get("role") if isinstance(value, dict) else None
    if role not in ("system", "user", "assistant", "tool"):
        raise bad_request("Each message must have a role: system, user, assistant or tool.", "messages")
    content = value.get("content") or ""
    if not isinstance(content, str):
        raise bad_request("“content” must be text.", "messages")
    if role == "tool":
        return Message("tool", (ToolResultPart(str(value.get("tool_call_id") or value.get("tool_name") or ""), content),))
    parts: list[Part] = [*_read_images(call, value.get("images"))]
    if isinstance(value.get("thinking"), str) and value["thinking"]:
        parts.append(ReasoningPart(value["thinking"]))
    parts.append(TextPart(content))
    for item in value.get("tool_calls") or ():
        function = item.get("function") if isinstance(item, dict) else None
        if isinstance(function, dict):
            text = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
            parts.append(ToolCallPart(str(item.get("id") or ""), str(function.get("name") or ""), text))
    return Message(role, tuple(parts))


def _read_images(call: Call, values: Any) -> list[ImagePart]:
    if values is None:
        return []
    if not isinstance(values, list):
        raise bad_request("“images” must be a list of base64 texts.", "images")
    return [ImagePart(call.media.save(decode_base64(value, "images"), "image/png")) for value in values]


def _read_prompt(call: Call) -> Order | None:
    body = call.body
    prompt = body.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        raise bad_request("“prompt” must be text.", "prompt")
    if not prompt:
        return None
    settings = _settings(body)
    options = _options(body, settings)
    suffix = body.get("suffix")
    silent = settings.get("max_tokens") == 0
    if read_switch(body, "raw") or (isinstance(suffix, str) and suffix):
        return Order(GenerationRequest(prompt=prompt, suffix=suffix or None, options=options), silent=silent)
    system = body.get("system")
    messages = [Message("system", (TextPart(system),))] if isinstance(system, str) and system else []
    messages.append(Message("user", (*_read_images(call, body.get("images")), TextPart(prompt))))
    request = GenerationRequest(messages=tuple(messages), options=options, template_values=template_values(settings, []))
    return Order(request, silent=silent)


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` and what stands beside them, in OpenAI's names."""
    found = {_NAMES.get(name, name): value for name, value in read_table(body, "options").items()}
    if isinstance(found.get("max_tokens"), int) and found["max_tokens"] < 0:
        del found["max_tokens"]
    if isinstance(found.get("seed"), int) and found["seed"] == 0:
        found["seed"] = 0
    think = body.get("think")
    if think is not None:
        found["chat_template_kwargs"] = {"enable_thinking": think is not False}
        if isinstance(think, str):
            found["reasoning_effort"] = think
    form = body.get("format")
    if form == "json":
        found["response_format"] = {"type": "json_object"}
    elif isinstance(form, dict):
        found["response_format"] = {"type": "json_schema", "json_schema": {"schema": form}}
    elif form not in (None, ""):
        raise bad_request("“format” must be json or a JSON schema.", "format")
    return found


def check_settings(parameters: Mapping[str, Any]) -> None:
    """Refuse settings that a request of this dialect could not have. Raises ApiError, InvalidOption."""
    _options({}, _settings({"options": dict(parameters)}))


def _options(body: Mapping[str, Any], settings: dict[str, Any]) -> Any:
    most = settings.get("max_tokens")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise bad_request("“num_predict” must be a whole number.", "num_predict")
    logprobs = None
    if read_switch(body, "logprobs"):
        logprobs = read_whole(body, "top_logprobs", 0, 0, _MOST_TOP)
    return read_options(settings, max_tokens=most, logprobs=logprobs)


class _Shape:
    """How the pieces of an endpoint look."""

    def piece(self, name: str, said: dict[str, Any], is_done: bool) -> dict[str, Any]:
        """One line."""
        raise NotImplementedError

    def whole(self, name: str, choice: Choice, durations: dict[str, Any]) -> dict[str, Any]:
        """The answer in one piece."""
        said: dict[str, Any] = {"text": "".join(choice.text)}
        if choice.reasoning:
            said["thinking"] = "".join(choice.reasoning)
        if choice.names:
            said["calls"] = [_show_call(call) for call in choice.calls]
        if choice.tokens:
            said["logprobs"] = [show_token(token) for token in choice.tokens]
        return {**self.piece(name, said, True), "done_reason": _reason(choice.done), **durations}


class _ChatShape(_Shape):
    def piece(self, name: str, said: dict[str, Any], is_done: bool) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said.get("text", "")}
        if "thinking" in said:
            message["thinking"] = said["thinking"]
        if "calls" in said:
            message["tool_calls"] = said["calls"]
        value = {"model": name, "created_at": stamp(time.time()), "message": message, "done": is_done}
        return {**value, "logprobs": said["logprobs"]} if said.get("logprobs") else value


class _GenerateShape(_Shape):
    def piece(self, name: str, said: dict[str, Any], is_done: bool) -> dict[str, Any]:
        value = {"model": name, "created_at": stamp(time.time()), "response": said.get("text", ""), "done": is_done}
        if "thinking" in said:
            value["thinking"] = said["thinking"]
        return {**value, "logprobs": said["logprobs"]} if said.get("logprobs") else value


async def _stream(answer: Begun, shape: _Shape, name: str, load: int) -> AsyncIterator[str]:
    choice = Choice()
    told = 0
    pending: list[dict[str, Any]] = []
    async for piece in answer:
        choice.add(piece)
        match piece:
            case TextDelta(text):
                yield f"{dump(shape.piece(name, {'text': text, 'logprobs': pending}, False))}\n"
                pending = []
            case ReasoningDelta(text):
                yield f"{dump(shape.piece(name, {'thinking': text, 'logprobs': pending}, False))}\n"
                pending = []
            case TokenChosen():
                pending.append(show_token(piece))
            case Done():
                calls = choice.calls[told:]
                if calls:
                    yield f"{dump(shape.piece(name, {'calls': [_show_call(item) for item in calls]}, False))}\n"
                last = {
                    **shape.piece(name, {"logprobs": pending}, True),
                    "done_reason": _reason(piece),
                    **_durations(piece.usage, load),
                }
                yield f"{dump(last)}\n"


def _reason(done: Done) -> str:
    return "length" if done.reason == "length" else "stop"


def _show_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        arguments = {}
    return {"id": call["id"], "function": {"name": function["name"], "arguments": arguments}}


def _durations(usage: Usage, load: int) -> dict[str, Any]:
    prompt, output = int(usage.prompt_seconds * 1e9), int(usage.output_seconds * 1e9)
    return {
        "total_duration": load + prompt + output + int(usage.waiting_seconds * 1e9),
        "load_duration": load,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": prompt,
        "eval_count": usage.output_tokens,
        "eval_duration": output,
    }
