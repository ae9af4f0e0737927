"""How answers travel: server-sent events and lines of JSON, with errors inside of a stream that has begun."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import JSONResponse, StreamingResponse

from app.api.errors import ApiError, error_body

_log = logging.getLogger(__name__)
_NO_BUFFERING = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
Finish = Callable[[], None]
KEEP_ALIVE_SECONDS = 10.0
"""After so long without a word clients are told that the answer is still on its way: many give up what is silent for some minutes."""


def dump(value: Any) -> str:
    """Compact JSON; what is no UTF-8 becomes an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() or _is_encodable(text) else json.dumps(value, separators=(",", ":"))


def event(data: Any, name: str = "") -> str:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data if isinstance(data, str) else dump(data)}\n\n"


class EventStream(StreamingResponse):
    """Server-sent events (or, with ``lines``, JSON lines). An error on the way becomes an event, and then it ends.

    ``keep_alive`` gives what to say when nothing was said for long: an event that the dialect's clients read over.
    """

    def __init__(
        self,
        pieces: AsyncIterator[str],
        finish: Finish,
        *,
        dialect: str = "openai",
        lines: bool = False,
        done: str = "data: [DONE]\n\n",
        on_error: Callable[[str], None] = lambda message: None,
        keep_alive: Callable[[], str] | None = None,
    ) -> None:
        self._pieces = pieces
        self._keep_alive = keep_alive
        self._is_open = False
        self._said_at = 0.0
        self._finish = finish
        self._dialect, self._lines, self._done = dialect, lines, done
        self._on_error = on_error
        media_type = "application/x-ndjson" if lines else "text/event-stream"
        super().__init__(self._guarded(), media_type=media_type, headers=_NO_BUFFERING)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Whatever becomes of the client, what the request held is let go."""
        waker = asyncio.ensure_future(self._break_silence(send)) if self._keep_alive is not None else None
        try:
            await super().__call__(scope, receive, send)
        finally:
            if waker is not None:
                waker.cancel()
                await asyncio.gather(waker, return_exceptions=True)
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
            self._finish()

    async def _break_silence(self, send: Any) -> None:
        """Whole events are sent, so one that is sent from here stands between two of the others."""
        clock = asyncio.get_running_loop().time
        self._said_at = clock()
        while True:
            await asyncio.sleep(max(self._said_at + KEEP_ALIVE_SECONDS - clock(), 0.01))
            if self._is_open and self._keep_alive is not None and clock() - self._said_at >= KEEP_ALIVE_SECONDS:
                self._said_at = clock()
                if said := self._keep_alive():
                    await send({"type": "http.response.body", "body": said.encode(), "more_body": True})

    async def _guarded(self) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        self._is_open = True
        try:
            async for piece in self._pieces:
                self._said_at = clock()
                yield piece.encode("utf-8", "replace")
            self._is_open = False
            if self._done:
                yield self._done.encode()
        except ApiError as error:
            self._is_open = False
            self._on_error(error.message)
            yield self._show(error)
        except Exception:  # noqa: BLE001 - a bug must not leave the client waiting
            self._is_open = False
            _log.exception("a stream failed unexpectedly")
            bug = ApiError(500, "Something went wrong inside Yanmo; its log says what.", "internal_error")
            self._on_error(bug.message)
            yield self._show(bug)

    def _show(self, error: ApiError) -> bytes:
        body = error_body(error, self._dialect)
        if self._lines:
            return f"{dump(body)}\n".encode()
        return event(body, "error" if self._dialect == "anthropic" else "").encode()


def reply_json(value: Any, status: int = 200) -> JSONResponse:
    """A whole answer."""
    return _Json(value, status)


class _Json(JSONResponse):
    def render(self, content: Any) -> bytes:
        return dump(content).encode()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
