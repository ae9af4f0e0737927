"""Ollama's own endpoints around models and vectors."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.api.desk import Desk
from app.api.embeddings import embed as make_vectors
from app.api.embeddings import shorten
from app.api.errors import bad_request, describe
from app.api.openai_models import capabilities_of, modified_at
from app.api.running import while_connected
from app.api.streams import reply_json
from app.services.made_models import MadeModel, modelfile, parameter_lines
from backends.embeddings import EmbeddingRequest
from backends.events import LoadedModel
from models.card import ModelCard
from models.errors import UserFacingError

VERSION = "0.40.0"
"""The version of Ollama whose answers these are: clients compare it before they use a feature."""


async def greet(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """What tools look for to find out whether Ollama is there."""
    return PlainTextResponse("Ollama is running")


async def version(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """The version whose answers these are."""
    return reply_json({"version": VERSION})


async def tags(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """Every model."""
    cards = desk.models.list_cards()
    by_id = {card.id: card for card in cards}
    made = [
        {**_show_tag(desk, by_id[one.base]), "name": one.name, "model": one.name, "modified_at": stamp(one.made_at)}
        for one in desk.models.made.list()
        if one.base in by_id
    ]
    return reply_json({"models": [*made, *(_show_tag(desk, card) for card in cards)]})


async def running(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """The models in memory."""
    cards = {card.id: card for card in desk.models.list_cards()}
    found = []
    for name, model in desk.models.list_loaded().items():
        if model.state != "ready" or model.facts is None:
            continue
        card = cards.get(name)
        until = model.unload_at or time.time() + 100 * 365 * 86400
        found.append(
            {
                "name": name,
                "model": name,
                "size": model.facts.memory_bytes,
                "digest": _digest(desk, card),
                "details": _details(card, model.facts),
                "expires_at": stamp(until),
                "size_vram": 0 if model.facts.device == "CPU" else model.facts.memory_bytes,
                "context_length": model.facts.context_length,
            }
        )
    return reply_json({"models": found})


async def show(desk: Desk, request: Request) -> Response:
    """What is known of a model."""
    async with desk.call(request) as call:
        card = desk.models.find_card(_name_in(call.body))
        is_here = card.format == "gguf"
        metadata = (
            await asyncio.to_thread(_read_metadata, card, bool(call.body.get("verbose"))) if is_here else _tell_little(card)
        )
        template = str(metadata.pop("tokenizer.chat_template", "") or "")
        made = desk.models.made.find(_name_in(call.body)) or MadeModel("", card.id)
        return reply_json(
            {
                "license": made.licence or card.licence,
                "modelfile": modelfile(made),
                "parameters": "\n".join(parameter_lines(made)),
                "system": made.system,
                "messages": [dict(message) for message in made.messages],
                "template": template,
                "details": _details(card, None),
                "model_info": metadata,
                "capabilities": capabilities_of(card),
                "modified_at": stamp(modified_at(card)),
            }
        )


async def delete(desk: Desk, request: Request) -> Response:
    """Remove a model from the list; files outside of Yanmo's own folder stay where they are."""
    async with desk.call(request) as call:
        if await asyncio.to_thread(desk.models.made.remove, _name_in(call.body)):
            return Response(status_code=200)
        card = desk.models.find_card(_name_in(call.body))
        desk.pool.unload(card.id)
        try:
            await asyncio.to_thread(desk.workstation.library.remove, card.id, delete=card.is_copy)
            desk.models.forget_cards()
        except UserFacingError as error:
            raise describe(error) from error
        return Response(status_code=200)


async def copy(desk: Desk, request: Request) -> Response:
    """Another name for a model."""
    async with desk.call(request) as call:
        source, target = call.body.get("source"), call.body.get("destination")
        if not isinstance(source, str) or not isinstance(target, str) or not target:
            raise bad_request("“source” and “destination” must be names.", "source")
        if desk.models.made.copy(source, target):
            return Response(status_code=200)
        card = desk.models.find_card(source)
        aliases = desk.models.aliases()
        aliases[target.removesuffix(":latest")] = card.id
        desk.workstation.settings.set("server.aliases", aliases)
        return Response(status_code=200)


async def embed(desk: Desk, request: Request) -> Response:
    """Vectors of one or several texts."""
    async with desk.call(request) as call:
        value = call.body.get("input")
        texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
        if any(not isinstance(text, str) for text in texts):
            raise bad_request("“input” must be text or a list of texts.", "input")
        if not texts or not any(texts):
            return reply_json({"model": str(call.body.get("model") or ""), "embeddings": []})
        started = time.perf_counter_ns()
        result = await while_connected(request, make_vectors(call, EmbeddingRequest(texts=texts)))
        return reply_json(
            {
                "model": call.model_name(call.leases[-1]),
                "embeddings": [[float(number) for number in vector] for vector in shorten(result.vectors, call.body)],
                "total_duration": time.perf_counter_ns() - started,
                "load_duration": 0,
                "prompt_eval_count": int(sum(result.token_counts)),
            }
        )


async def embed_one(desk: Desk, request: Request) -> Response:
    """The older form: one text, one vector."""
    async with desk.call(request) as call:
        prompt = call.body.get("prompt")
        if not isinstance(prompt, str):
            raise bad_request("“prompt” must be text.", "prompt")
        if not prompt:
            return reply_json({"embedding": []})
        result = await while_connected(request, make_vectors(call, EmbeddingRequest(texts=(prompt,), normalize=False)))
        return reply_json({"embedding": [float(number) for number in result.vectors[0]]})


def _name_in(body: Mapping[str, Any]) -> str:
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not name:
        raise bad_request("“model” must be a name.", "model")
    return name


def _show_tag(desk: Desk, card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.id,
        "model": card.id,
        "modified_at": stamp(modified_at(card)),
        "size": card.size_bytes,
        "digest": _digest(desk, card),
        "details": _details(card, None),
    }


def _details(card: ModelCard | None, facts: LoadedModel | None) -> dict[str, Any]:
    architecture = card.architecture if card else facts.architecture if facts else ""
    count = card.parameter_count if card else facts.parameter_count if facts else 0
    return {
        "parent_model": "",
        "format": "gguf",
        "family": architecture,
        "families": [architecture],
        "parameter_size": parameters_in_words(count),
        "quantization_level": card.quantization if card else facts.quantization if facts else "",
    }


def parameters_in_words(count: int) -> str:
    """Parameters as people say them: 8.0B, 494M."""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.2f}M"


def _digest(desk: Desk, card: ModelCard | None) -> str:
    """The file's SHA-256 where it is known, else one that stands for the place: hashing takes minutes."""
    if card is None:
        return ""
    known = desk.workstation.library.known_sha256(card)
    return known or hashlib.sha256(f"{card.path}:{card.size_bytes}".encode("utf-8", "surrogateescape")).hexdigest()


def stamp(seconds: float) -> str:
    """A moment as Ollama writes it, in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _tell_little(card: ModelCard) -> dict[str, Any]:
    """What is known of a model of another server, in the names that a file's header would have."""
    architecture = card.architecture or "remote"
    return {
        "general.architecture": architecture,
        "general.parameter_count": card.parameter_count,
        f"{architecture}.context_length": card.context_length,
    }


def _read_metadata(card: ModelCard, with_arrays: bool) -> dict[str, Any]:
    """The header of the model's file; long lists only where they are asked for."""
    from models.gguf_header import ArrayPlace, read_header

    header = read_header(Path(card.path))
    found: dict[str, Any] = {}
    for key, value in header.metadata.items():
        if not isinstance(value, ArrayPlace):
            found[key] = value
        elif with_arrays:
            found[key] = list(header.read_array(key, most=1_000_000))
        else:
            found[key] = None
    found.setdefault("general.parameter_count", card.parameter_count)
    return found
