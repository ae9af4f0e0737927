"""The OpenAPI document and a page that shows it, without anything from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.api.desk import Desk
from app.api.schemas import BODIES, SUMMARIES
from app.api.streams import reply_json

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "h2{margin-top:2rem;border-bottom:1px solid #ddd}code{font-family:ui-monospace,monospace}"
    "summary{cursor:pointer;padding:.3rem 0}.m{display:inline-block;width:4.5rem;font-weight:600}"
    "pre{background:#f5f4f1;padding:1rem;overflow:auto}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1a}pre{background:#262624}h2{border-color:#444}}"
)


async def show_documentation(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """``/docs``: every endpoint with the fields it reads."""
    document = request.app.describe()
    parts: list[str] = []
    group = ""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or [""])[0]
            if tag != group:
                group = tag
                parts.append(f"<h2>{html.escape(tag)}</h2>")
            parts.append(_show_operation(method, path, operation))
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Yanmo API</title><style>{_STYLE}</style><h1>Yanmo API</h1>"
        "<p>One server, in the dialects that other programs speak. The machine-readable form: "
        f"<a href=/openapi.json>openapi.json</a>.</p>{''.join(parts)}</html>"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


async def show_openapi(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """``/openapi.json``."""
    return reply_json(request.app.describe())


def make_document(routes: Sequence[tuple[str, str, Any]], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes (method, path, endpoint)."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, _ in routes:
        plain = path.replace(":path", "")
        paths.setdefault(plain, {})[method.lower()] = _describe(method, plain)
    keys = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Yanmo", "version": version, "description": "One server, in the dialects that other programs speak."},
        "paths": paths,
        "components": {"securitySchemes": keys},
        "security": [{"bearer": []}, {"key": []}, {}],
    }


def _describe(method: str, path: str) -> dict[str, Any]:
    ok = {"description": "The answer."}
    error = {"description": "An error in the dialect's shape.", "content": {"application/json": {"schema": {"type": "object"}}}}
    words = f"{method.lower()} {path}".replace("{", "").replace("}", "")
    operation: dict[str, Any] = {
        "summary": SUMMARIES[f"{method} {path}"],
        "tags": [_group_of(path)],
        "operationId": re.sub(r"\W+", "_", words).strip("_"),
        "responses": {"200": ok, "4XX": error, "503": error},
    }
    for name in re.findall(r"{(\w+)}", path):
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}]
    if method in ("POST", "DELETE") and (body := BODIES.get(path)) is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if method == "POST" and path == "/api/blobs/{digest}":
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _group_of(path: str) -> str:
    if path.startswith("/v1/messages"):
        return "Anthropic"
    if path.startswith("/v1"):
        return "OpenAI"
    if path.startswith(("/api/v0", "/api/v1")):
        return "LM Studio"
    if path.startswith("/api") or path == "/":
        return "Ollama"
    return "llama-server"


def _show_operation(method: str, path: str, operation: dict[str, Any]) -> str:
    head = f"<span class=m>{method.upper()}</span><code>{html.escape(path)}</code> — {html.escape(operation.get('summary', ''))}"
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    rows = []
    for name, schema in (content.get("properties") or {}).items():
        needed = " (needed)" if name in (content.get("required") or ()) else ""
        kind = schema.get("type") or " or ".join(str(part.get("type")) for part in schema.get("anyOf", ()))
        rows.append(
            f"<li><code>{html.escape(name)}</code>: {html.escape(str(kind))}{needed} {html.escape(schema.get('description', ''))}"
        )
    return f"<details><summary>{head}</summary><ul>{''.join(rows)}</ul></details>"
