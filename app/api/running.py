"""From a request to events: which model, in which process, and the reply as it comes."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request

from app.api.errors import ApiError, describe
from app.services.engine_pool import EnginePool, Lease
from app.services.request_log import RequestRecord
from app.workstation import Workstation
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
from backends.options import GenerationOptions
from backends.questions import Question, Render
from backends.tool_calls.events import BadCall, CallArguments, CallBegun, CallEnded, Tool, ToolEvent
from backends.tool_calls.formats import find_format, make_call_schema
from backends.tool_calls.json_calls import JsonCall
from backends.tool_calls.reading import ToolCallSplitter
from models.card import ModelCard
from models.errors import AmbiguousModel, CannotHear, CannotSee, CannotWrite, ModelNotFound, UserFacingError

T = TypeVar("T")


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


class Models:
    """Names to models, and models to processes."""

    def __init__(self, workstation: Workstation, pool: EnginePool) -> None:
        self._workstation = workstation
        self._pool = pool

    def list_cards(self) -> list[ModelCard]:
        """Every model of the library that an engine of this machine can load."""
        cards = self._workstation.library.list_models()
        return [card for card in cards if card.format == "gguf" and card.kind not in ("projector", "adapter")]

    def aliases(self) -> dict[str, str]:
        """Patterns of names that clients ask for, and the models that answer to them."""
        table = self._workstation.settings.get("server.aliases")
        kept = {str(pattern): str(model) for pattern, model in table.items() if model}
        return {**kept, **self._workstation.server.extra_aliases}

    def resolve(self, name: object) -> str:
        """The reference of the model that a client calls ``name``; without a name, the one in memory or the default.

        Raises:
            UserFacingError: there is none.
        """
        if not isinstance(name, str) or not name:
            loaded = self._pool.list_loaded()
            return loaded[0].reference if loaded else self._workstation.engines.default_model()
        name = name.removesuffix(":latest")
        for pattern, model in self.aliases().items():
            if fnmatch.fnmatchcase(name.lower(), pattern.lower()):
                name = model
                break
        if self._is_loaded(name):
            return name
        # Only what the library lists is found: no path from a request ever opens a file.
        cards = self.list_cards()
        exact = [card for card in cards if name in (card.id, card.path)]
        wanted = name.casefold()
        found = exact or [card for card in cards if wanted in _names_of(card)]
        if not found:
            raise ModelNotFound(model=name)
        if len(found) > 1:
            raise AmbiguousModel(model=name, candidates=", ".join(card.id for card in found))
        return found[0].id

    def find_reference(self, name: object) -> str:
        """As :meth:`resolve`, with errors for clients. Raises ApiError."""
        try:
            return self.resolve(name)
        except UserFacingError as error:
            raise describe(error) from error

    def find_card(self, name: object) -> ModelCard:
        """The library's card of a model. Raises ApiError."""
        reference = self.find_reference(name)
        for card in self.list_cards():
            if card.id == reference:
                return card
        raise ApiError(404, f"The model {name} is not in the library.", "model_not_found")

    def _is_loaded(self, reference: str) -> bool:
        return any(model.reference == reference for model in self._pool.list_loaded())

    async def acquire(self, name: object) -> Lease:
        """The model, ready. Who waits and goes away does not keep it from being loaded.

        Raises:
            ApiError: it could not be found or loaded.
        """
        try:
            reference = self.resolve(name)
            lease = self._pool.acquire_now(reference)
            if lease is None:
                lease = await asyncio.to_thread(self._pool.acquire, reference)
        except UserFacingError as error:
            raise describe(error) from error
        return lease


def _names_of(card: ModelCard) -> set[str]:
    path = Path(card.path)
    return {name.casefold() for name in (card.id, card.name, path.name, path.stem)}


class Reply:
    """The events of one request, moved from the engine's thread into this event loop."""

    def __init__(self, lease: Lease, request: GenerationRequest) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[GenerationEvent] = deque()
        self._news = asyncio.Event()
        self._is_told = False
        self._stream = lease.link.generate(request, self._take)

    async def next_events(self) -> list[GenerationEvent]:
        """Everything that came since; waits for the first."""
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

    def _take(self, event: GenerationEvent) -> None:
        """Called by the link's thread: one wake-up for many events."""
        self._events.append(event)
        if not self._is_told:
            self._is_told = True
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:
                return  # the server has stopped; nobody reads any more


async def answer(lease: Lease, order: Order, record: RequestRecord | None = None) -> AsyncIterator[AnswerEvent]:
    """The reply, piece by piece, the last of which is Done. Leaving the loop early cancels it.

    Raises:
        ApiError: it cannot be answered, or failed on the way.
    """
    order = _prepare(lease, order)
    splitter = _make_splitter(lease, order)
    reply = Reply(lease, order.request)
    is_over = False
    if record is not None:
        record.note_begin(lease.facts.name)
    try:
        while not is_over:
            for event in await reply.next_events():
                if record is not None:
                    record.note(event)
                match event:
                    case Failed(error):
                        is_over = True
                        raise describe(error)
                    case Finished(reason, usage, seed, stop_text):
                        is_over = True
                        for last in splitter.finish(cut_off=reason != "stop"):
                            yield last
                        name = "tool_calls" if splitter.calls and reason == "stop" else reason
                        yield Done(name, usage, seed, stop_text)
                    case TextDelta(text):
                        for piece in () if order.silent else splitter.add(text):
                            yield piece
                    case TokenChosen():
                        if not order.silent:
                            yield event
                    case ContextShifted():
                        continue  # only where a request allows it, and none from outside does
                    case _:
                        yield event
    finally:
        if not is_over:
            reply.cancel()
            if record is not None:
                record.note_cancelled()


class _Plain:
    """No tools: text is text."""

    calls = 0

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
            if piece := self._call.take_arguments():
                events.append(CallArguments(0, piece))
            if self._call.is_complete:
                self.calls = 1
                events.append(CallEnded(0))
        return events

    def finish(self, *, cut_off: bool = False) -> list[ToolEvent]:
        return []


def _make_splitter(lease: Lease, order: Order) -> ToolCallSplitter | _ForcedCall | _Plain:
    if order.forced:
        return _ForcedCall()
    if order.tools:
        return ToolCallSplitter(find_format(lease.facts.chat_template), order.tools)
    return _Plain()


def _prepare(lease: Lease, order: Order) -> Order:
    """Check what the model can do, and prescribe the form of a call that must come."""
    facts, request = lease.facts, order.request
    if not facts.can_write:
        raise describe(CannotWrite(model=facts.name))
    parts = [part for message in request.messages for part in message.parts]
    if not facts.can_see and any(isinstance(part, ImagePart) for part in parts):
        raise describe(CannotSee(model=facts.name))
    if not facts.can_hear and any(isinstance(part, AudioPart) for part in parts):
        raise describe(CannotHear(model=facts.name))
    if order.forced:
        options = replace(request.options, schema=json.dumps(make_call_schema(order.tools)), grammar="", stop=())
        opening = find_format(facts.chat_template).forced_opening
        request = replace(request, options=options, answer_prefix=opening)
    if order.silent:
        request = replace(request, options=replace(request.options, max_tokens=1, stop=()))
    return replace(order, request=request)


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


def with_seed(options: GenerationOptions, index: int) -> GenerationOptions:
    """The settings of one of several choices: a seed that was given gives each its own."""
    return options if options.seed is None or not index else replace(options, seed=(options.seed + index) % 2**32)


Answer = Callable[[Order], AsyncIterator[AnswerEvent]]
