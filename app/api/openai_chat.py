"""``/v1/chat/completions``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.content import choose_tools, read_messages, read_tools
from app.api.desk import Call, Desk, make_id
from app.api.errors import bad_request
from app.api.merging import gather, merge
from app.api.parameters import read_count, read_options, read_probabilities, read_switch, read_table, read_whole, template_values
from app.api.running import AnswerEvent, Begun, Done, Order, vary, while_connected
from app.api.streams import EventStream, dump, event, reply_json
from app.services.engine_pool import Lease
from backends.backend import GenerationRequest
from backends.events import PromptProgress, ReasoningDelta, TextDelta, TokenChosen, Usage
from backends.tool_calls.events import CallArguments, CallBegun

_MOST_CHOICES = 128
_MOST_TOP = 20
FINGERPRINT = "yanmo"


async def create(desk: Desk, request: Request) -> Response:
    """Answer a conversation."""
    async with desk.call(request) as call:
        return await _answer(call)


async def _answer(call: Call) -> Response:
    body = call.body
    order, count = read_order(call, body)
    streams = read_switch(body, "stream")
    shows_usage = read_switch(read_table(body, "stream_options"), "include_usage")
    lease = await while_connected(call.request, call.acquire()) if not streams else await call.acquire()
    shows_logprobs = order.request.options.logprobs is not None
    reply = _Reply(make_id("chatcmpl-"), lease, call.model_name(lease), int(time.time()), shows_logprobs)
    orders = [vary(order, index) for index in range(count)]
    if streams:
        answers = await call.begin(lease, *orders)
        pieces = _stream(reply, answers, shows_usage=shows_usage, shows_progress=read_switch(body, "return_progress"))
        return EventStream(pieces, call.hand_over(), on_error=call.record.fail, keep_alive=reply.keep_alive)
    choices = await while_connected(call.request, _gather(call, lease, orders))
    return reply_json(reply.whole(choices))


def read_order(call: Call, body: Mapping[str, Any]) -> tuple[Order, int]:
    """What is to be generated, and how often.

    Raises:
        ApiError: the body is not in order.
    """
    messages = read_messages(body.get("messages"), call.media)
    tools = read_tools(body.get("tools"))
    allowed, forced = choose_tools(tools, body.get("tool_choice"))
    most = read_count(body, "max_completion_tokens", "max_tokens", "n_predict")
    shows_logprobs = read_switch(body, "logprobs")
    top = read_whole(body, "top_logprobs", 0, 0, _MOST_TOP)
    if top and not shows_logprobs:
        raise bad_request("“top_logprobs” needs “logprobs”.", "top_logprobs")
    options = read_options(body, max_tokens=most, logprobs=top if shows_logprobs else read_probabilities(body))
    if allowed and not forced and (options.schema or options.grammar):
        allowed = ()  # the form leaves no room for a call
    continues = messages[-1].role == "assistant" and read_switch(body, "continue_final_message", True)
    request = GenerationRequest(
        messages=messages,
        options=options,
        continue_last=continues,
        template_values=template_values(body, [tool.to_json() for tool in allowed]),
    )
    return Order(request, allowed, forced, silent=most == 0), read_whole(body, "n", 1, 1, _MOST_CHOICES)


@dataclass
class Choice:
    """One finished answer."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    arguments: list[list[str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tokens: list[TokenChosen] = field(default_factory=list)
    done: Done = field(default_factory=lambda: Done("stop", Usage()))

    def add(self, piece: AnswerEvent) -> None:
        """Take in a piece of the reply."""
        match piece:
            case TextDelta(text):
                self.text.append(text)
            case ReasoningDelta(text):
                self.reasoning.append(text)
            case CallBegun(_, name):
                self.names.append(name)
                self.arguments.append([])
                self.ids.append(make_id("call_"))
            case CallArguments(_, text):
                self.arguments[-1].append(text)
            case TokenChosen():
                self.tokens.append(piece)
            case Done():
                self.done = piece

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls, in OpenAI's shape."""
        return [
            {"id": number, "type": "function", "function": {"name": name, "arguments": "".join(arguments)}}
            for number, name, arguments in zip(self.ids, self.names, self.arguments, strict=True)
        ]


async def collect(call: Call, lease: Lease, order: Order) -> Choice:
    """One whole answer. Raises ApiError."""
    choice = Choice()
    async for piece in call.answer(lease, order):
        choice.add(piece)
    return choice


async def _gather(call: Call, lease: Lease, orders: Sequence[Order]) -> list[Choice]:
    return await gather([collect(call, lease, order) for order in orders])


@dataclass
class _Reply:
    """The frame around what is said."""

    id: str
    lease: Lease
    model: str
    created: int
    shows_logprobs: bool
    heard: set[int] = field(default_factory=set)

    def whole(self, choices: Sequence[Choice]) -> dict[str, Any]:
        """The answer to a request that does not stream."""
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [self._choice(index, choice) for index, choice in enumerate(choices)],
            "usage": usage_of([choice.done.usage for choice in choices]),
            "system_fingerprint": FINGERPRINT,
            "timings": timings_of(choices[0].done.usage),
        }

    def _choice(self, index: int, choice: Choice) -> dict[str, Any]:
        text = "".join(choice.text)
        calls = choice.calls
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if choice.reasoning:
            message["reasoning_content"] = "".join(choice.reasoning)
        if calls:
            message["tool_calls"] = calls
        logprobs = {"content": [show_token(token) for token in choice.tokens], "refusal": None} if self.shows_logprobs else None
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish_reason(choice.done.reason)}

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> str:
        """One event of a stream."""
        value = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
            **more,
        }
        return event(dump(value))

    def greet(self, index: int) -> str:
        """The first event of a choice, which says whose words follow; empty where that was said."""
        if index in self.heard:
            return ""
        self.heard.add(index)
        return self.delta(index, {"role": "assistant", "content": ""})

    def keep_alive(self) -> str:
        """An event without news."""
        return self.greet(0) or self.delta(0, {})

    def delta(self, index: int, delta: dict[str, Any], reason: str | None = None, tokens: Sequence[TokenChosen] = ()) -> str:
        """One event with news of one choice."""
        logprobs = {"content": [show_token(token) for token in tokens], "refusal": None} if tokens else None
        return self.chunk([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}])


async def _stream(reply: _Reply, answers: Sequence[Begun], *, shows_usage: bool, shows_progress: bool) -> AsyncIterator[str]:
    usages: list[Usage] = []
    ids: list[dict[int, str]] = [{} for _ in answers]
    pending: list[list[TokenChosen]] = [[] for _ in answers]
    async for index, piece in merge(answers):
        if index not in reply.heard and not isinstance(piece, PromptProgress):
            yield reply.greet(index)
        match piece:
            case TextDelta(text):
                yield reply.delta(index, {"content": text}, tokens=pending[index])
                pending[index] = []
            case ReasoningDelta(text):
                yield reply.delta(index, {"reasoning_content": text}, tokens=pending[index])
                pending[index] = []
            case CallBegun(number, name):
                ids[index][number] = make_id("call_")
                function = {"name": name, "arguments": ""}
                value = {"index": number, "id": ids[index][number], "type": "function", "function": function}
                yield reply.delta(index, {"tool_calls": [value]})
            case CallArguments(number, text):
                yield reply.delta(index, {"tool_calls": [{"index": number, "function": {"arguments": text}}]})
            case TokenChosen():
                pending[index].append(piece)
            case PromptProgress(done, total, cached) if shows_progress:
                yield reply.chunk([], prompt_progress={"processed": done, "total": total, "cache": cached})
            case Done(reason, usage):
                usages.append(usage)
                yield reply.delta(index, {}, finish_reason(reason), pending[index])
    if shows_usage:
        yield reply.chunk([], usage=usage_of(usages), timings=timings_of(usages[0]) if usages else None)


def finish_reason(reason: str) -> str:
    """OpenAI's word for why a reply ended."""
    return reason if reason in ("stop", "length", "tool_calls") else "stop"


def usage_of(usages: Sequence[Usage]) -> dict[str, Any]:
    """Tokens of all choices; the prompt counts once."""
    prompt = usages[0].prompt_tokens if usages else 0
    output = sum(usage.output_tokens for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": usages[0].cached_tokens if usages else 0},
    }


def timings_of(usage: Usage) -> dict[str, Any]:
    """llama-server's extension: counts, milliseconds and rates."""
    read = usage.prompt_tokens - usage.cached_tokens
    guessed = {"draft_n": usage.drafted_tokens, "draft_n_accepted": usage.accepted_tokens} if usage.drafted_tokens else {}
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": read,
        "prompt_ms": round(usage.prompt_seconds * 1000, 3),
        "prompt_per_second": round(read / usage.prompt_seconds, 3) if usage.prompt_seconds else None,
        "predicted_n": usage.output_tokens,
        "predicted_ms": round(usage.output_seconds * 1000, 3),
        "predicted_per_second": round(usage.tokens_per_second, 3),
        "queue_ms": round(usage.waiting_seconds * 1000, 3),
        **guessed,
    }


def show_token(token: TokenChosen) -> dict[str, Any]:
    """A token with its likelihood and alternatives, in OpenAI's shape."""
    shown = _show(token.text, token.logprob)
    shown["top_logprobs"] = [_show(text, logprob) for _, text, logprob in token.alternatives]
    return shown


def _show(text: bytes, logprob: float) -> dict[str, Any]:
    return {"token": text.decode("utf-8", "replace"), "logprob": max(logprob, -9999.0), "bytes": list(text)}
