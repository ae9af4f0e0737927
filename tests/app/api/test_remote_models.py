"""A server whose models lie on another one, which is a real one: everything that a client asks for goes through both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest

from app.services.server import ServerOptions
from tests.app.api.conftest import Served, open_server

TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"deep": {"type": "boolean"}}, "required": ["deep"]},
    },
}


@pytest.fixture(scope="module")
def near(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server that clients speak to; its connection “far” leads to the other one."""
    near = open_server(tmp_path_factory.mktemp("near"), ServerOptions(port=0))
    near.workstation.remotes.add("far", served.address)
    near.workstation.server.pool.acquire(f"far/{served.tiny}").give_back()
    yield near
    near.workstation.close()


@pytest.fixture
def client(near: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{near.address}/v1", api_key="none") as client:
        yield client


@pytest.fixture
def llama(near: Served) -> Iterator[ollama.Client]:
    client = ollama.Client(host=near.address)
    yield client
    client._client.close()


def question(text: str = "Hello!") -> list[Any]:
    return [{"role": "user", "content": text}]


def test_the_models_of_the_other_server_stand_beside_those_that_are_here(
    client: openai.OpenAI, llama: ollama.Client, near: Served, served: Served
) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {f"far/{served.starter}", near.starter} <= set(listed)
    shown = client.models.retrieve(f"far/{served.tiny}").model_dump()
    assert shown["context_length"] == 2048 and shown["status"]["value"] == "loaded"
    assert {card.id for card in near.workstation.library.list_models() if card.format == "remote"} >= {f"far/{served.tiny}"}
    assert f"far/{served.tiny}" in {model.model for model in llama.list().models}


def test_a_reply_is_the_one_that_the_other_server_gives_word_for_word(
    client: openai.OpenAI, near: Served, served: Served
) -> None:
    asked: dict[str, Any] = {"messages": question(), "max_tokens": 30, "temperature": 0, "seed": 1}
    there = served.post("/v1/chat/completions", {"model": served.starter, **asked}).json()
    here = client.chat.completions.create(model=f"far/{served.starter}", **asked)
    assert here.choices[0].message.content == there["choices"][0]["message"]["content"]
    assert here.usage is not None and here.usage.prompt_tokens == there["usage"]["prompt_tokens"]
    stream = client.chat.completions.create(model=f"far/{served.starter}", stream=True, **asked)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == here.choices[0].message.content


def test_a_forced_call_and_a_strict_form_come_from_a_model_of_random_weights(client: openai.OpenAI, served: Served) -> None:
    model = f"far/{served.tiny}"
    reply = client.chat.completions.create(
        model=model,
        messages=question(),
        tools=[TOOL],
        tool_choice="required",
        max_tokens=80,  # type: ignore[list-item]
    )
    calls = reply.choices[0].message.tool_calls
    assert calls and reply.choices[0].finish_reason == "tool_calls"
    assert isinstance(json.loads(calls[0].function.arguments)["deep"], bool)  # type: ignore[union-attr]
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    form: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}
    shaped = client.chat.completions.create(model=model, messages=question(), response_format=form, max_tokens=60)
    assert json.loads(shaped.choices[0].message.content or "")["a"] in (1, 2)


def test_the_other_dialects_reach_it_too(llama: ollama.Client, near: Served, served: Served) -> None:
    model = f"far/{served.tiny}"
    with anthropic.Anthropic(base_url=near.address, api_key="none") as client:
        tool: Any = {"name": "look", "input_schema": TOOL["function"]["parameters"]}  # type: ignore[index]
        choice: Any = {"type": "any"}
        with client.messages.stream(model=model, max_tokens=80, messages=question(), tools=[tool], tool_choice=choice) as stream:
            message = stream.get_final_message()
        assert message.stop_reason == "tool_use" and message.content[-1].type == "tool_use"
        counted = client.messages.count_tokens(model=model, messages=question())
    there = served.post("/v1/messages/count_tokens", {"model": served.tiny, "messages": question()}).json()
    assert counted.input_tokens == there["input_tokens"]
    assert llama.generate(model, "ink", options={"num_predict": 5}).done
    assert llama.show(model).capabilities == ["completion", "tools"]


def test_probabilities_and_vectors_are_those_of_the_other_server(client: openai.OpenAI, near: Served, served: Served) -> None:
    asked: dict[str, Any] = {"prompt": "ink", "max_tokens": 4, "temperature": 0, "logprobs": 2}
    here = client.completions.create(model=f"far/{served.tiny}", **asked).choices[0].logprobs
    there = served.post("/v1/completions", {"model": served.tiny, **asked}).json()["choices"][0]["logprobs"]
    assert here is not None and here.token_logprobs == pytest.approx(there["token_logprobs"], abs=1e-3)
    vector = client.embeddings.create(model=f"far/{served.tiny}", input="ink").data[0].embedding
    other = served.post("/v1/embeddings", {"model": served.tiny, "input": "ink"}).json()["data"][0]["embedding"]
    assert vector == pytest.approx(other, abs=1e-3)
    text = "墨 ink 🖋"
    ids = near.post("/tokenize", {"model": f"far/{served.tiny}", "content": text}).json()["tokens"]
    assert near.post("/detokenize", {"model": f"far/{served.tiny}", "tokens": ids}).json()["content"] == text


def test_a_client_that_goes_away_frees_the_place_on_the_other_server(near: Served, served: Served) -> None:
    body = {"model": f"far/{served.slow}", "messages": question("tell me everything"), "max_tokens": 1800, "stream": True}
    with httpx.stream("POST", f"{near.address}/v1/chat/completions", json=body, timeout=60) as reply:
        next(reply.iter_raw())
    deadline = time.monotonic() + 2
    while [slot for slot in served.get("/slots").json() if slot["is_processing"]]:
        assert time.monotonic() < deadline, "the other server goes on writing"
        time.sleep(0.02)


def test_what_the_other_server_refuses_is_refused_here_with_its_reason(near: Served, served: Served) -> None:
    model = f"far/{served.tiny}"
    long = near.post("/v1/chat/completions", {"model": model, "messages": question("ink " * 3000)})
    assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")
    gone = near.post("/v1/chat/completions", {"model": "far/nothing", "messages": question()})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "model_not_found")


def test_models_of_other_servers_push_nothing_out_of_the_memory_here(near: Served, served: Served) -> None:
    pool = near.workstation.server.pool
    pool.options = type(pool.options)(most=1, parallel=2)
    pool.acquire(near.tiny).give_back()
    pool.acquire(f"far/{served.starter}").give_back()
    loaded = {model.reference for model in pool.list_loaded()}
    assert {near.tiny, f"far/{served.starter}", f"far/{served.tiny}"} <= loaded
