"""``/v1/completions``: raw text, token ids, echo with likelihoods, and filling a gap."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Call, Desk, make_id
from app.api.errors import bad_request
from app.api.merging import gather, merge
from app.api.openai_chat import FINGERPRINT, finish_reason, timings_of
from app.api.parameters import are_token_ids, read_count, read_options, read_probabilities, read_switch, read_table, read_whole
from app.api.running import AnswerEvent, Begun, Done, Order, ask, vary, while_connected
from app.api.streams import EventStream, dump, event, reply_json
from app.services.engine_pool import Lease
from backends.backend import GenerationRequest
from backends.events import PromptToken, TextDelta, TokenChosen, Usage
from backends.options import MOST_LOGPROBS
from backends.questions import Detokenize

_MOST_PROMPTS, _MOST_CHOICES = 2048, 128
_DEFAULT_TOKENS = 16


async def create(desk: Desk, request: Request) -> Response:
    """Continue texts."""
    async with desk.call(request) as call:
        return await _answer(call)


async def _answer(call: Call) -> Response:
    plan = read_plan(call.body)
    lease = await call.acquire()
    await plan.read_prompt_texts(lease)
    if plan.streams:
        orders = [vary(order, index) for order in plan.orders for index in range(plan.n)]
        answers = await call.begin(lease, *orders)
        frame = _make_frame(call, lease, plan)
        return EventStream(_stream(frame, answers), call.hand_over(), on_error=call.record.fail, keep_alive=frame.keep_alive)
    frame = _make_frame(call, lease, plan)
    texts = await while_connected(call.request, _gather(call, frame))
    return reply_json(frame.whole(texts))


@dataclass
class Plan:
    """What a request wants: an order for each prompt, ``n`` answers of the ``best_of`` that are written."""

    orders: list[Order]
    prompts: list[str]
    n: int
    best_of: int
    echo: bool
    logprobs: int | None
    streams: bool
    shows_usage: bool

    async def read_prompt_texts(self, lease: Lease) -> None:
        """Where a prompt came as ids and is to be told again, learn its text."""
        if not self.echo:
            return
        for place, order in enumerate(self.orders):
            if order.request.prompt_tokens:
                data = await ask(lease, Detokenize(order.request.prompt_tokens))
                self.prompts[place] = bytes(data).decode("utf-8", "replace")


def read_plan(body: Mapping[str, Any]) -> Plan:
    """Check a body.

    Raises:
        ApiError: it is not in order.
    """
    prompts = _read_prompts(body.get("prompt"))
    n = read_whole(body, "n", 1, 1, _MOST_CHOICES)
    best_of = read_whole(body, "best_of", n, 1, _MOST_CHOICES)
    streams = read_switch(body, "stream")
    if best_of < n:
        raise bad_request("“best_of” must not be less than “n”.", "best_of")
    if streams and best_of > n:
        raise bad_request("“best_of” cannot be streamed.", "best_of")
    echo = read_switch(body, "echo")
    logprobs = _read_logprobs(body)
    suffix = body.get("suffix")
    if suffix is not None and not isinstance(suffix, str):
        raise bad_request("“suffix” must be text.", "suffix")
    has_limit = any(body.get(key) is not None for key in ("max_tokens", "n_predict"))
    most = read_count(body, "max_tokens", "n_predict") if has_limit else _DEFAULT_TOKENS
    told = logprobs if logprobs is not None else (0 if best_of > n else None)
    options = read_options(body, max_tokens=most, logprobs=told, prompt_logprobs=echo and logprobs is not None)
    orders = []
    for prompt in prompts:
        if isinstance(prompt, str):
            request = GenerationRequest(prompt=prompt, options=options, suffix=suffix or None)
        else:
            request = GenerationRequest(prompt_tokens=tuple(prompt), options=options)
        orders.append(Order(request, silent=most == 0))
    texts = [prompt if isinstance(prompt, str) else "" for prompt in prompts]
    usage = read_switch(read_table(body, "stream_options"), "include_usage")
    return Plan(orders, texts, n, best_of, echo, logprobs, streams, usage)


def _read_logprobs(body: Mapping[str, Any]) -> int | None:
    """How many alternatives of each token are told; some clients say true or false, llama-server's say it by another name."""
    value = body.get("logprobs")
    if isinstance(value, bool):
        return 1 if value else None
    return read_probabilities(body) if value is None else read_whole(body, "logprobs", 0, 0, MOST_LOGPROBS)


def _read_prompts(value: Any) -> list[str | list[int]]:
    """One text, several, one list of ids, or several of these."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and len(value) <= _MOST_PROMPTS:
        if are_token_ids(value):
            return [value]
        if all(isinstance(item, str) or (isinstance(item, list) and item and are_token_ids(item)) for item in value):
            return list(value)
    raise bad_request("“prompt” must be text, a list of texts, or lists of token ids.", "prompt")


@dataclass
class Text:
    """One finished continuation."""

    text: list[str] = field(default_factory=list)
    prompt: list[PromptToken] = field(default_factory=list)
    tokens: list[TokenChosen] = field(default_factory=list)
    done: Done = field(default_factory=lambda: Done("stop", Usage()))

    def add(self, piece: AnswerEvent) -> None:
        """Take in a piece."""
        match piece:
            case TextDelta(text):
                self.text.append(text)
            case PromptToken():
                self.prompt.append(piece)
            case TokenChosen():
                self.tokens.append(piece)
            case Done():
                self.done = piece

    @property
    def likelihood(self) -> float:
        """The mean logarithm of its tokens' probabilities."""
        return sum(token.logprob for token in self.tokens) / max(len(self.tokens), 1)


@dataclass
class Frame:
    """What surrounds the texts."""

    id: str
    lease: Lease
    model: str
    plan: Plan
    created: int

    def head(self) -> dict[str, Any]:
        """What every answer and every event begins with."""
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
        }

    def keep_alive(self) -> str:
        """An event without news."""
        return event(dump({**self.head(), "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": None}]}))

    def whole(self, texts: Sequence[Sequence[Text]]) -> dict[str, Any]:
        """The answer: for each prompt its choices, in order."""
        choices: list[dict[str, Any]] = []
        for number, group in enumerate(texts):
            best = sorted(group, key=lambda text: -text.likelihood) if self.plan.best_of > self.plan.n else group
            for text in best[: self.plan.n]:
                choices.append(self._choice(len(choices), text, self.plan.prompts[number]))
        usages = [[text.done.usage for text in group] for group in texts]
        first = usages[0][0]
        return {**self.head(), "choices": choices, "usage": _sum(usages), "timings": timings_of(first)}

    def _choice(self, index: int, text: Text, prompt: str) -> dict[str, Any]:
        said = "".join(text.text)
        logprobs = None
        if self.plan.logprobs is not None:
            told: list[PromptToken | TokenChosen] = [*(text.prompt if self.plan.echo else ()), *text.tokens]
            logprobs = show_logprobs(told, 0)
        return {
            "index": index,
            "text": prompt + said if self.plan.echo else said,
            "logprobs": logprobs,
            "finish_reason": finish_reason(text.done.reason),
        }


def _make_frame(call: Call, lease: Lease, plan: Plan) -> Frame:
    return Frame(make_id("cmpl-"), lease, call.model_name(lease), plan, int(time.time()))


async def _gather(call: Call, frame: Frame) -> list[list[Text]]:
    plan = frame.plan

    async def write(order: Order) -> Text:
        text = Text()
        async for piece in call.answer(frame.lease, order):
            text.add(piece)
        return text

    orders = [vary(order, index) for order in plan.orders for index in range(plan.best_of)]
    if len(orders) == 1:
        return [[await write(orders[0])]]
    gate = asyncio.Semaphore(64)  # a batch of thousands must not fill the engine's queue for everybody

    async def write_in_turn(order: Order) -> Text:
        async with gate:
            return await write(order)

    texts = await gather([write_in_turn(order) for order in orders])
    return [texts[start : start + plan.best_of] for start in range(0, len(texts), plan.best_of)]


async def _stream(frame: Frame, answers: Sequence[Begun]) -> AsyncIterator[str]:
    plan = frame.plan
    usages: list[list[Usage]] = [[] for _ in plan.orders]
    pending: list[list[PromptToken | TokenChosen]] = [[] for _ in answers]
    offsets = [0] * len(answers)
    told = [not plan.echo] * len(answers)
    async for index, piece in merge(answers):
        text, reason = "", None
        match piece:
            case PromptToken() | TokenChosen():
                pending[index].append(piece)
                continue
            case TextDelta(said):
                text = said
            case Done(ended, usage):
                reason = finish_reason(ended)
                usages[index // plan.n].append(usage)
            case _:
                continue
        if not told[index]:
            told[index] = True
            text = plan.prompts[index // plan.n] + text
        logprobs = show_logprobs(pending[index], offsets[index]) if plan.logprobs is not None and pending[index] else None
        pending[index], offsets[index] = [], offsets[index] + len(text)
        choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}
        yield event(dump({**frame.head(), "choices": [choice]}))
    if plan.shows_usage:
        yield event(dump({**frame.head(), "choices": [], "usage": _sum(usages)}))


def show_logprobs(tokens: Sequence[PromptToken | TokenChosen], offset: int) -> dict[str, Any]:
    """The older shape of likelihoods: lists beside each other. ``offset`` counts characters before the first token."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    names, offsets = [], []
    for token in tokens:
        offsets.append(offset)
        offset += len(decoder.decode(token.text))
        names.append(token.text.decode("utf-8", "replace"))
    top = [
        None
        if token.logprob is None
        else {text.decode("utf-8", "replace"): max(logprob, -9999.0) for _, text, logprob in reversed(token.alternatives)}
        for token in tokens
    ]
    values = [None if token.logprob is None else max(token.logprob, -9999.0) for token in tokens]
    return {"tokens": names, "token_logprobs": values, "top_logprobs": top, "text_offset": offsets}


def _sum(usages: Sequence[Sequence[Usage]]) -> dict[str, Any]:
    """Tokens of all: each prompt counts once."""
    prompt = sum(group[0].prompt_tokens for group in usages if group)
    output = sum(usage.output_tokens for group in usages for usage in group)
    cached = sum(group[0].cached_tokens for group in usages if group)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
