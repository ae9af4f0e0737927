"""From a request to events: which model, in which process, and the reply as it comes."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from starlette.requests import Request

from app.api.errors import ApiError, describe
from app.api.truncation import drop_oldest
from app.services.engine_pool import Lease
from app.services.prompts import describe_blindness
from app.services.request_log import RequestRecord
from backends.backend import GenerationRequest
from backends.events import (
    ContextShifted,
    Failed,
    Finished,
    GenerationEvent,
    PromptProgress,
    PromptToken,
    ReasoningDelta,
    TextDelta,
    TokenChosen,
    Usage,
)
from backends.messages import AudioPart, ImagePart
from backends.questions import Question, Render
from backends.tool_calls.events import BadCall, CallArguments, CallBegun, CallEnded, Tool, ToolEvent
from backends.tool_calls.formats import find_format, make_call_schema
from backends.tool_calls.json_calls import JsonCall
from backends.tool_calls.reading import ToolCallSplitter
from models.errors import CannotHear, CannotWrite, UserFacingError

T = TypeVar("T")
FIRST_SECONDS = 3.0
"""How long a stream that was asked for waits for the engine's first word, so that a refusal has a status of its own."""


@dataclass(frozen=True, slots=True)
class Done:
    """The reply is over: ``reason`` is stop, length, tool_calls or cancelled; ``stop_text`` the stop text that was found."""

    reason: str
    usage: Usage
    seed: int = 0
    stop_text: str = ""


AnswerEvent = ToolEvent | ReasoningDelta | TokenChosen | PromptToken | PromptProgress | Done


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be generated. With ``tools`` calls are read out of the reply; with ``forced`` it is one call of one of them.

    A ``silent`` order only reads: nothing of what the engine must write after the prompt is told.
    """

    request: GenerationRequest
    tools: tuple[Tool, ...] = ()
    forced: bool = False
    silent: bool = False


class Reply:
    """The events of one request, moved from the engine's thread into this event loop. Whoever makes one reads it or cancels it."""

    def __init__(self, lease: Lease, request: GenerationRequest) -> None:
        self.is_read = False
        self._loop = asyncio.get_running_loop()
        self._events: deque[GenerationEvent] = deque()
        self._news = asyncio.Event()
        self._is_told = False
        self._stream = lease.link.generate(request, self._take)

    async def next_events(self) -> list[GenerationEvent]:
        """Everything that came since; waits for the first."""
        self.is_read = True
        while not self._events:
            self._news.clear()
            self._is_told = False
            if not self._events:
                await self._news.wait()
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events

    def cancel(self) -> None:
        """Ask for the end."""
        self._stream.cancel()

    def _take(self, events: Sequence[GenerationEvent]) -> None:
        """Called by the link's thread: one wake-up for many events."""
        self._events.extend(events)
        if not self._is_told:
            self._is_told = True
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:
                return  # the server has stopped; nobody reads any more


async def answer(
    lease: Lease,
    order: Order,
    record: RequestRecord | None = None,
    make_plain: Callable[[GenerationRequest], Awaitable[GenerationRequest]] | None = None,
    reply: Reply | None = None,
) -> AsyncGenerator[AnswerEvent]:
    """The reply, piece by piece, the last of which is Done. Leaving the loop early cancels it. ``make_plain`` looks at pictures first.

    Without a ``reply`` the engine is asked here; with one it was asked already, see :func:`ask_now`.

    Raises:
        ApiError: it cannot be answered, or failed on the way.
    """
    if reply is None:
        order = await _look_through(lease, prepare(lease, order), record, make_plain)
    splitter = _make_splitter(lease, order)
    reply = reply or Reply(lease, order.request)
    is_over = False
    if record is not None:
        record.note_begin(lease.facts.name)
    try:
        while not is_over:
            for event in await reply.next_events():
                is_over = isinstance(event, Finished | Failed)
                if is_over and record is not None:
                    record.note(event)
                match event:
                    case Failed(error):
                        raise describe(error)
                    case Finished(reason, usage, seed, stop_text):
                        for last in splitter.finish(cut_off=reason != "stop"):
                            yield last
                        name = "tool_calls" if splitter.calls and reason == "stop" else reason
                        yield Done(name, usage, seed, stop_text)
                    case _:
                        try:
                            for piece in _read(event, splitter, order.silent):
                                yield piece
                        finally:  # when it has been told: somebody waits for it
                            if record is not None:
                                record.note(event)
    finally:
        if not is_over:
            reply.cancel()
            if record is not None:
                record.note_cancelled()


def ask_now(lease: Lease, order: Order) -> Reply | None:
    """Ask the engine for what :func:`prepare` gave, before anything is made that only the answer needs: it reads meanwhile.

    None where something must be waited for first: pictures and sounds to be looked at, turns to be counted.
    """
    return None if order.request.options.context_policy == "drop" or order.request.has_media else Reply(lease, order.request)


async def _look_through(
    lease: Lease,
    order: Order,
    record: RequestRecord | None,
    make_plain: Callable[[GenerationRequest], Awaitable[GenerationRequest]] | None,
) -> Order:
    """What the engine shall be asked, with pictures that do no harm, and without the turns that may be left out."""
    plain = order.request if make_plain is None else await make_plain(order.request)
    request = await _fit(lease, plain)
    if request is not plain and record is not None:
        record.request = request
    return order if request is order.request else replace(order, request=request)


async def _fit(lease: Lease, request: GenerationRequest) -> GenerationRequest:
    """Without the oldest turns, where the client allows that. An engine that cannot count refuses what is too long, as ever."""
    try:
        return await drop_oldest(request, lease.facts.context_length, lambda shorter: count_tokens(lease, shorter))
    except ApiError as error:
        if error.code != "engine_unavailable":
            raise
        return request


class Begun:
    """An answer that the engine has taken, or that waits for its turn. To be closed where it is not read to its end.

    ``reply`` is what ``source`` reads, where the engine was asked already.
    """

    def __init__(self, source: AsyncGenerator[AnswerEvent], reply: Reply | None = None) -> None:
        self._source = source
        self._reply = reply
        self._first: asyncio.Future[AnswerEvent] | None = asyncio.ensure_future(anext(source))
        self.is_over = False

    async def wait(self) -> None:
        """Until the engine's first word, or for some seconds.

        Raises:
            ApiError: it cannot be answered.
        """
        assert self._first is not None
        try:
            if (await asyncio.wait((self._first,), timeout=FIRST_SECONDS))[0]:
                self._first.result()
        except BaseException:
            await self.aclose()
            raise

    def __aiter__(self) -> Begun:
        return self

    async def __anext__(self) -> AnswerEvent:
        try:
            if self._first is None:
                return await anext(self._source)
            event = await self._first
            self._first = None
            return event
        except BaseException:  # raised again: this was the end of it
            self.is_over = True
            raise

    async def aclose(self) -> None:
        """Cancel what is not over."""
        self.is_over = True
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await self._source.aclose()
        if self._reply is not None and not self._reply.is_read:
            self._reply.cancel()  # the source had not begun, and knows nothing of it


def _read(event: GenerationEvent, splitter: _Splitter, silent: bool) -> Sequence[AnswerEvent]:
    """What is told of one event of the engine's."""
    match event:
        case TextDelta(text):
            return () if silent else splitter.add(text)
        case TokenChosen():
            return () if silent else (event,)
        case CallBegun() if isinstance(splitter, _Plain):
            splitter.calls += 1  # the engine reads them itself
            return (event,)
        case ContextShifted() | Finished() | Failed():
            return ()  # the first happens only where the client allowed it, and no dialect has words for it
        case _:
            return (event,)


class _Plain:
    """No tools, or an engine that tells calls apart itself: text is text."""

    def __init__(self) -> None:
        self.calls = 0

    def add(self, text: str) -> list[ToolEvent]:
        return [TextDelta(text)]

    def finish(self, *, cut_off: bool = False) -> list[ToolEvent]:
        return []


class _ForcedCall:
    """The reply is one object of name and arguments, because nothing else was allowed."""

    def __init__(self) -> None:
        self._call = JsonCall()
        self._has_begun = False
        self.calls = 0

    def add(self, text: str) -> list[ToolEvent]:
        events: list[ToolEvent] = []
        for character in text:
            if self._call.is_complete:
                break
            try:
                self._call.add(character)
            except BadCall:
                return events
            if self._call.name and not self._has_begun:
                self._has_begun = True
                events.append(CallBegun(0, self._call.name))
        if self._has_begun and (piece := self._call.take_arguments()):
            events.append(CallArguments(0, piece))
        if self._call.is_complete and not self.calls:
            self.calls = 1
            events.append(CallEnded(0))
        return events

    def finish(self, *, cut_off: bool = False) -> list[ToolEvent]:
        return []


_Splitter = ToolCallSplitter | _ForcedCall | _Plain


def _make_splitter(lease: Lease, order: Order) -> _Splitter:
    if lease.facts.reads_calls:
        return _Plain()
    if order.forced:
        return _ForcedCall()
    if order.tools:
        return ToolCallSplitter(find_format(lease.facts.chat_template), order.tools)
    return _Plain()


def prepare(lease: Lease, order: Order) -> Order:
    """Check what the model can do, and prescribe the form of a call that must come.

    Raises:
        ApiError: it cannot do that.
    """
    facts, request = lease.facts, order.request
    if not facts.can_write:
        raise describe(CannotWrite(model=facts.name))
    parts = [part for message in request.messages for part in message.parts]
    if not facts.can_see and any(isinstance(part, ImagePart) for part in parts):
        raise describe(describe_blindness(facts))
    if not facts.can_hear and any(isinstance(part, AudioPart) for part in parts):
        raise describe(CannotHear(model=facts.name))
    if order.forced and facts.reads_calls:
        request = replace(request, must_call=True)
    elif order.forced:
        options = replace(request.options, schema=json.dumps(make_call_schema(order.tools)), grammar="", stop=())
        opening = find_format(facts.chat_template).forced_opening
        request = replace(request, options=options, answer_prefix=opening)
    if order.silent:
        request = replace(request, options=replace(request.options, max_tokens=1, stop=()))
    return order if request is order.request else replace(order, request=request)


async def ask(lease: Lease, question: Question) -> Any:
    """What the model's tokenizer or template answers.

    Raises:
        ApiError: it cannot.
    """
    try:
        return await asyncio.to_thread(lease.link.ask, question)
    except UserFacingError as error:
        raise describe(error) from error


async def render(lease: Lease, request: GenerationRequest) -> str:
    """The prompt that a request becomes. Raises ApiError."""
    if request.prompt is not None:
        return request.prompt
    return str(await ask(lease, Render(request)))


async def count_tokens(lease: Lease, request: GenerationRequest) -> int:
    """Prompt tokens of a request. Raises ApiError."""
    try:
        return await asyncio.to_thread(lease.link.count_tokens, request)
    except UserFacingError as error:
        raise describe(error) from error


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """Do the work, unless the client goes away: then it is cancelled.

    Raises:
        ApiError: the client went away; nobody reads it.
    """
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ApiError(499, "The client closed the connection.", "client_closed_request")
    finally:
        for other in (task, watcher):
            if not other.done():
                other.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def vary(order: Order, index: int) -> Order:
    """The order of one of several choices: a seed that was given gives each its own."""
    options = order.request.options
    if options.seed is None or not index:
        return order
    return replace(order, request=replace(order.request, options=replace(options, seed=(options.seed + index) % 2**32)))
