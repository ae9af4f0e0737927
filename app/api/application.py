"""The server's application: every endpoint of every dialect, and what to say where there is none."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

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


def build_application(desk: Desk) -> Starlette:
    """Everything behind the guard."""
    handlers = {
        ApiError: _show_api_error,
        UserFacingError: _show_user_error,
        HTTPException: _show_http_error,
        ClientDisconnect: _end_quietly,
        Exception: _show_bug,
    }
    routes = [Route(path, _bind(desk, endpoint), methods=[method]) for method, path, endpoint in ROUTES]
    app = Starlette(exception_handlers=handlers)
    app.router = _Paths(routes)
    app.state.describe = functools.cache(lambda: make_document(ROUTES, __version__))
    return app


class _Paths(Router):
    """Looks up paths that are written out, instead of trying one pattern after another."""

    def __init__(self, routes: Sequence[Route]) -> None:
        super().__init__(routes, redirect_slashes=False)
        self._whole = {(method, route.path): route for route in routes for method in route.methods or () if "{" not in route.path}

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI 3."""
        route = self._whole.get((scope.get("method"), scope.get("path")))
        if route is None:
            await super().app(scope, receive, send)
        else:
            scope.update(endpoint=route.endpoint, path_params={})
            await route.handle(scope, receive, send)


def _bind(desk: Desk, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def run(request: Request) -> Response:
        return await endpoint(desk, request)

    return run


def _json_error(request: Request, error: ApiError, headers: dict[str, str] | None = None) -> Response:
    if error.status == 499:
        return Response(status_code=499)
    return JSONResponse(error_body(error, dialect_of(request.url.path)), error.status, headers=headers)


async def _show_api_error(request: Request, error: Any) -> Response:
    return _json_error(request, error, {"Retry-After": "1"} if error.code == "queue_full" else None)


async def _show_user_error(request: Request, error: Any) -> Response:
    return _json_error(request, describe(error))


async def _show_http_error(request: Request, error: Any) -> Response:
    if error.status_code == 405:
        shown = ApiError(405, f"{request.method} is not allowed for {request.url.path}.", "method_not_allowed")
    elif error.status_code == 404:
        shown = ApiError(404, f"There is nothing at {request.method} {request.url.path}. See /docs.", "not_found")
    else:
        shown = ApiError(error.status_code, str(error.detail))
    return _json_error(request, shown, dict(error.headers or {}))


async def _end_quietly(request: Request, error: Any) -> Response:  # noqa: ARG001
    """The client left in the middle of its own request; nobody reads the answer."""
    return Response(status_code=499)


async def _show_bug(request: Request, error: Exception) -> Response:
    _log.error("a request failed unexpectedly", exc_info=error)
    return _json_error(request, ApiError(500, "Something went wrong inside Yanmo; its log says what.", "internal_error"))
