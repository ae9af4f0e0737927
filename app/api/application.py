"""The server's application: every endpoint of every dialect, and what to say where there is none."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from app import __version__
from app.api import (
    adapters,
    anthropic,
    downloading,
    embeddings,
    llama_server,
    lm_studio,
    lm_studio_chat,
    ollama,
    ollama_chat,
    ollama_create,
    openai_chat,
    openai_completions,
    openai_models,
    planning,
    responses,
)
from app.api.desk import Desk
from app.api.documentation import make_document, show_documentation, show_openapi
from app.api.errors import ApiError, describe, dialect_of, error_body
from models.errors import UserFacingError

_log = logging.getLogger(__name__)
Endpoint = Callable[[Desk, Request], Awaitable[Response]]

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/v1/models", openai_models.list_models),
    ("GET", "/v1/models/{id:path}", openai_models.show_model),
    ("POST", "/v1/chat/completions", openai_chat.create),
    ("POST", "/v1/chat/completions/input_tokens", llama_server.count_chat),
    ("POST", "/v1/completions", openai_completions.create),
    ("POST", "/v1/embeddings", embeddings.create),
    ("POST", "/v1/rerank", embeddings.rerank),
    ("POST", "/v1/reranking", embeddings.rerank),
    ("POST", "/v1/responses", responses.create),
    ("POST", "/v1/responses/input_tokens", responses.count),
    ("GET", "/v1/responses/{id}", responses.show),
    ("DELETE", "/v1/responses/{id}", responses.delete),
    ("POST", "/v1/responses/{id}/cancel", responses.cancel),
    ("GET", "/v1/responses/{id}/input_items", responses.list_input),
    ("POST", "/v1/messages", anthropic.create),
    ("POST", "/v1/messages/count_tokens", anthropic.count),
    ("GET", "/", ollama.greet),
    ("GET", "/api/version", ollama.version),
    ("GET", "/api/tags", ollama.tags),
    ("GET", "/api/ps", ollama.running),
    ("POST", "/api/show", ollama.show),
    ("POST", "/api/chat", ollama_chat.chat),
    ("POST", "/api/generate", ollama_chat.generate),
    ("POST", "/api/embed", ollama.embed),
    ("POST", "/api/embeddings", ollama.embed_one),
    ("POST", "/api/pull", downloading.pull),
    ("POST", "/api/create", ollama_create.create),
    ("HEAD", "/api/blobs/{digest}", ollama_create.has_blob),
    ("POST", "/api/blobs/{digest}", ollama_create.take_blob),
    ("DELETE", "/api/delete", ollama.delete),
    ("POST", "/api/copy", ollama.copy),
    ("GET", "/api/v0/models", lm_studio.list_models),
    ("GET", "/api/v0/models/{id:path}", lm_studio.show_model),
    ("POST", "/api/v0/chat/completions", lm_studio.chat),
    ("POST", "/api/v0/completions", lm_studio.complete),
    ("POST", "/api/v0/embeddings", embeddings.create),
    ("GET", "/api/v1/models", lm_studio.list_models_v1),
    ("POST", "/api/v1/chat", lm_studio_chat.create),
    ("POST", "/api/v1/models/load", lm_studio.load),
    ("POST", "/api/v1/models/unload", lm_studio.unload),
    ("POST", "/api/v1/models/download", downloading.download),
    ("GET", "/api/v1/models/download/status/{id}", downloading.status),
    ("POST", "/api/yanmo/fit", planning.fit),
    ("GET", "/health", llama_server.health),
    ("GET", "/v1/health", llama_server.health),
    ("GET", "/props", llama_server.props),
    ("GET", "/slots", llama_server.slots),
    ("GET", "/metrics", llama_server.metrics),
    ("POST", "/tokenize", llama_server.tokenize),
    ("POST", "/detokenize", llama_server.detokenize),
    ("POST", "/apply-template", llama_server.apply_template),
    ("POST", "/infill", llama_server.infill),
    ("POST", "/props", llama_server.refuse_change),
    ("POST", "/slots/{id}", llama_server.refuse_change),
    ("GET", "/lora-adapters", adapters.show),
    ("POST", "/lora-adapters", adapters.change),
    ("GET", "/openapi.json", show_openapi),
    ("GET", "/docs", show_documentation),
)


class Application:
    """Everything behind the guard: finds the endpoint of a path, and shows what goes wrong. See ASGI 3.

    Starlette's own application and router do the same through a dozen wrappers around each request and each piece of an answer, which
    are a fifth of a millisecond before a reply's first word.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._whole: dict[str, dict[str, Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        for path in dict.fromkeys(path for _, path, _ in ROUTES):
            endpoints = {method: endpoint for method, other, endpoint in ROUTES if other == path}
            if "GET" in endpoints:
                endpoints.setdefault("HEAD", endpoints["GET"])
            if "{" in path:
                self._patterns.append((compile_path(path)[0], endpoints))
            else:
                self._whole[path] = endpoints
        self.describe = functools.cache(lambda: make_document(ROUTES, __version__))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        scope["app"] = self
        request = Request(scope, receive, send)
        try:
            endpoint, scope["path_params"] = self._find(scope["method"], scope["path"])
            response = await endpoint(self._desk, request)
        except Exception as error:  # noqa: BLE001 - a bug is shown too
            response = _show(request, error)
            error.__traceback__ = None  # one that is raised for every request, such as a crash, would collect them
        with contextlib.suppress(ClientDisconnect):  # nobody reads it any more
            await response(scope, receive, send)

    def _find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
        """The endpoint, and what its path's pattern caught.

        Raises:
            ApiError: there is none.
        """
        if (endpoints := self._whole.get(path)) is not None:
            return _of_method(endpoints, method, path), {}
        matches = [(found, endpoints) for pattern, endpoints in self._patterns if (found := pattern.match(path))]
        if not matches:
            raise ApiError(404, f"There is nothing at {method} {path}. See /docs.", "not_found")
        found, endpoints = matches[0]
        return _of_method(endpoints, method, path), found.groupdict()


class _NotAllowed(ApiError):
    """There is something at this path, but not for this method."""

    def __init__(self, method: str, path: str, allowed: Iterable[str]) -> None:
        super().__init__(405, f"{method} is not allowed for {path}.", "method_not_allowed")
        self.allowed = ", ".join(sorted(allowed))


def _of_method(endpoints: Mapping[str, Endpoint], method: str, path: str) -> Endpoint:
    """Raises ApiError."""
    if (endpoint := endpoints.get(method)) is None:
        raise _NotAllowed(method, path, endpoints)
    return endpoint


def _show(request: Request, error: Exception) -> Response:
    """What went wrong, in the dialect of the path."""
    match error:
        case ClientDisconnect():  # in the middle of its own request: nobody reads the answer
            return Response(status_code=499)
        case _NotAllowed():
            return _json_error(request, error, {"Allow": error.allowed})
        case ApiError():
            return _json_error(request, error, {"Retry-After": "1"} if error.code == "queue_full" else None)
        case UserFacingError():
            return _json_error(request, describe(error))
        case HTTPException():
            return _json_error(request, ApiError(error.status_code, str(error.detail)), dict(error.headers or {}))
    _log.error("a request failed unexpectedly", exc_info=error)
    return _json_error(request, ApiError(500, "Something went wrong inside Yanmo; its log says what.", "internal_error"))


def _json_error(request: Request, error: ApiError, headers: dict[str, str] | None = None) -> Response:
    if error.status == 499:
        return Response(status_code=499)
    return JSONResponse(error_body(error, dialect_of(request.url.path)), error.status, headers=headers)
