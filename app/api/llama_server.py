"""What llama-server offers beside the common endpoints: health, metrics, tokens, templates, filling gaps."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app import __version__
from app.api import openai_chat
from app.api.desk import Desk
from app.api.errors import ApiError, bad_request
from app.api.openai_chat import Choice, timings_of
from app.api.parameters import read_count, read_options, read_probabilities, read_switch
from app.api.running import Begun, Order, ask, count_tokens, render, while_connected
from app.api.streams import EventStream, dump, event, reply_json
from backends.backend import GenerationRequest
from backends.events import TextDelta, TokenChosen
from backends.questions import Detokenize, Tokenize

_MOST_TEXT = 8_000_000


async def health(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """Whether the server lives, and the model that it was started with is in memory."""
    if desk.workstation.server.is_loading:
        return reply_json({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503)
    return reply_json({"status": "ok"})


async def props(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """The model in memory and how it is set; nothing is loaded for that."""
    models = [(name, model.facts) for name, model in desk.models.list_loaded().items() if model.facts is not None]
    name, facts = models[0] if models else ("", None)
    return reply_json(
        {
            "default_generation_settings": {"n_ctx": facts.context_length if facts else 0},
            "total_slots": desk.parallel,
            "model_alias": name,
            "model_path": "",
            "chat_template": facts.chat_template if facts else "",
            "modalities": {"vision": bool(facts and facts.can_see), "audio": bool(facts and facts.can_hear)},
            "build_info": f"yanmo {__version__}, {facts.engine_version if facts else 'no model'}",
            "is_sleeping": facts is None,
        }
    )


async def slots(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """What is being answered now."""
    found: list[dict[str, Any]] = []
    for record in desk.log.list():
        if record.ended_at or record.request is None:
            continue
        found.append(
            {
                "id": len(found),
                "id_task": record.id,
                "n_ctx": 0,
                "is_processing": True,
                "model": record.model,
                "state": record.state,
                "n_prompt_tokens": record.prompt_tokens,
                "n_prompt_tokens_processed": record.read_tokens,
                "seconds": round(record.seconds, 3),
            }
        )
    idle = [{"id": number, "n_ctx": 0, "is_processing": False} for number in range(len(found), max(desk.parallel, len(found)))]
    return reply_json([*found, *idle])


async def metrics(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """Counters in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    totals = desk.log.totals
    open_records = [record for record in desk.log.list() if not record.ended_at and record.request is not None]
    waiting = sum(record.state == "waiting" for record in open_records)
    models = desk.pool.list_loaded()
    rows = [
        ("requests_total", "counter", "Requests that are over.", totals.requests),
        ("requests_failed_total", "counter", "Requests that ended in an error.", totals.failed),
        ("requests_cancelled_total", "counter", "Requests whose client went away.", totals.cancelled),
        ("prompt_tokens_total", "counter", "Tokens of prompts.", totals.prompt_tokens),
        ("prompt_tokens_cached_total", "counter", "Tokens of prompts that were in the cache.", totals.cached_tokens),
        ("tokens_predicted_total", "counter", "Tokens written.", totals.output_tokens),
        ("drafted_tokens_total", "counter", "Tokens guessed ahead.", totals.drafted_tokens),
        ("drafted_tokens_accepted_total", "counter", "Tokens guessed ahead that were right.", totals.accepted_tokens),
        ("prompt_seconds_total", "counter", "Seconds spent on prompts.", round(totals.prompt_seconds, 6)),
        ("tokens_predicted_seconds_total", "counter", "Seconds spent on writing.", round(totals.output_seconds, 6)),
        ("requests_processing", "gauge", "Requests that are being answered.", len(open_records) - waiting),
        ("requests_deferred", "gauge", "Requests that wait.", waiting),
        ("models_loaded", "gauge", "Models in memory.", sum(model.state == "ready" for model in models)),
        ("memory_bytes", "gauge", "Memory that the loaded models take.", sum(m.facts.memory_bytes for m in models if m.facts)),
        ("uptime_seconds", "gauge", "Seconds since the server started.", round(time.time() - desk.started_at, 3)),
    ]
    lines = [f"# HELP yanmo:{n} {text}\n# TYPE yanmo:{n} {kind}\nyanmo:{n} {value}\n" for n, kind, text, value in rows]
    return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4; charset=utf-8")


async def tokenize(desk: Desk, request: Request) -> Response:
    """Ids of a text."""
    async with desk.call(request) as call:
        text = call.body.get("content")
        if not isinstance(text, str) or len(text) > _MOST_TEXT:
            raise bad_request(f"“content” must be text of at most {_MOST_TEXT} characters.", "content")
        add, parse = read_switch(call.body, "add_special"), read_switch(call.body, "parse_special", True)
        lease = await call.acquire()
        tokens = await ask(lease, Tokenize(text, add, parse))
        if not read_switch(call.body, "with_pieces"):
            return reply_json({"tokens": tokens})
        pieces = []
        for token in tokens:
            data = bytes(await ask(lease, Detokenize((token,))))
            try:
                pieces.append({"id": token, "piece": data.decode("utf-8")})
            except UnicodeDecodeError:
                pieces.append({"id": token, "piece": list(data)})
        return reply_json({"tokens": pieces})


async def detokenize(desk: Desk, request: Request) -> Response:
    """The text of ids."""
    async with desk.call(request) as call:
        tokens = call.body.get("tokens")
        if not isinstance(tokens, list) or any(isinstance(token, bool) or not isinstance(token, int) for token in tokens):
            raise bad_request("“tokens” must be a list of ids.", "tokens")
        lease = await call.acquire()
        data = await ask(lease, Detokenize(tuple(tokens)))
        return reply_json({"content": bytes(data).decode("utf-8", "replace")})


async def apply_template(desk: Desk, request: Request) -> Response:
    """The prompt that messages become."""
    async with desk.call(request) as call:
        order, _ = openai_chat.read_order(call, call.body)
        return reply_json({"prompt": await render(await call.acquire(), call.media.fill(order.request))})


async def count_chat(desk: Desk, request: Request) -> Response:
    """How many tokens a conversation would take."""
    async with desk.call(request) as call:
        order, _ = openai_chat.read_order(call, call.body)
        tokens = await count_tokens(await call.acquire(), call.media.fill(order.request))
        return reply_json({"object": "response.input_tokens", "input_tokens": tokens})


async def refuse_change(desk: Desk, request: Request) -> Response:  # noqa: ARG001
    """As llama-server refuses it too, unless it was started with a switch for it."""
    raise ApiError(400, "This server does not support changing properties or saving slots by request.", "not_supported_error")


async def infill(desk: Desk, request: Request) -> Response:
    """Write what stands between two texts."""
    async with desk.call(request) as call:
        prefix, suffix = call.body.get("input_prefix", ""), call.body.get("input_suffix", "")
        if not isinstance(prefix, str) or not isinstance(suffix, str):
            raise bad_request("“input_prefix” and “input_suffix” must be text.", "input_prefix")
        before = call.body.get("input_extra")
        if isinstance(before, list):
            texts = [str(item.get("text") or "") for item in before if isinstance(item, dict)]
            prefix = "".join(f"{text}\n" for text in texts) + prefix
        prompt = call.body.get("prompt")
        most = read_count(call.body, "n_predict", "max_tokens")
        options = read_options(call.body, max_tokens=most, logprobs=read_probabilities(call.body))
        gap = GenerationRequest(prompt=prefix + (prompt if isinstance(prompt, str) else ""), suffix=suffix, options=options)
        order = Order(gap, silent=most == 0)
        lease = await call.acquire()
        if read_switch(call.body, "stream"):
            (answer,) = await call.begin(lease, order)
            pieces = _stream(answer)
            nothing = event({"content": "", "stop": False})
            return EventStream(pieces, call.hand_over(), on_error=call.record.fail, keep_alive=lambda: nothing)
        choice = await while_connected(request, openai_chat.collect(call, lease, order))
        told = _show_probabilities(choice.tokens)
        return reply_json({"content": "".join(choice.text), "stop": True, **told, **_ending(choice)})


async def _stream(answer: Begun) -> AsyncIterator[str]:
    choice = Choice()
    async for piece in answer:
        choice.add(piece)
        if isinstance(piece, TextDelta):
            yield event(dump({"content": piece.text, "stop": False, **_show_probabilities(choice.tokens)}))
            choice.tokens.clear()
    yield event(dump({"content": "", "stop": True, **_show_probabilities(choice.tokens), **_ending(choice)}))


def _show_probabilities(tokens: Sequence[TokenChosen]) -> dict[str, Any]:
    """What ``n_probs`` asks for, in llama-server's shape; nothing where nothing was told."""
    if not tokens:
        return {}
    return {
        "completion_probabilities": [
            {
                **_show_token(one.token, one.text, one.logprob),
                "top_logprobs": [_show_token(token, text, logprob) for token, text, logprob in one.alternatives],
            }
            for one in tokens
        ]
    }


def _show_token(token: int, text: bytes, logprob: float) -> dict[str, Any]:
    return {"id": token, "token": text.decode("utf-8", "replace"), "bytes": list(text), "logprob": max(logprob, -9999.0)}


def _ending(choice: Choice) -> dict[str, Any]:
    done = choice.done
    kinds = {"length": "limit", "stop": "word" if done.stop_text else "eos"}
    return {
        "stop_type": kinds.get(done.reason, "none"),
        "stopping_word": done.stop_text,
        "tokens_predicted": done.usage.output_tokens,
        "tokens_evaluated": done.usage.prompt_tokens,
        "tokens_cached": done.usage.cached_tokens,
        "timings": timings_of(done.usage),
    }
