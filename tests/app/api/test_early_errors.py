"""What cannot be answered has a status of its own, also where a stream was asked for: a stream begins when the engine has taken it."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import openai
import pytest

from tests.app.api.conftest import Served, crowd

LONG = "word " * 3000
MESSAGES = [{"role": "user", "content": LONG}]
HELLO = [{"role": "user", "content": "Hello"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": LONG},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 5},
    "/api/chat": {"messages": MESSAGES},
    "/api/generate": {"prompt": LONG},
    "/api/v0/chat/completions": {"messages": MESSAGES},
    "/api/v0/completions": {"prompt": LONG},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("streams", [True, False])
def test_a_prompt_that_is_too_long_is_a_bad_request(served: Served, path: str, streams: bool) -> None:
    reply = served.post(path, {"model": served.tiny, "stream": streams, **BODIES[path]})
    assert reply.status_code == 400
    assert reply.headers["content-type"] == "application/json"
    error = reply.json()["error"]
    if path in ("/api/chat", "/api/generate"):
        assert "exceeds the context length" in error
    elif path == "/v1/messages":
        assert error["type"] == "invalid_request_error"
        assert error["message"].startswith("prompt is too long: 15")  # what Claude Code looks for, to shorten the conversation
        assert " tokens > 2048 maximum" in error["message"]
    else:
        assert error["code"] == "context_length_exceeded"
        assert "This model's maximum context length is 2048 tokens" in error["message"]  # and what LiteLLM and others look for


def test_several_choices_are_refused_as_one(served: Served) -> None:
    reply = served.post("/v1/chat/completions", {"model": served.tiny, "messages": MESSAGES, "stream": True, "n": 3})
    assert reply.status_code == 400
    assert served.get("/slots").json()[0]["is_processing"] is False


def test_a_response_that_is_too_long_fails_as_openais_do(served: Served) -> None:
    body = {"model": served.tiny, "input": LONG}
    assert served.post("/v1/responses", body).status_code == 400
    reply = served.post("/v1/responses", {**body, "stream": True})
    assert reply.status_code == 200
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events] == ["response.created", "response.in_progress", "response.failed"]
    assert events[-1]["response"]["error"]["code"] == "context_length_exceeded"  # Codex shortens the conversation then


def test_other_reasons_keep_their_status_in_a_stream(served: Served) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    sees = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": picture}}]}]
    broken = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    for more in (
        {"messages": sees},
        {"messages": HELLO, "response_format": broken},
        {"messages": HELLO, "grammar": "root ::= ("},
    ):
        reply = served.post("/v1/chat/completions", {"model": served.tiny, "stream": True, **more})
        assert reply.status_code == 400, reply.text


def test_a_full_queue_is_told_by_status_also_to_who_wants_a_stream(served: Served) -> None:
    body = {"model": served.slow, "messages": HELLO, "max_tokens": 200, "logit_bias": {"2": -100}, "stream": True}
    statuses = crowd(served, "/v1/chat/completions", body, 8)
    assert {status for status, _ in statuses} == {200, 503}
    assert all(again == "1" for status, again in statuses if status == 503)


def test_who_leaves_before_the_stream_has_begun_holds_nothing(served: Served) -> None:
    served.workstation.server.pool.acquire("echo:?context=4096").give_back()
    body = {"model": "echo:?context=4096", "messages": [{"role": "user", "content": "echo:?load=1&prompt=30"}], "stream": True}
    for path, more in (("/v1/chat/completions", {}), ("/v1/messages", {"max_tokens": 5}), ("/api/chat", {})):
        with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=0.3) as client:
            client.post(served.address + path, json={**body, **more})
        deadline = time.monotonic() + 2.0
        while any(slot["is_processing"] for slot in served.get("/slots").json()):
            assert time.monotonic() < deadline, path
            time.sleep(0.02)
    served.workstation.server.pool.unload("echo:?context=4096")


def test_the_client_raises_it_before_the_first_chunk(served: Served) -> None:
    with (
        openai.OpenAI(base_url=f"{served.address}/v1", api_key="any", max_retries=0) as client,
        pytest.raises(openai.BadRequestError) as error,
    ):
        client.chat.completions.create(model=served.tiny, messages=MESSAGES, stream=True)  # type: ignore[arg-type]
    assert error.value.code == "context_length_exceeded"
