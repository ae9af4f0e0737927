"""``/v1/models``, in OpenAI's shape and, for clients that say they are Anthropic's, in theirs."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Desk
from app.api.streams import reply_json
from models.card import ModelCard


async def list_models(desk: Desk, request: Request) -> Response:
    """Every model that can be asked, those in memory first."""
    loaded = {name: model for name, model in desk.models.list_loaded().items() if model.state == "ready"}
    cards = sorted(desk.models.list_cards(), key=lambda card: card.id not in loaded)
    known = {card.id for card in cards}
    values = [_show_card(card, loaded.get(card.id)) for card in cards]
    values += [_show_loaded(name, model) for name, model in loaded.items() if name not in known]
    for pattern, model in desk.models.aliases().items():
        if not any(mark in pattern for mark in "*?["):
            values.append({**_plain(pattern, 0), "alias_of": model})
    values += [{**_plain(made.name, int(made.made_at)), "alias_of": made.base} for made in desk.models.made.list()]
    if "anthropic-version" in request.headers:
        return reply_json(_as_anthropic(values))
    return reply_json({"object": "list", "data": values})


async def show_model(desk: Desk, request: Request) -> Response:
    """One of them."""
    name = desk.models.id_of(desk.models.find_reference(request.path_params["id"]))
    loaded = desk.models.list_loaded().get(name)
    card = next((card for card in desk.models.list_cards() if card.id == name), None)
    value = _show_card(card, loaded) if card is not None else _show_loaded(name, loaded)
    if "anthropic-version" in request.headers:
        return reply_json(_as_anthropic([value])["data"][0])
    return reply_json(value)


def _plain(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "yanmo"}


def _show_card(card: ModelCard, loaded: Any) -> dict[str, Any]:
    facts = loaded.facts if loaded is not None else None
    context = facts.context_length if facts is not None else card.context_length
    return {
        **_plain(card.id, modified_at(card)),
        "name": card.name,
        "context_length": context,
        "max_context_length": card.context_length,
        "max_model_len": context,
        "status": {"value": "loaded" if facts is not None else "unloaded"},
        "capabilities": capabilities_of(card),
        "is_distant": card.format == "remote",
        "meta": {
            "n_params": card.parameter_count,
            "n_ctx_train": card.context_length,
            "size": card.size_bytes,
            "architecture": card.architecture,
            "quantization": card.quantization,
        },
    }


def _show_loaded(name: str, loaded: Any) -> dict[str, Any]:
    facts = loaded.facts if loaded is not None else None
    context = facts.context_length if facts is not None else 0
    return {**_plain(name, 0), "context_length": context, "max_model_len": context, "status": {"value": "loaded"}}


def _as_anthropic(values: list[dict[str, Any]]) -> dict[str, Any]:
    data = [
        {
            "type": "model",
            "id": value["id"],
            "display_name": value.get("name") or value["id"],
            "created_at": datetime.datetime.fromtimestamp(value["created"], datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for value in values
    ]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def modified_at(card: ModelCard) -> int:
    """When the model's file was written, in seconds."""
    try:
        return int(Path(card.path).stat().st_mtime)
    except OSError:
        return 0


def capabilities_of(card: ModelCard) -> list[str]:
    """What a model can be asked for: completion, tools, vision, embedding, rerank."""
    if card.kind == "embedding":
        return ["embedding"]
    if card.kind == "reranker":
        return ["rerank"]
    found = ["completion"]
    if card.kind == "chat":
        found.append("tools")
    if "image" in card.modalities:
        found.append("vision")
    return found
