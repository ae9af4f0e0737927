"""Downloads asked for by other programs: Ollama's ``/api/pull`` and LM Studio's ``/api/v1/models/download``."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Call, Desk
from app.api.errors import ApiError, bad_request, describe
from app.api.parameters import read_switch
from app.api.running import while_connected
from app.api.streams import EventStream, dump, reply_json
from app.services.download_records import Download
from app.services.events import LibraryChanged
from app.services.pulls import find_variant
from models.errors import UserFacingError

_LOOK_SECONDS = 0.2
_STATES = {"waiting": "downloading", "running": "downloading", "done": "completed", "failed": "failed", "paused": "paused"}


async def pull(desk: Desk, request: Request) -> Response:
    """Download a model and tell how far it is, a line at a time."""
    async with desk.call(request) as call:
        download = await _start(call)
        if read_switch(call.body, "stream", True):
            return EventStream(
                _tell(call, download), call.hand_over(), dialect="ollama", lines=True, done="", on_error=call.record.fail
            )
        await while_connected(request, _wait(call, download))
        return reply_json({"status": "success"})


async def download(desk: Desk, request: Request) -> Response:
    """Begin a download and give its number."""
    async with desk.call(request) as call:
        return reply_json(_show(desk, await _start(call)))


async def status(desk: Desk, request: Request) -> Response:
    """How far a download is."""
    found = desk.workstation.downloads.get(request.path_params["id"])
    if found is None:
        raise ApiError(404, "There is no such download.", "not_found")
    return reply_json(_show(desk, found))


async def _start(call: Call) -> Download:
    name = call.body.get("model") or call.body.get("name")
    if not isinstance(name, str) or "/" not in name:
        raise bad_request("“model” must be a repository of a hub, such as Qwen/Qwen3-4B-GGUF:Q4_K_M.", "model")
    workstation = call.desk.workstation
    if not workstation.is_exclusive:
        raise ApiError(503, "Another Yanmo has the models open, and downloads belong to it.", "data_in_use")
    try:
        repository, variant = await asyncio.to_thread(find_variant, workstation.hubs, name)
        return await asyncio.to_thread(workstation.downloads.add, repository, variant)
    except UserFacingError as error:
        raise describe(error) from error


async def _wait(call: Call, started: Download) -> None:
    async for _ in _tell(call, started):
        pass


async def _tell(call: Call, started: Download) -> AsyncIterator[str]:
    downloads = call.desk.workstation.downloads
    yield _line({"status": "pulling manifest"})
    digest = started.files[0].sha256 or started.id
    while True:
        now = downloads.get(started.id)
        if now is None or now.state == "paused":
            raise ApiError(503, "The download was stopped; the same request goes on where it ended.", "download_stopped")
        if now.state == "failed":
            raise describe(now.error) if now.error is not None else ApiError(500, "The download failed.", "download_failed")
        if now.state == "done":
            break
        progress = downloads.progress(started.id)
        said = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": started.size}
        yield _line({**said, "completed": progress.done if progress else 0})
        await asyncio.sleep(_LOOK_SECONDS)
    call.desk.workstation.events.publish(LibraryChanged())
    yield _line({"status": "verifying sha256 digest"})
    yield _line({"status": "success"})


def _line(value: dict[str, Any]) -> str:
    return f"{dump(value)}\n"


def _show(desk: Desk, found: Download) -> dict[str, Any]:
    progress = desk.workstation.downloads.progress(found.id)
    done = found.size if found.state == "done" else progress.done if progress else 0
    value: dict[str, Any] = {
        "job_id": found.id,
        "status": _STATES.get(found.state, "downloading"),
        "total_size_bytes": found.size,
        "downloaded_bytes": done,
        "bytes_per_second": round(progress.speed) if progress else 0,
    }
    if progress and progress.seconds_left is not None:
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=progress.seconds_left)
        value["estimated_completion"] = ends.isoformat()
    if found.error is not None:
        value["error"] = found.error.english()
    return value
