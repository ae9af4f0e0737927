"""LM Studio's REST API: ``/api/v0`` with its exact fields, and the models of ``/api/v1``."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api import openai_chat, openai_completions
from app.api.desk import Desk
from app.api.errors import ApiError, bad_request
from app.api.ollama import parameters_in_words
from app.api.openai_models import capabilities_of
from app.api.parameters import read_whole
from app.api.streams import reply_json
from app.services.engine_pool import PooledModel
from models.card import ModelCard

_KINDS = {"embedding": "embeddings", "reranker": "embeddings"}
_LONGEST_CONTEXT = 16_777_216
_ENGINES = {"llamacpp": "llama.cpp"}


async def list_models(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """Every model, with its state."""
    loaded = desk.models.list_loaded()
    return reply_json({"object": "list", "data": [_show(card, loaded.get(card.id)) for card in desk.models.list_cards()]})


async def show_model(desk: Desk, request: Request) -> Response:
    """One of them."""
    card = desk.models.find_card(request.path_params["id"])
    return reply_json(_show(card, desk.models.list_loaded().get(card.id)))


async def chat(desk: Desk, request: Request) -> Response:
    """As OpenAI's, with statistics."""
    return await _with_stats(desk, await openai_chat.create(desk, request))


async def complete(desk: Desk, request: Request) -> Response:
    """As OpenAI's, with statistics."""
    return await _with_stats(desk, await openai_completions.create(desk, request))


async def list_models_v1(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """Every model, as LM Studio 0.4 tells it."""
    loaded = desk.models.list_loaded()
    return reply_json({"models": [_show_v1(card, loaded.get(card.id)) for card in desk.models.list_cards()]})


async def load(desk: Desk, request: Request) -> Response:
    """Put a model in memory. Its context has the length that was chosen for the model: another one is refused, not passed over."""
    async with desk.call(request) as call:
        name = call.body.get("model")
        if not isinstance(name, str) or not name:
            raise bad_request("“model” must be a name.", "model")
        wanted = read_whole(call.body, "context_length", 0, 1, _LONGEST_CONTEXT)
        started = time.monotonic()
        lease = await call.acquire()
        if wanted and lease.facts.context_length not in (0, wanted):
            raise bad_request(
                f"The model is loaded with a context of {lease.facts.context_length} tokens, not {wanted}. The length cannot be "
                f"chosen by a request: unload the model, set it with “yanmo options {desk.models.id_of(lease.engine.reference)} "
                f"context_length={wanted}” or with the server's own option, and load the model again.",
                "context_length",
            )
        seconds = round(time.monotonic() - started, 3)
        kind = "llm" if lease.facts.can_write else "embedding"
        name = desk.models.id_of(lease.engine.reference)
        value = {"type": kind, "instance_id": name, "status": "loaded", "load_time_seconds": seconds}
        if call.body.get("echo_load_config"):
            value["load_config"] = {"context_length": lease.facts.context_length}
        return reply_json(value)


async def unload(desk: Desk, request: Request) -> Response:
    """Free a model's memory, after its answers."""
    async with desk.call(request) as call:
        name = call.body.get("instance_id") or call.body.get("model")
        if not isinstance(name, str) or not name:
            raise bad_request("“instance_id” must be a name.", "instance_id")
        reference = desk.models.find_reference(name)
        if not await asyncio.to_thread(desk.pool.unload, reference):
            raise ApiError(404, f"{name} is not loaded by the server.", "model_not_loaded")
        return reply_json({"instance_id": desk.models.id_of(reference)})


def _show(card: ModelCard, loaded: PooledModel | None) -> dict[str, Any]:
    kind = _KINDS.get(card.kind, "vlm" if "image" in card.modalities else "llm")
    value: dict[str, Any] = {
        "id": card.id,
        "object": "model",
        "type": kind,
        "publisher": "local",
        "arch": card.architecture,
        "compatibility_type": "gguf",
        "quantization": card.quantization,
        "state": _state(loaded),
        "max_context_length": card.context_length,
        "capabilities": ["tool_use"] if "tools" in capabilities_of(card) else [],
    }
    if loaded is not None and loaded.facts is not None:
        value["loaded_context_length"] = loaded.facts.context_length
    return value


def _state(loaded: PooledModel | None) -> str:
    if loaded is None:
        return "not-loaded"
    return {"ready": "loaded", "loading": "loading"}.get(loaded.state, "not-loaded")


def _show_v1(card: ModelCard, loaded: PooledModel | None) -> dict[str, Any]:
    instances = []
    if loaded is not None and loaded.facts is not None:
        instances.append({"id": card.id, "config": {"context_length": loaded.facts.context_length}})
    is_chat = card.kind in ("chat", "base")
    value: dict[str, Any] = {
        "type": "llm" if is_chat else "embedding",
        "publisher": "local",
        "key": card.id,
        "display_name": card.name,
        "architecture": card.architecture,
        "quantization": {"name": card.quantization, "bits_per_weight": _bits(card)},
        "size_bytes": card.size_bytes,
        "params_string": parameters_in_words(card.parameter_count),
        "loaded_instances": instances,
        "max_context_length": card.context_length,
        "format": "gguf",
    }
    if is_chat:
        value["capabilities"] = {"vision": "image" in card.modalities, "trained_for_tool_use": card.kind == "chat"}
        value["description"] = None
    return value


def _bits(card: ModelCard) -> float:
    return round(8 * card.size_bytes / card.parameter_count, 2) if card.parameter_count else 0.0


async def _with_stats(desk: Desk, response: Response) -> Response:
    """Add what LM Studio adds to an answer in one piece; a stream stays as it is."""
    if response.media_type != "application/json" or response.status_code != 200:
        return response
    value = json.loads(bytes(response.body))
    timings = value.get("timings") or {}
    choice = value["choices"][0]
    reasons = {"stop": "eosFound", "length": "maxPredictedTokensReached", "tool_calls": "toolCalls"}
    milliseconds = (timings.get("queue_ms") or 0.0) + (timings.get("prompt_ms") or 0.0)
    value["stats"] = {
        "tokens_per_second": timings.get("predicted_per_second"),
        "time_to_first_token": round(milliseconds / 1000, 4),
        "generation_time": round((timings.get("predicted_ms") or 0.0) / 1000, 4),
        "stop_reason": reasons.get(choice.get("finish_reason"), "eosFound"),
    }
    model = desk.models.list_loaded().get(desk.models.id_of(desk.models.find_reference(value["model"])))
    facts = model.facts if model else None
    if facts is not None:
        value["model_info"] = {
            "arch": facts.architecture,
            "quant": facts.quantization,
            "format": "gguf",
            "context_length": facts.context_length,
        }
        value["runtime"] = {
            "name": _ENGINES.get(facts.backend, facts.backend),
            "version": facts.engine_version,
            "supported_formats": ["gguf"],
        }
    return reply_json(value)
