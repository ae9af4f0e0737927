"""Clients give a connection up on which nothing comes: while a model reads a long prompt, something does, in every dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from app.api import streams
from tests.app.api.conftest import Served

MODEL = "echo:?context=4096"
SLOW = "echo:?prompt=1.0&text=Done"
HELLO = [{"role": "user", "content": SLOW}]


@pytest.fixture(scope="module")
def slow_reader(served: Served) -> Iterator[Served]:
    """A model that takes a second to read what it is asked."""
    served.workstation.server.pool.acquire(MODEL).give_back()
    yield served
    served.workstation.server.pool.unload(MODEL)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.2)


def events_of(served: Served, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    text = served.post(path, {"model": MODEL, "stream": True, **body}).text
    assert all(
        line.startswith(("data: ", "event: ", "{")) for line in text.splitlines() if line
    )  # no comments: Zed fails at them
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith(("data: ", "{"))]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_chat_says_its_role_and_then_nothing_new(slow_reader: Served) -> None:
    events = events_of(slow_reader, "/v1/chat/completions", {"messages": HELLO})
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas.count({}) >= 3
    assert sum("role" in delta for delta in deltas) == 1
    assert "".join(delta.get("content") or "" for delta in deltas) == "Done"


def test_every_choice_has_one_role(slow_reader: Served) -> None:
    events = events_of(slow_reader, "/v1/chat/completions", {"messages": HELLO, "n": 2})
    roles = [event["choices"][0]["index"] for event in events if "role" in event["choices"][0]["delta"]]
    assert sorted(roles) == [0, 1]


def test_a_completion_says_empty_texts(slow_reader: Served) -> None:
    events = events_of(slow_reader, "/v1/completions", {"prompt": SLOW, "max_tokens": 20})
    texts = [event["choices"][0]["text"] for event in events]
    assert texts.count("") >= 3
    assert "".join(texts) == "Done"


def test_a_message_is_pinged(slow_reader: Served) -> None:
    events = events_of(slow_reader, "/v1/messages", {"messages": HELLO, "max_tokens": 20})
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert kinds.count("ping") >= 4


def test_a_response_is_still_in_progress_and_numbers_go_on(slow_reader: Served) -> None:
    events = events_of(slow_reader, "/v1/responses", {"input": SLOW})
    kinds = [event["type"] for event in events]
    assert kinds.count("response.in_progress") >= 4
    assert kinds[-1] == "response.completed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_ollama_s_lines_are_empty_and_not_done(slow_reader: Served) -> None:
    chat = events_of(slow_reader, "/api/chat", {"messages": HELLO})
    assert sum(not line["message"]["content"] and not line["done"] for line in chat) >= 3
    assert "".join(line["message"]["content"] for line in chat) == "Done"
    text = events_of(slow_reader, "/api/generate", {"prompt": SLOW})
    assert sum(not line["response"] and not line["done"] for line in text) >= 3
    assert text[-1]["done"]


def test_lm_studio_s_chat_tells_how_far_it_is(slow_reader: Served) -> None:
    events = events_of(slow_reader, "/api/v1/chat", {"input": SLOW})
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["chat.start", "prompt_processing.start"]
    assert kinds[-1] == "chat.end"
    assert "prompt_processing.progress" not in kinds[kinds.index("prompt_processing.end") :]


def test_the_clients_of_the_dialects_read_over_it(slow_reader: Served) -> None:
    with openai.OpenAI(base_url=f"{slow_reader.address}/v1", api_key="any", max_retries=0) as client:
        with client.chat.completions.stream(model=MODEL, messages=HELLO) as stream:  # type: ignore[arg-type]
            message = stream.get_final_completion().choices[0].message
        assert (message.role, message.content) == ("assistant", "Done")
        with client.responses.stream(model=MODEL, input=SLOW) as events:
            assert events.get_final_response().output_text == "Done"
    with (
        anthropic.Anthropic(base_url=slow_reader.address, api_key="any", max_retries=0) as claude,
        claude.messages.stream(model=MODEL, messages=HELLO, max_tokens=20) as told,  # type: ignore[arg-type]
    ):
        assert told.get_final_text() == "Done"


def test_nothing_is_said_after_the_end(slow_reader: Served) -> None:
    with httpx.Client(base_url=slow_reader.address, timeout=60) as client:  # one connection, whose next answer must be its own
        for _ in range(2):
            body = {"model": MODEL, "messages": HELLO, "stream": True}
            text = client.post("/v1/chat/completions", json=body).text
            assert text.endswith("data: [DONE]\n\n")
        assert client.get("/health").json() == {"status": "ok"}
