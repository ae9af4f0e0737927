"""``/api/yanmo/fit``: whether a model fits into this machine, and what it would take, before it is loaded."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Desk
from app.api.errors import bad_request, describe
from app.api.parameters import read_whole
from app.api.streams import reply_json
from backends.options import KV_TYPES, LoadOptions
from models.card import ModelCard
from models.errors import UserFacingError
from models.memory_plan import MemoryPlan


async def fit(desk: Desk, request: Request) -> Response:
    """The memory plan of a model: with the options it is loaded with, or those that the request names."""
    async with desk.call(request) as call:
        body = call.body
        card = desk.models.find_card(body.get("model"))
        options = desk.workstation.engines.options_for(card.id)
        kv_type = body.get("kv_type", options.kv_type)
        if kv_type not in KV_TYPES:
            raise bad_request(f"“kv_type” must be one of {', '.join(KV_TYPES)}.", "kv_type")
        options = replace(
            options,
            context_length=read_whole(body, "context_length", options.context_length, 0, 16_777_216),
            gpu_layers=read_whole(body, "gpu_layers", options.gpu_layers, -1, 100_000),
            parallel=read_whole(body, "parallel", options.parallel, 1, 128),
            kv_type=kv_type,
        )
        try:
            plan = await asyncio.to_thread(_plan, desk, card, options)
        except UserFacingError as error:
            raise describe(error) from error
        return reply_json({"model": card.id, **_show(plan)})


def _plan(desk: Desk, card: ModelCard, options: LoadOptions) -> MemoryPlan:
    return desk.workstation.planner.plan_card(card, options)


def _show(plan: MemoryPlan) -> dict[str, Any]:
    return {
        "verdict": plan.verdict,
        "context_length": plan.context,
        "longest_context": plan.longest_context,
        "needed_bytes": plan.needed,
        "gpu_layers": plan.gpu_layers,
        "layer_count": plan.layer_count,
        "advice": list(plan.advice),
        "devices": [{**asdict(device), "needed": device.needed} for device in plan.devices],
    }
