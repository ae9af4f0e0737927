"""LoRA adapters in llama-server's words: which the model in memory has, how strongly they speak, and for one request otherwise."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Desk, parse_json
from app.api.streams import reply_json


async def show(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """The adapters of the model in memory."""
    reference, paths = _of_loaded(desk)
    scales = desk.adapters.scales(reference)
    rows = [{"id": number, "path": path, "scale": scale} for number, (path, scale) in enumerate(zip(paths, scales, strict=True))]
    return reply_json(rows)


async def change(desk: Desk, request: Request) -> Response:
    """Set how strongly each speaks from now on, for requests that do not say it themselves; one that is not named keeps still."""
    values = parse_json(await request.body() or b"[]")
    reference, paths = _of_loaded(desk)
    desk.adapters.set(reference, values, len(paths))
    return reply_json({"success": True})


def _of_loaded(desk: Desk) -> tuple[str, list[str]]:
    for model in desk.pool.list_loaded():
        if model.facts is not None:
            return model.reference, [adapter.path for adapter in desk.adapters.loaded(model.reference)]
    return "", []
