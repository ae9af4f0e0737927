"""Ollama's ``/api/create`` and ``/api/blobs``: models made of a model that is here, or of GGUF files that a client sends."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Call, Desk
from app.api.errors import ApiError, bad_request, describe
from app.api.ollama_chat import check_settings
from app.api.parameters import read_switch, read_table
from app.api.running import while_connected
from app.api.streams import EventStream, dump, reply_json
from app.services.events import LibraryChanged
from app.services.made_models import MadeModel
from models.errors import UserFacingError
from models.formats import read_any_card

_DIGEST = re.compile(r"^sha256[:-]([0-9a-f]{64})$")
_NAME = re.compile(r"^[\w][\w.:/-]{0,120}$")
_FILE = re.compile(r"^[\w][\w. ()+-]{0,180}\.gguf$", re.IGNORECASE)
_MOST_FILES = 64
_ROLES = ("system", "user", "assistant")


def _blob_path(desk: Desk, digest: Any) -> Path:
    """Where a blob lies: in a hidden folder beside the models, where the library does not look."""
    match = _DIGEST.match(digest) if isinstance(digest, str) else None
    if match is None:
        raise bad_request("A digest is “sha256:” and 64 hexadecimal digits.", "digest")
    return desk.workstation.paths.models / ".blobs" / f"sha256-{match[1]}"


async def has_blob(desk: Desk, request: Request) -> Response:
    """Whether a file was sent already."""
    return Response(status_code=200 if _blob_path(desk, request.path_params["digest"]).is_file() else 404)


async def take_blob(desk: Desk, request: Request) -> Response:
    """Write a file that a client sends; it is there only when it is whole and of this digest."""
    target = _blob_path(desk, request.path_params["digest"])
    _refuse_readers(desk)
    if target.is_file():
        return Response(status_code=200)
    part = target.with_name(f"{target.name}.{time.monotonic_ns()}.part")
    digest = hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            async for piece in request.stream():
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
        if f"sha256-{digest.hexdigest()}" != target.name:
            raise bad_request("What was sent is not of this digest.", "digest", "digest_mismatch")
        part.replace(target)
    except OSError as error:
        raise ApiError(507, f"The file could not be written: {error.strerror or error}.", "disk") from error
    finally:
        part.unlink(missing_ok=True)
    return Response(status_code=201)


async def create(desk: Desk, request: Request) -> Response:
    """Make a model under a name of its own."""
    async with desk.call(request) as call:
        _refuse_readers(desk)
        made = _read_order(call)
        files = _read_files(call)
        if read_switch(call.body, "stream", True):
            return EventStream(
                _tell(call, made, files), call.hand_over(), dialect="ollama", lines=True, done="", on_error=call.record.fail
            )

        async def work() -> None:
            async for _ in _tell(call, made, files):
                pass

        await while_connected(request, work())
        return reply_json({"status": "success"})


def _refuse_readers(desk: Desk) -> None:
    if not desk.workstation.is_exclusive:
        raise ApiError(503, "Another Yanmo has the models open, and only that may add to them.", "data_in_use")


def _read_order(call: Call) -> MadeModel:
    """What is to be made; its base is empty where it is made of files. Raises ApiError."""
    body, desk = call.body, call.desk
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        raise bad_request("“model” must be a name of letters, digits and “. : / _ -”.", "model")
    for field, reason in (
        ("quantize", "Files are quantized with “yanmo quantize”, which also says what it costs."),
        ("adapters", "LoRA adapters are chosen when a model is loaded: “yanmo options MODEL adapters=…”."),
        ("template", "The model's own chat template is used; one in the notation of Go cannot be."),
    ):
        if body.get(field):
            raise bad_request(f"“{field}” is not taken here. {reason}", field, "not_supported")
    source, files = body.get("from"), body.get("files")
    if bool(source) == bool(files):
        raise bad_request("Name either “from”, a model that is here, or “files”.", "from")
    before = desk.models.made.find(source)
    base = before.base if before else desk.models.find_card(source).id if source else ""
    if not before and any(card.id == name for card in desk.models.list_cards()):
        raise bad_request("A model of this name is here already; choose another name.", "model")
    parameters = {**(before.parameters if before else {}), **read_table(body, "parameters")}
    check_settings(parameters)
    system = body.get("system")
    licence = body.get("license")
    return MadeModel(
        name.removesuffix(":latest"),
        base,
        system if isinstance(system, str) and system else before.system if before else "",
        parameters,
        _read_messages(body.get("messages")) or (before.messages if before else ()),
        "\n".join(map(str, licence)) if isinstance(licence, list) else str(licence or ""),
        time.time(),
    )


def _read_messages(value: Any) -> tuple[Mapping[str, Any], ...]:
    if value is None:
        return ()
    is_right = isinstance(value, list) and all(
        isinstance(item, dict) and item.get("role") in _ROLES and isinstance(item.get("content"), str) for item in value
    )
    if not is_right:
        raise bad_request("“messages” must be a list of messages with role and content.", "messages")
    return tuple({"role": item["role"], "content": item["content"]} for item in value)


def _read_files(call: Call) -> dict[str, Path]:
    """File names and the blobs that they are. Raises ApiError."""
    files = read_table(call.body, "files")
    found: dict[str, Path] = {}
    for name, digest in files.items():
        plain = Path(name).name
        if len(files) > _MOST_FILES or not _FILE.match(plain):
            raise bad_request(
                "“files” must be GGUF files; a checkpoint is converted with “yanmo convert”.", "files", "not_supported"
            )
        path = _blob_path(call.desk, digest)
        if not path.is_file():
            raise bad_request(f"The blob of {plain} was not sent: POST it to /api/blobs/{digest} first.", "files", "blob_missing")
        found[plain] = path
    return found


async def _tell(call: Call, made: MadeModel, files: dict[str, Path]) -> AsyncIterator[str]:
    """Do it, a line for each step. Raises ApiError."""
    yield f"{dump({'status': 'using existing layer' if made.base else 'parsing GGUF'})}\n"
    desk = call.desk
    try:
        base = made.base or await asyncio.to_thread(_add_files, desk, made.name, files)
        yield f"{dump({'status': 'writing manifest'})}\n"
        kept = MadeModel(made.name, base, made.system, made.parameters, made.messages, made.licence, made.made_at)
        await asyncio.to_thread(desk.models.made.keep, kept)
    except UserFacingError as error:
        raise describe(error) from error
    desk.models.forget_cards()
    desk.workstation.events.publish(LibraryChanged())
    yield f"{dump({'status': 'success'})}\n"


def _add_files(desk: Desk, name: str, files: dict[str, Path]) -> str:
    """Move blobs among the models, once the first is a model that can be read; the reference of that.

    Raises:
        ApiError: a file of that name is there, or the disk refuses.
        UserFacingError: it is no model.
    """
    folder = desk.workstation.paths.models / re.sub(r"[^\w.-]+", "-", name).strip("-.")
    plain = sorted(files, key=lambda file: ("mmproj" in file.lower(), file))
    targets = {file: folder / file for file in plain}
    if any(target.exists() for target in targets.values()):
        raise bad_request("Files of this name are here already; delete that model first.", "model")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, target in targets.items():
            files[file].replace(target)
        try:
            card = read_any_card(targets[plain[0]])
        except UserFacingError:
            for file, target in targets.items():
                target.replace(files[file])
            folder.rmdir()
            raise
    except OSError as error:
        raise ApiError(507, f"The files could not be moved: {error.strerror or error}.", "disk") from error
    return card.id
