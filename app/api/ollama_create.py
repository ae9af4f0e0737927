"""Ollama's ``/api/create`` and ``/api/blobs``: models made of a model that is here, or of GGUF files that a client sends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

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
from models.card import ModelCard
from models.errors import UserFacingError
from models.formats import read_any_card
from quantize.gguf.types import find_file_type
from quantize.order import Order
from quantize.recipe import Recipe

T = TypeVar("T")

_DIGEST = re.compile(r"^sha256[:-]([0-9a-f]{64})$")
_NAME = re.compile(r"^[\w][\w.:/-]{0,120}$")
_FILE = re.compile(r"^[\w][\w. ()+-]{0,180}\.gguf$", re.IGNORECASE)
_MOST_FILES = 64
_ROLES = ("system", "user", "assistant")
_LOOK_SECONDS = 0.2


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made: of which files that were sent, with which adapters, and quantized to which type (empty for as it is)."""

    made: MadeModel
    files: dict[str, Path]
    adapters: dict[str, Path]
    file_type: str


async def create(desk: Desk, request: Request) -> Response:
    """Make a model under a name of its own."""
    async with desk.call(request) as call:
        _refuse_readers(desk)
        made = _read_order(call)
        plan = Plan(made, _read_files(call, "files"), _read_files(call, "adapters"), _read_type(call))
        if read_switch(call.body, "stream", True):
            return EventStream(
                _tell(call, plan), call.hand_over(), dialect="ollama", lines=True, done="", on_error=call.record.fail
            )

        async def work() -> None:
            async for _ in _tell(call, plan):
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
    if body.get("template"):
        raise bad_request(
            "“template” is not taken here. The model's own chat template is used; one in the notation of Go cannot be.",
            "template",
            "not_supported",
        )
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
        before.adapters if before else (),
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


def _read_type(call: Call) -> str:
    """The type to quantize to, as the quantizer writes it. Raises ApiError."""
    value = call.body.get("quantize") or call.body.get("quantization") or ""
    if not isinstance(value, str):
        raise bad_request("“quantize” must be the name of a type, such as q4_K_M.", "quantize")
    try:
        return find_file_type(value.upper()).name if value else ""
    except UserFacingError as error:
        raise describe(error) from error


def _read_files(call: Call, field: str) -> dict[str, Path]:
    """File names of ``files`` or ``adapters``, and the blobs that they are. Raises ApiError."""
    files = read_table(call.body, field)
    found: dict[str, Path] = {}
    for name, digest in files.items():
        plain = Path(name).name
        if len(files) > _MOST_FILES or not _FILE.match(plain):
            raise bad_request(
                f"“{field}” must be GGUF files; a checkpoint is converted with “yanmo convert”.", field, "not_supported"
            )
        path = _blob_path(call.desk, digest)
        if not path.is_file():
            raise bad_request(f"The blob of {plain} was not sent: POST it to /api/blobs/{digest} first.", field, "blob_missing")
        found[plain] = path
    return found


async def _tell(call: Call, plan: Plan) -> AsyncIterator[str]:
    """Do it, a line for each step. Raises ApiError."""
    made, desk = plan.made, call.desk
    yield _line("using existing layer" if made.base else "parsing GGUF")
    try:
        card = desk.models.find_card(made.base) if made.base else await asyncio.to_thread(_add_files, desk, made.name, plan.files)
        if plan.file_type:
            async for said in _quantize(desk, made.name, card, plan.file_type):
                yield said
            card = await asyncio.to_thread(_find_quantized, desk, made.name, plan.file_type)
        adapters = made.adapters
        if plan.adapters:
            yield _line("adding adapters")
            adapters = (*adapters, *await asyncio.to_thread(_add_adapters, desk, made.name, plan.adapters, card))
        yield _line("writing manifest")
        await asyncio.to_thread(desk.models.made.keep, replace(made, base=card.id, adapters=adapters))
    except UserFacingError as error:
        raise describe(error) from error
    desk.models.forget_cards()
    desk.workstation.events.publish(LibraryChanged())
    yield _line("success")


def _line(status: str, **more: Any) -> str:
    return f"{dump({'status': status, **more})}\n"


async def _quantize(desk: Desk, name: str, card: ModelCard, file_type: str) -> AsyncIterator[str]:
    """Quantize beside the window's jobs, telling how far it is; stopped where the client goes away. Raises ApiError, UserFacingError."""
    status = f"quantizing {card.quantization} model to {file_type}"
    folder = _folder_of(desk, name)
    if any(folder.glob(f"*{file_type}.gguf")):
        raise bad_request("Files of this name are here already; delete that model first.", "model")
    service = desk.workstation.quantizing
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    job_id = service.start(Order(card.path, (Recipe(file_type),), str(folder), measure=""))
    is_over = False
    try:
        while True:
            job = next(job for job in service.jobs() if job.id == job_id)
            if job.error is not None:
                raise job.error
            if not job.is_open:
                break
            done = int(card.size_bytes * job.step.fraction) if job.step is not None else 0
            yield _line(status, digest=status, total=card.size_bytes, completed=done)
            await asyncio.sleep(_LOOK_SECONDS)
        if job.state != "finished":
            raise ApiError(499, "Quantizing was cancelled.", "cancelled")
        is_over = True
        yield _line(status, digest=status, total=card.size_bytes, completed=card.size_bytes)
    finally:
        if not is_over:
            service.cancel(job_id)
            with contextlib.suppress(OSError):
                folder.rmdir()  # where nothing is in it
        service.forget(job_id)


def _find_quantized(desk: Desk, name: str, file_type: str) -> ModelCard:
    return read_any_card(next(_folder_of(desk, name).glob(f"*{file_type}.gguf")))


def _folder_of(desk: Desk, name: str) -> Path:
    return desk.workstation.paths.models / re.sub(r"[^\w.-]+", "-", name).strip("-.")


def _add_files(desk: Desk, name: str, files: dict[str, Path]) -> ModelCard:
    """Move blobs among the models, once the first is a model that can be read; the card of that.

    Raises:
        ApiError: a file of that name is there, or the disk refuses.
        UserFacingError: it is no model.
    """

    def check(targets: list[Path]) -> ModelCard:
        return read_any_card(targets[0])

    return _move_in(_folder_of(desk, name), files, check)


def _add_adapters(desk: Desk, name: str, files: dict[str, Path], base: ModelCard) -> list[str]:
    """Move blobs beside the model that they change; their paths.

    Raises:
        ApiError: one is no adapter of this model's architecture, a file of that name is there, or the disk refuses.
        UserFacingError: one is no GGUF file.
    """

    def check(targets: list[Path]) -> list[str]:
        for target in targets:
            card = read_any_card(target)
            if card.kind != "adapter" or card.architecture != base.architecture:
                raise bad_request(f"{target.name} is no LoRA adapter of {base.architecture} models.", "adapters", "wrong_adapter")
        return [str(target) for target in targets]

    return _move_in(_folder_of(desk, name), files, check)


def _move_in(folder: Path, files: dict[str, Path], check: Callable[[list[Path]], T]) -> T:
    """Move blobs into a folder under their names, and back again where ``check`` refuses what they are."""
    plain = sorted(files, key=lambda file: ("mmproj" in file.lower(), file))
    targets = {file: folder / file for file in plain}
    if any(target.exists() for target in targets.values()):
        raise bad_request("Files of this name are here already; delete that model first.", "model")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, target in targets.items():
            files[file].replace(target)
        try:
            return check([targets[file] for file in plain])
        except (UserFacingError, ApiError):
            for file, target in targets.items():
                target.replace(files[file])
            with contextlib.suppress(OSError):
                folder.rmdir()  # where nothing else is in it
            raise
    except OSError as error:
        raise ApiError(507, f"The files could not be moved: {error.strerror or error}.", "disk") from error
