"""LM Studio's own chat: kept by the server, and told in events from the loading of the model to the last word."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx

from tests.app.api.conftest import Served

FIELDS = {"input_tokens", "total_output_tokens", "reasoning_output_tokens", "tokens_per_second", "time_to_first_token_seconds"}


def events(text: str) -> list[dict[str, Any]]:
    """Every event of a stream; its name is its type."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        found.append(value)
    return found


def kinds(found: list[dict[str, Any]]) -> list[str]:
    """Types in order, neighbours of one type as one."""
    return [value["type"] for index, value in enumerate(found) if not index or found[index - 1]["type"] != value["type"]]


def test_a_chat_goes_on_where_it_ended(served: Served) -> None:
    first = served.post("/api/v1/chat", {"model": served.starter, "input": "Hello!", "temperature": 0}).json()
    assert first["model_instance_id"] == served.starter
    assert first["output"][0]["type"] == "message"
    assert first["output"][0]["content"]
    assert set(first["stats"]) - {"model_load_time_seconds"} == FIELDS  # another test may have unloaded it
    assert first["response_id"].startswith("resp_")
    body = {"model": served.starter, "input": "What did I say?", "temperature": 0, "previous_response_id": first["response_id"]}
    second = served.post("/api/v1/chat", body).json()
    assert second["stats"]["input_tokens"] > first["stats"]["input_tokens"] + first["stats"]["total_output_tokens"]
    items = served.get(f"/v1/responses/{second['response_id']}").json()  # the other dialect knows it too
    assert items["output"][0]["content"][0]["text"] == second["output"][0]["content"]


def test_the_system_prompt_stays_and_can_be_replaced(served: Served) -> None:
    ask = {"model": served.tiny, "input": "hi", "max_output_tokens": 3, "system_prompt": "Be brief."}
    first = served.post("/api/v1/chat", ask).json()
    plain = served.post("/api/v1/chat", {**ask, "system_prompt": None}).json()
    assert first["stats"]["input_tokens"] > plain["stats"]["input_tokens"]
    more = {"model": served.tiny, "input": "and?", "max_output_tokens": 3, "previous_response_id": first["response_id"]}
    kept = served.post("/api/v1/chat", more).json()
    replaced = served.post("/api/v1/chat", {**more, "system_prompt": "Be brief. Be kind. Be quick."}).json()
    assert replaced["stats"]["input_tokens"] > kept["stats"]["input_tokens"] > first["stats"]["input_tokens"]


def test_what_is_not_stored_cannot_be_continued(served: Served) -> None:
    said = served.post("/api/v1/chat", {"model": served.tiny, "input": "hi", "max_output_tokens": 2, "store": False}).json()
    assert "response_id" not in said
    lost = served.post("/api/v1/chat", {"model": served.tiny, "input": "hi", "previous_response_id": "resp_none"})
    assert (lost.status_code, lost.json()["error"]["param"]) == (404, "previous_response_id")


def test_a_stream_tells_of_loading_reading_and_writing_in_order(served: Served) -> None:
    served.post("/api/v1/models/unload", {"instance_id": served.slow})
    body = {"model": served.slow, "input": "word " * 60, "max_output_tokens": 5, "stream": True}
    found = events(served.post("/api/v1/chat", body).text)
    assert kinds(found) == [
        "chat.start",
        "model_load.start",
        "model_load.progress",
        "model_load.end",
        "prompt_processing.start",
        "prompt_processing.progress",
        "prompt_processing.end",
        "message.start",
        "message.delta",
        "message.end",
        "chat.end",
    ]
    progress = [value["progress"] for value in found if value["type"] == "model_load.progress"]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    result = found[-1]["result"]
    assert result["output"] == [
        {"type": "message", "content": "".join(value["content"] for value in found if value["type"] == "message.delta")}
    ]
    assert result["stats"]["model_load_time_seconds"] > 0
    again = events(served.post("/api/v1/chat", body).text)
    assert not any(value["type"].startswith("model_load") for value in again)
    assert "model_load_time_seconds" not in again[-1]["result"]["stats"]


def test_a_client_that_leaves_while_the_model_is_loaded_holds_nothing(served: Served) -> None:
    served.post("/api/v1/models/unload", {"instance_id": served.slow})
    with httpx.stream(
        "POST", served.address + "/api/v1/chat", json={"model": served.slow, "input": "hi", "stream": True}
    ) as reply:
        next(reply.iter_lines())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        loaded = {model.reference: model for model in served.workstation.server.pool.list_loaded()}
        if served.slow in loaded and loaded[served.slow].state == "ready" and not loaded[served.slow].answers:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the model is held by nobody")
    assert served.post("/api/v1/models/unload", {"instance_id": served.slow}).status_code == 200
    served.workstation.server.pool.acquire(served.slow).give_back()  # as the other tests found it
    assert threading.active_count() < 200


def test_an_error_on_the_way_is_an_event_and_the_end_still_comes(served: Served) -> None:
    found = events(served.post("/api/v1/chat", {"model": served.tiny, "input": "long " * 3000, "stream": True}).text)
    assert kinds(found)[-2:] == ["error", "chat.end"]
    assert found[-2]["error"]["type"] == "invalid_request"
    assert found[-2]["error"]["code"] == "context_length_exceeded"
    assert found[-1]["result"]["output"] == []


def test_what_cannot_be_done_is_said_in_its_own_shape(served: Served) -> None:
    cases: list[tuple[dict[str, Any], int, str, str | None]] = [
        ({"input": "x"}, 400, "invalid_request", "model"),
        ({"model": "none", "input": "x"}, 404, "model_not_found", None),
        ({"model": served.tiny}, 400, "invalid_request", "input"),
        ({"model": served.tiny, "input": [{"type": "sound"}]}, 400, "invalid_request", "input"),
        (
            {"model": served.tiny, "input": [{"type": "message", "content": "x"}], "reasoning": "deep"},
            400,
            "invalid_request",
            "reasoning",
        ),
        ({"model": served.tiny, "input": "x", "integrations": ["mcp/x"]}, 400, "not_implemented", "integrations"),
        ({"model": served.tiny, "input": "x", "top_k": "many"}, 400, "invalid_request", "top_k"),
    ]
    for body, status, kind, param in cases:
        reply = served.post("/api/v1/chat", body)
        error = reply.json()["error"]
        assert (reply.status_code, error["type"], error.get("param")) == (status, kind, param), body
        assert error["message"]


def test_thoughts_are_told_apart(served: Served) -> None:
    body = {"model": served.tiny, "input": [{"type": "message", "content": "Hi"}], "grammar": 'root ::= "<think>abc</think>de"'}
    whole = served.post("/api/v1/chat", body).json()
    assert whole["output"] == [{"type": "reasoning", "content": "abc"}, {"type": "message", "content": "de"}]
    assert 0 < whole["stats"]["reasoning_output_tokens"] < whole["stats"]["total_output_tokens"]
    found = events(served.post("/api/v1/chat", {**body, "stream": True, "reasoning": "on"}).text)
    told = [kind for kind in kinds(found) if kind.startswith(("reasoning", "message"))]
    assert told == ["reasoning.start", "reasoning.delta", "reasoning.end", "message.start", "message.delta", "message.end"]
    assert found[-1]["result"]["output"] == whole["output"]
