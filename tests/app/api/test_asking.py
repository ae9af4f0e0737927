"""When the engine is asked for a streamed answer, and what becomes of an answer that nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.api.running import Begun, Order, Reply, answer, ask_now, prepare
from app.services.engine_pool import Lease
from app.services.request_log import RequestLog
from backends.backend import GenerationRequest
from backends.events import Finished, TextDelta, Usage
from backends.messages import ImagePart, Message, make_text_message
from backends.options import GenerationOptions, SamplingOptions
from tests.app.api.conftest import Served

LONG = GenerationRequest(
    prompt_tokens=tuple(3 + place % 200 for place in range(1500)), options=GenerationOptions(SamplingOptions(), 400)
)
SHORT = replace(LONG, prompt_tokens=LONG.prompt_tokens[:4])


@pytest.fixture
def lease(served: Served) -> Iterator[Lease]:
    lease = served.workstation.server.pool.acquire(served.slow)
    yield lease
    lease.give_back()


def ask(lease: Lease, request: GenerationRequest) -> tuple[Order, Reply]:
    order = prepare(lease, Order(request))
    reply = ask_now(lease, order)
    assert reply is not None
    return order, reply


async def end_of(reply: Reply) -> Finished:
    while True:
        for event in await reply.next_events():
            if isinstance(event, Finished):
                return event


def test_an_answer_that_nobody_began_to_read_is_cancelled(lease: Lease) -> None:
    async def ask_and_leave() -> Finished:
        order, reply = ask(lease, LONG)
        await Begun(answer(lease, order, reply=reply), reply).aclose()
        return await asyncio.wait_for(end_of(reply), 20)

    end = asyncio.run(ask_and_leave())
    assert end.reason == "cancelled"
    assert end.usage.output_tokens == 0


def test_an_answer_that_is_left_is_cancelled_and_the_record_has_what_was_told(lease: Lease) -> None:
    record = RequestLog().start("/v1/completions", "", "", {})

    async def read_a_word() -> tuple[str, Finished]:
        order, reply = ask(lease, SHORT)
        source = answer(lease, order, record, reply=reply)
        async for piece in source:
            if text := getattr(piece, "text", ""):
                break
        await source.aclose()
        return text, await asyncio.wait_for(end_of(reply), 20)

    text, end = asyncio.run(read_a_word())
    assert end.reason == "cancelled"
    assert (record.state, record.text) == ("cancelled", text)


def test_a_call_that_is_over_stays_so_and_counts_once_whatever_is_noted_late() -> None:
    log = RequestLog()
    record = log.start("/v1/completions", "", "", {})
    record.note_cancelled()
    for late in (TextDelta("late"), Finished("stop", Usage(output_tokens=3)), Finished("cancelled", Usage())):
        record.note(late)
    record.fail("late")
    assert (record.state, log.totals.requests, log.totals.cancelled, log.totals.failed) == ("cancelled", 1, 1, 0)


def test_a_client_that_is_gone_before_the_word_it_was_told_is_noted_is_counted_once(lease: Lease) -> None:
    log = RequestLog()
    record = log.start("/v1/completions", "", "", {})

    async def leave() -> None:
        order, reply = ask(lease, SHORT)
        source = answer(lease, order, record, reply=reply)
        while not isinstance(await anext(source), TextDelta):
            pass
        record.note_cancelled()
        await source.aclose()
        await asyncio.wait_for(end_of(reply), 20)

    asyncio.run(leave())
    assert (record.state, log.totals.requests, log.totals.cancelled) == ("cancelled", 1, 1)


@pytest.mark.parametrize(
    "request_",
    [
        GenerationRequest(
            messages=(make_text_message("user", "Hello"),), options=GenerationOptions(SamplingOptions(), context_policy="drop")
        ),
        GenerationRequest(messages=(Message("user", (ImagePart("/a/picture.png", "image/png", "picture.png"),)),)),
    ],
    ids=["turns to be counted", "a picture to be looked at"],
)
def test_the_engine_is_asked_later_where_something_must_be_waited_for(lease: Lease, request_: GenerationRequest) -> None:
    assert ask_now(lease, Order(request_)) is None
