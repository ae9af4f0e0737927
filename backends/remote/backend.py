"""The engine that is somewhere else: keeps the promise of an engine by asking a server that speaks OpenAI's API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.events import Failed, Finished, GenerationEvent, LoadedModel, Usage
from backends.options import LoadOptions
from backends.remote.address import RemoteAddress, read_address
from backends.remote.capabilities import Capabilities, capabilities_from_json
from backends.remote.connection import Connection
from backends.remote.probing import probe
from backends.remote.replies import ReplyReader
from backends.remote.requests import make_body
from backends.remote.vectors import ask_scores, ask_vectors
from backends.remote.words import count_prompt, detokenize, render, tokenize
from models.errors import EngineBusy, EngineError, EngineUnavailable, LoadCancelled, UserFacingError, WorkCancelled

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
_TICK = 0.02
"""Seconds after which a cancel is looked for."""


class RemoteBackend:
    """Keeps the promises of :class:`backends.backend.ServingBackend` and of :class:`backends.embeddings.EmbeddingBackend`.

    An event loop in a thread holds every reply that is under way; to cancel one closes its connection, by which servers notice.
    """

    name = "remote"

    def __init__(self) -> None:
        self._key = ""
        self._known: Capabilities | None = None
        self._can = Capabilities()
        self._connection: Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._events: queue.SimpleQueue[tuple[int, GenerationEvent]] = queue.SimpleQueue()
        self._running: dict[int, tuple[Future[None], CancelCheck]] = {}
        self._most = 1

    def set_access(self, access: str) -> None:
        """``{"key": …, "known": …}``: the server's key, and what its model can do, where that was found out before."""
        value = json.loads(access) if access else {}
        self._key = str(value.get("key") or "")
        self._known = capabilities_from_json(value.get("known"))

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """Find out whether the server is there and what the model can do; see :meth:`backends.backend.Backend.load`."""
        address = read_address(path)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="remote", daemon=True)
        self._thread.start()
        self._connection = Connection(address, self._key)
        self._most = options.parallel + options.waiting_limit
        try:
            self._can = self._wait(self._find_out(self._connection), lambda: not progress(0.5))
        except BaseException:
            self.close()
            raise
        progress(1.0)
        return _describe(address, self._can)

    async def _find_out(self, connection: Connection) -> Capabilities:
        """What was found before counts while the server still offers the model."""
        if self._known is not None:
            offered = {model.id: model for model in await connection.list_models()}
            if connection.address.model in offered:
                return self._known
        return await probe(connection)

    # ---- replies

    @property
    def is_idle(self) -> bool:
        """See :meth:`backends.backend.ServingBackend.is_idle`."""
        return not self._running and self._events.empty()

    @property
    def computes_long(self) -> bool:
        """Nothing is computed here."""
        return False

    def submit(self, request_id: int, request: GenerationRequest, is_cancelled: CancelCheck) -> None:
        """Send the request; see :meth:`backends.backend.ServingBackend.submit`."""
        if len(self._running) >= self._most:
            raise EngineBusy(waiting=len(self._running))
        connection, loop = self._opened()
        path, body = make_body(request, connection.address, self._can)
        work = self._reply(request_id, path, body, ReplyReader(connection.address, request.options.seed))
        self._running[request_id] = asyncio.run_coroutine_threadsafe(work, loop), is_cancelled

    def step(self) -> Sequence[tuple[int, GenerationEvent]]:
        """What came; waits for it a moment. See :meth:`backends.backend.ServingBackend.step`."""
        pairs: list[tuple[int, GenerationEvent]] = []
        with contextlib.suppress(queue.Empty):
            pairs.append(self._events.get(timeout=_TICK))
            while True:
                pairs.append(self._events.get_nowait())
        told = []
        for request_id, event in pairs:
            if request_id in self._running:
                told.append((request_id, event))
                if isinstance(event, Finished | Failed):
                    del self._running[request_id]
        for request_id, (future, is_cancelled) in list(self._running.items()):
            if is_cancelled():
                future.cancel()
                del self._running[request_id]
                told.append((request_id, Finished("cancelled", Usage())))
        return told

    def look_for_cancels(self) -> None:
        """Every step looks for itself here."""

    def settle(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        return False

    def rest(self) -> bool:
        """Nothing is to be put in order here."""
        return False

    def forget(self, owner: str) -> None:
        """Nothing is kept here."""

    def drop_all(self) -> None:
        """Forget every request without a word."""
        for future, _ in self._running.values():
            future.cancel()
        self._running.clear()

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """One reply; see :meth:`backends.backend.Backend.generate`."""
        self.submit(0, request, is_cancelled)
        try:
            while 0 in self._running:
                for _, event in self.step():
                    if isinstance(event, Failed):
                        raise event.error
                    yield event
        finally:
            self.drop_all()

    async def _reply(self, request_id: int, path: str, body: dict[str, Any], reader: ReplyReader) -> None:
        connection, _ = self._opened()

        def tell(events: Sequence[GenerationEvent]) -> None:
            for event in events:
                self._events.put((request_id, event))

        try:
            async with contextlib.aclosing(connection.stream(path, body)) as values:
                async for value in values:
                    tell(reader.add(value))
            tell(reader.finish())
        except UserFacingError as error:
            tell([*reader.flush(), Failed(error)])
        except Exception as error:  # noqa: BLE001 - a bug in reading one reply must not leave its reader waiting for ever
            tell([Failed(EngineError(details=repr(error)))])

    # ---- questions

    def count_tokens(self, request: GenerationRequest) -> int:
        """Prompt tokens as the server counts them. Raises EngineUnavailable where it does not."""
        return self._ask(lambda connection: count_prompt(connection, self._can, request))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See :meth:`backends.backend.ReadingBackend.tokenize`."""
        return self._ask(lambda connection: tokenize(connection, self._can, text, add_special, parse_special))

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        """See :meth:`backends.backend.ReadingBackend.detokenize`; bytes that are no whole characters may not come back."""
        return self._ask(lambda connection: detokenize(connection, self._can, tokens))

    def render(self, request: GenerationRequest) -> str:
        """See :meth:`backends.backend.ReadingBackend.render`."""
        return self._ask(lambda connection: render(connection, self._can, request))

    def embed(self, request: EmbeddingRequest, is_cancelled: CancelCheck) -> EmbeddingResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.embed`."""
        return self._ask(lambda connection: ask_vectors(connection, request), is_cancelled)

    def rerank(self, request: RerankRequest, is_cancelled: CancelCheck) -> RerankResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.rerank`."""
        return self._ask(lambda connection: ask_scores(connection, request), is_cancelled)

    def close(self) -> None:
        """End every reply and connection."""
        loop, thread, connection = self._loop, self._thread, self._connection
        self._loop = self._connection = None
        if loop is None or thread is None:
            return
        self.drop_all()
        if connection is not None:
            with contextlib.suppress(Exception):  # it is closed in any case, with the loop
                asyncio.run_coroutine_threadsafe(connection.close(), loop).result(1.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(2.0)
        if not thread.is_alive():
            loop.close()

    def _ask(self, make: Callable[[Connection], Coroutine[Any, Any, T]], is_cancelled: CancelCheck = lambda: False) -> T:
        connection, _ = self._opened()
        try:
            return self._wait(make(connection), is_cancelled)
        except LoadCancelled:
            raise WorkCancelled() from None

    def _opened(self) -> tuple[Connection, asyncio.AbstractEventLoop]:
        if self._connection is None or self._loop is None:
            raise EngineUnavailable(engine=self.name, reason="No model is loaded.")
        return self._connection, self._loop

    def _wait(self, work: Coroutine[Any, Any, T], is_cancelled: CancelCheck) -> T:
        """Let the loop do it. Raises LoadCancelled."""
        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return future.result(_TICK)
            except TimeoutError:
                if future.done():
                    raise
                if is_cancelled():
                    future.cancel()
                    raise LoadCancelled() from None


def _describe(address: RemoteAddress, can: Capabilities) -> LoadedModel:
    return LoadedModel(
        name=address.model,
        architecture="",
        quantization="",
        parameter_count=can.parameter_count,
        context_length=can.context_length,
        trained_context=can.context_length,
        backend=RemoteBackend.name,
        device=address.server,
        engine_version=can.server,
        can_see=can.can_see,
        can_write=can.can_write,
        can_rerank=not can.can_write,
        embedding_width=can.embedding_width,
        reads_calls=True,
        remote=json.dumps(can.to_json()),
    )
