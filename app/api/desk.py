"""What every endpoint needs: the request's body, a model, a record of the call, and an end to all of it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app.api.adapter_scales import AdapterScales, LoadedAdapters
from app.api.errors import ApiError, bad_request, describe
from app.api.media import Media
from app.api.merging import gather
from app.api.model_names import Models
from app.api.parameters import named_sampling
from app.api.running import AnswerEvent, Begun, Order, answer, ask_now, prepare, while_connected
from app.services.engine_pool import EnginePool, Lease
from app.services.request_log import RequestLog, RequestRecord
from app.workstation import Workstation
from backends.backend import GenerationRequest
from backends.options import Adapter
from models.errors import UserFacingError

_MOST_KEPT = 200_000
"""Bytes of a body that the record of a call still holds whole."""


@dataclass
class Desk:
    """The server's parts, given to every endpoint."""

    workstation: Workstation
    pool: EnginePool
    models: Models
    log: RequestLog
    parallel: int = 8
    started_at: float = field(default_factory=time.time)
    fetches_images: bool = False
    adapters: AdapterScales = field(init=False)
    closing: set[asyncio.Future[None]] = field(default_factory=set)
    """Replies that nobody reads any more, on their way to an end."""

    def __post_init__(self) -> None:
        self.adapters = AdapterScales(LoadedAdapters(self.workstation, self.pool))

    def call(self, request: Request) -> _Block:
        """Read the body, begin a record, and close both at the end of the block, unless a stream took that over.

        Raises:
            ApiError: the body is no JSON object.
        """
        return _Block(self, request)

    def open_call(self, request: Request, body: dict[str, Any]) -> Call:
        """A call with its record.

        Raises:
            ApiError: the model's name is none.
        """
        if not isinstance(body.get("model"), str | None):
            raise bad_request("“model” must be a name.", "model")
        if (made := self.models.made.find(body.get("model"))) is not None:
            body = made.complete(request.scope["path"], body)
        said = request.scope.get("yanmo_headers", {})
        size = int(said.get("content-length") or 0)
        kept = body if size < _MOST_KEPT else {key: value for key, value in body.items() if not isinstance(value, list | dict)}
        key = request.scope.get("yanmo_key", "")
        record = self.log.start(request.scope["path"], said.get("user-agent", "")[:200], key, kept)
        record.is_cut = kept is not body
        asyncio.get_running_loop().call_soon(self.log.announce, record)
        media = Media(may_fetch=self.fetches_images, documents=self.workstation.documents)
        return Call(self, request, body, record, made.adapters if made is not None else (), media)


class _Block:
    """The block of :meth:`Desk.call`. As a generator it would take twice as long, before every first word."""

    def __init__(self, desk: Desk, request: Request) -> None:
        self._desk = desk
        self._request = request
        self._call: Call | None = None

    async def __aenter__(self) -> Call:
        self._call = self._desk.open_call(self._request, await read_body(self._request))
        return self._call

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        call = self._call
        assert call is not None
        if isinstance(error, ApiError):
            call.fail(error)
        if error is not None or not call.is_handed_over:
            call.close()


@dataclass
class Call:
    """One request on its way. A stream that outlives the endpoint closes it itself; see :meth:`hand_over`."""

    desk: Desk
    request: Request
    body: dict[str, Any]
    record: RequestRecord
    made_adapters: tuple[str, ...] = ()
    media: Media = field(default_factory=Media)
    leases: list[Lease] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    is_closed: bool = False
    is_handed_over: bool = False

    async def acquire(self, name: Any = None) -> Lease:
        """The model that the body names, or ``name``. Raises ApiError."""
        if self.media.is_waiting:
            await asyncio.to_thread(self.media.fetch)
        lease = await self.desk.models.acquire(self.body.get("model") if name is None else name)
        self.leases.append(lease)
        self.record.model, self.record.reference = lease.facts.name, lease.engine.reference
        return lease

    def model_name(self, lease: Lease) -> str:
        """The model's name in the answer: the client's own, and for who gave none the one in the lists."""
        asked = self.body.get("model")
        return asked if isinstance(asked, str) and asked else self.desk.models.id_of(lease.engine.reference)

    async def begin(self, lease: Lease, *orders: Order) -> list[Begun]:
        """The replies for a stream, once the engine has taken the orders.

        Raises:
            ApiError: one of them cannot be answered.
        """

        # All begin, or none where one cannot be asked for; and before anything waits: many requests at once make long turns of the loop.
        ready = [prepare(lease, self._complete(lease, order)) for order in orders]
        for order in ready:
            reply = ask_now(lease, order)
            self.begun.append(Begun(answer(lease, order, self.record, self._make_plain, reply), reply))
        replies = self.begun[-len(ready) :]
        await while_connected(self.request, gather([reply.wait() for reply in replies]))
        return replies

    def answer(self, lease: Lease, order: Order) -> AsyncGenerator[AnswerEvent]:
        """The reply, noted in the record."""
        return answer(lease, self._complete(lease, order), self.record, self._make_plain)

    def _complete(self, lease: Lease, order: Order) -> Order:
        """What the body does not say of sampling, the model's own defaults do; with adapters and media."""
        defaults = self.desk.workstation.defaults
        options = defaults.complete(lease.engine.reference, order.request.options, named_sampling(self.body))
        adapters = self.desk.adapters.choose(lease.engine.reference, self.body.get("lora"))
        if adapters is None and self.made_adapters:
            adapters = tuple(Adapter(path) for path in self.made_adapters)
        if adapters is not None:
            options = replace(options, adapters=adapters)
        if options is not order.request.options:
            order = replace(order, request=replace(order.request, options=options))
        if (filled := self.media.fill(order.request)) is not order.request:
            order = replace(order, request=filled)
        self.record.request = order.request
        return order

    async def _make_plain(self, request: GenerationRequest) -> GenerationRequest:
        """The same request with pictures and sounds that are known to do no harm, made so in a thread: it takes its time.

        Raises:
            ApiError: one is damaged, or meant to do harm.
        """
        if not request.has_media:
            return request
        try:
            make = self.desk.workstation.media.make_plain
            return replace(request, messages=await asyncio.to_thread(make, request.messages, self.media.folder()))
        except UserFacingError as error:
            raise describe(error) from error

    def hand_over(self) -> Callable[[], None]:
        """What closes the call, for the stream that now has to."""
        self.is_handed_over = True
        return self.close

    def close(self) -> None:
        """Let go of models and files, and end the record."""
        if self.is_closed:
            return
        self.is_closed = True
        for reply in self.begun:
            if not reply.is_over:
                closing = asyncio.ensure_future(reply.aclose())
                self.desk.closing.add(closing)
                closing.add_done_callback(self.desk.closing.discard)
        for lease in self.leases:
            lease.give_back()
        self.media.close()
        self.record.end("done")

    def fail(self, error: ApiError) -> None:
        """The request ends with this error."""
        if error.status == 499:
            self.record.note_cancelled()
        else:
            self.record.fail(error.message, error.status)


async def read_body(request: Request) -> dict[str, Any]:
    """The body as a JSON object, empty where there is none.

    Raises:
        ApiError: it is something else.
    """
    data = await _read_all(request)
    if not data.strip():
        return {}
    value = parse_json(data)
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.", code="invalid_json")
    return value


async def _read_all(request: Request) -> bytes:
    """What :meth:`Request.body` gives, once, and without its generator of pieces: most bodies are one."""
    pieces = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def parse_json(data: bytes) -> Any:
    """What a body holds. Raises ApiError."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body is no valid JSON: {error}.", code="invalid_json") from None


def make_id(prefix: str) -> str:
    """An id such as ``chatcmpl-…``."""
    return f"{prefix}{uuid.uuid4().hex[:24]}"
