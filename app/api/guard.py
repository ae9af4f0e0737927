"""What every request passes before it is read: path, host, origin, key and size. Pure ASGI, so that streams stay streams."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from app.api.errors import ApiError, dialect_of, error_body
from app.services.api_keys import ApiKeys

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_OPEN_PATHS = frozenset(("/", "/health", "/v1/health"))
_WITHOUT_VERSION = re.compile(r"^/(chat/completions|completions|embeddings|responses|messages|models|rerank|reranking)(/|$)")
_MANAGING = re.compile(
    r"^/api/(pull|delete|copy|create)$|^/api/blobs/|^/api/v1/models/(load|unload|download)|^/lora-adapters$|^/props$"
)
_FILES = "/api/blobs/"


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """``hosts`` are further names by which this server may be called, ``origins`` web pages that may (``*``: all of them)."""

    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    most_bytes: int = 64 * 1024 * 1024


class Guard:
    """Wraps the application. ``keys`` are asked at every request, so that a key that was taken back counts no more."""

    def __init__(self, app: AsgiApp, options: GuardOptions, keys: ApiKeys) -> None:
        self._app = app
        self._options = options
        self._keys = keys
        self._names = {"localhost", "127.0.0.1", "::1", options.host.lower(), *(name.lower() for name in options.hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        scope["path"] = tidy_path(scope["path"])
        scope["raw_path"] = scope["path"].encode()
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        allowed = self._allow_origin(headers.get("origin"))
        guarded_send = _with_headers(send, allowed)
        try:
            self._check_host(headers.get("host", ""))
            if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                await self._answer_preflight(headers, allowed, send)
                return
            scope["yanmo_headers"] = headers
            scope["yanmo_key"] = self._check_key(scope["path"], scope["method"], headers)
            length = headers.get("content-length", "")
            is_file = scope["path"].startswith(_FILES)  # it goes to the disk piece by piece, and may be as long as a model is
            if length.isdigit() and int(length) > self._options.most_bytes and not is_file:
                raise self._too_large()
            await self._app(scope, receive if is_file else self._limited(receive), guarded_send)
        except ApiError as error:
            await _send_json(guarded_send, error.status, error_body(error, dialect_of(scope["path"])), error)

    def _check_host(self, host: str) -> None:
        """Against DNS rebinding: a page of a stranger's name that now points here still says its own name."""
        name = re.sub(r":\d+$", "", host.lower()).strip("[]")
        if not name or name in self._names or "*" in self._options.hosts:
            return
        if self._options.host in ("0.0.0.0", "::") and _is_address(name):
            return
        raise ApiError(403, f"This server is not called “{name}”. Add the name to its allowed hosts.", "host_not_allowed")

    def _allow_origin(self, origin: str | None) -> str:
        if origin is None:
            return ""
        return origin if origin in self._options.origins or "*" in self._options.origins else ""

    def _check_key(self, path: str, method: str, headers: dict[str, str]) -> str:
        """The name of the key that was used; empty where none is needed."""
        if not self._keys.are_needed or path in _OPEN_PATHS:
            return ""
        said = headers.get("x-api-key") or headers.get("api-key") or ""
        authorization = headers.get("authorization", "")
        if authorization.lower().startswith("bearer "):
            said = authorization[7:].strip()
        key = self._keys.find(said)
        if key is None:
            message = "Give a key of this server: “Authorization: Bearer …” or “x-api-key: …”."
            raise ApiError(401, "This key is not known." if said else message, "invalid_api_key")
        is_managing = _MANAGING.match(path) and method != "GET"
        if "manage" not in key.scopes and is_managing:
            raise ApiError(403, f"The key “{key.name}” may use models, but not manage them.", "scope_missing")
        return key.name

    def _too_large(self) -> ApiError:
        megabytes = self._options.most_bytes // 1_000_000
        return ApiError(413, f"The request is larger than {megabytes} MB.", "request_too_large")

    def _limited(self, receive: Receive) -> Receive:
        total = 0

        async def receive_less() -> Message:
            nonlocal total
            message = await receive()
            if message["type"] == "http.request":
                total += len(message.get("body", b""))
                if total > self._options.most_bytes:
                    raise self._too_large()
            return message

        return receive_less

    async def _answer_preflight(self, headers: dict[str, str], allowed: str, send: Send) -> None:
        if not allowed:
            raise ApiError(403, "This web page may not use the server. Add its origin to the allowed ones.", "origin_not_allowed")
        fields = [
            (b"access-control-allow-origin", allowed.encode()),
            (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
            (b"access-control-allow-headers", headers.get("access-control-request-headers", "*").encode("latin-1")),
            (b"access-control-max-age", b"600"),
            (b"vary", b"Origin"),
        ]
        if headers.get("access-control-request-private-network") == "true":
            fields.append((b"access-control-allow-private-network", b"true"))
        await send({"type": "http.response.start", "status": 204, "headers": fields})
        await send({"type": "http.response.body", "body": b""})


@functools.lru_cache(maxsize=256)
def tidy_path(path: str) -> str:
    """One slash where there were several, none at the end, and ``/v1`` where it was forgotten or said twice."""
    path = re.sub(r"/{2,}", "/", path)
    if len(path) > 1:
        path = path.rstrip("/") or "/"
    path = re.sub(r"^/v1/v1(/|$)", r"/v1\1", path)
    path = re.sub(r"^/v1/(api/|health$|props$|slots$|metrics$|tokenize$|detokenize$|infill$|apply-template$)", r"/\1", path)
    return f"/v1{path}" if _WITHOUT_VERSION.match(path) else path


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send, allowed: str) -> Send:
    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start" and allowed:
            message["headers"] = [
                *message.get("headers", ()),
                (b"access-control-allow-origin", allowed.encode()),
                (b"vary", b"Origin"),
            ]
        await send(message)

    return send_more


async def _send_json(send: Send, status: int, body: dict[str, Any], error: ApiError) -> None:
    data = json.dumps(body, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status == 413:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
