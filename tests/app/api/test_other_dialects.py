"""Anthropic's, Ollama's, LM Studio's and llama-server's endpoints, through their own clients where there are any."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import ollama
import pytest

from tests.app.api.conftest import Served

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
SCHEMA = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["days"],
    "additionalProperties": False,
}
TOOL: Any = {"name": "get_weather", "description": "d", "input_schema": SCHEMA}


@pytest.fixture(scope="module")
def claude(served: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=served.address, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def llama(served: Served) -> Iterator[ollama.Client]:
    client = ollama.Client(host=served.address)
    yield client
    client.close()


def test_anthropics_client_gets_an_answer_whole_and_streamed(claude: anthropic.Anthropic, served: Served) -> None:
    system: Any = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=abc;"},
        {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
    ]
    asked: Any = {
        "model": served.starter,
        "max_tokens": 100,
        "messages": HELLO,
        "system": system,
        "extra_body": {"temperature": 0},
    }
    whole = claude.messages.create(**asked)
    assert whole.id.startswith("msg_")
    assert (whole.type, whole.role, whole.stop_reason) == ("message", "assistant", "end_turn")
    assert whole.content[0].type == "text"
    assert whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0) > 0
    with claude.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
        assert stream.get_final_message().usage.output_tokens == whole.usage.output_tokens
    counted = claude.messages.count_tokens(model=served.starter, messages=HELLO, system=system)
    assert counted.input_tokens == whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)


def test_the_events_of_a_message_come_in_anthropics_order(served: Served) -> None:
    body = {"model": served.starter, "max_tokens": 50, "messages": HELLO, "stream": True}
    lines = served.post("/v1/messages", body).text.split("\n")
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    kinds = [json.loads(line[6:])["type"] for line in lines if line.startswith("data: ")]
    assert names == kinds
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[3:-3]) == {"content_block_delta"}


def test_anthropics_tools_are_called_and_answered(claude: anthropic.Anthropic, served: Served) -> None:
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        made = claude.messages.create(
            model=served.tiny,
            max_tokens=100,
            messages=HELLO,
            tools=[TOOL],
            tool_choice=choice,  # type: ignore[arg-type]
        )
        assert made.stop_reason == "tool_use"
        block = made.content[0]
        assert block.type == "tool_use"
        assert block.input["days"] in range(1, 10)  # type: ignore[index]
    with claude.messages.stream(
        model=served.tiny, max_tokens=100, messages=HELLO, tools=[TOOL], tool_choice={"type": "any"}
    ) as stream:
        streamed = stream.get_final_message().content[0]
    assert streamed.type == "tool_use"
    assert streamed.id.startswith("toolu_")
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, streamed.model_dump()]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": streamed.id, "content": [{"type": "text", "text": "晴"}]},
                {"type": "text", "text": "And?"},
            ],
        },
    ]
    assert claude.messages.create(model=served.tiny, max_tokens=3, messages=messages, tools=[TOOL]).stop_reason


def test_anthropics_stop_sequences_and_limits_are_told(claude: anthropic.Anthropic, served: Served) -> None:
    asked: Any = {"model": served.starter, "max_tokens": 100, "messages": HELLO, "extra_body": {"temperature": 0}}
    text = claude.messages.create(**asked).content[0].text  # type: ignore[union-attr]
    stop = text[len(text) // 2 : len(text) // 2 + 6]
    stopped = claude.messages.create(**asked, stop_sequences=[stop])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", stop)
    assert claude.messages.create(model=served.starter, max_tokens=2, messages=HELLO).stop_reason == "max_tokens"
    assert served.starter in [model.id for model in claude.models.list()]
    for wrong in ({"messages": HELLO}, {"max_tokens": 5, "messages": []}, {"max_tokens": 5, "messages": [{"role": "x"}]}):
        reply = served.post("/v1/messages", {"model": served.tiny, **wrong})
        assert reply.status_code == 400
        assert reply.json()["type"] == "error"
        assert reply.json()["error"]["type"] == "invalid_request_error"
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="claude-none", max_tokens=5, messages=HELLO)


def test_names_that_clients_ask_for_may_stand_for_a_model(claude: anthropic.Anthropic, served: Served) -> None:
    served.workstation.settings.set("server.aliases", {"claude-*": served.starter, "gpt-4o": served.tiny})
    try:
        made = claude.messages.create(model="claude-sonnet-9", max_tokens=5, messages=HELLO)
        assert made.model == "claude-sonnet-9"
        assert "gpt-4o" in [model["id"] for model in served.get("/v1/models").json()["data"]]
    finally:
        served.workstation.settings.set("server.aliases", {})


def test_ollamas_client_works_from_list_to_chat(llama: ollama.Client, served: Served) -> None:
    assert served.get("/").text == "Ollama is running"
    assert served.get("/api/version").json()["version"]
    assert served.starter in [model.model for model in llama.list().models]
    shown = llama.show(served.starter)
    assert shown.capabilities == ["completion", "tools"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 2048
    assert shown.template
    options = {"temperature": 0}
    whole = llama.chat(served.starter, messages=HELLO, options=options)
    streamed = list(llama.chat(served.starter, messages=HELLO, options=options, stream=True))
    assert "".join(part.message.content or "" for part in streamed) == whole.message.content
    assert streamed[-1].done
    assert (streamed[-1].done_reason, whole.done_reason) == ("stop", "stop")
    assert (whole.eval_count or 0) > 0
    assert served.starter in [model.model for model in llama.ps().models]
    with pytest.raises(ollama.ResponseError) as error:
        llama.chat("none", messages=HELLO)
    assert error.value.status_code == 404


def test_ollamas_generate_embed_and_formats(llama: ollama.Client, served: Served) -> None:
    short = llama.generate(served.starter, prompt="Hello!", options={"num_predict": 3, "temperature": 0})
    assert (short.done_reason, short.eval_count) == ("length", 3)
    raw = llama.generate(served.starter, prompt="The ship", raw=True, options={"num_predict": 3})
    assert raw.response
    assert llama.generate(served.starter).done_reason == "load"
    shaped = llama.chat(served.tiny, messages=HELLO, format=SCHEMA, options={"seed": 1})
    assert json.loads(shaped.message.content or "")["days"] in range(1, 10)
    made = llama.embed(served.starter, input=["a", "墨"])
    assert len(made.embeddings) == 2
    assert len(llama.embeddings(served.starter, prompt="a").embedding) == len(made.embeddings[0])
    lines = served.post("/api/generate", {"model": served.tiny, "prompt": "x", "options": {"num_predict": 4}})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert all(json.loads(line)["model"] == served.tiny for line in lines.text.strip().split("\n"))


@pytest.mark.parametrize("streams", [True, False])
def test_ollamas_likelihoods_stand_beside_the_words(llama: ollama.Client, served: Served, streams: bool) -> None:
    asked: dict[str, Any] = {"model": served.starter, "options": {"num_predict": 8}, "logprobs": True, "top_logprobs": 3}
    chat = llama.chat(messages=[{"role": "user", "content": "你好"}], stream=streams, **asked)
    text = llama.generate(prompt="Hello", stream=streams, **asked)
    for replies, read in ((chat, lambda one: one.message.content), (text, lambda one: one.response)):
        pieces = list(replies) if streams else [replies]
        tokens = [token for one in pieces for token in one.logprobs or ()]
        assert len(tokens) == 8
        assert "".join(token.token for token in tokens) == "".join(read(one) or "" for one in pieces)
        assert all(token.logprob <= 0 and len(token.top_logprobs or ()) == 3 for token in tokens)
    assert served.post("/api/chat", {**asked, "messages": HELLO, "top_logprobs": [1]}).status_code == 400
    assert llama.chat(model=served.starter, messages=HELLO, options={"num_predict": 2}).logprobs is None


def test_ollamas_keep_alive_unloads_and_copies_are_names(llama: ollama.Client, served: Served) -> None:
    llama.chat(served.tiny, messages=HELLO, options={"num_predict": 1}, keep_alive="5m")
    assert served.tiny in [model.model for model in llama.ps().models]
    assert llama.generate(served.tiny, keep_alive=0).done_reason == "unload"
    assert served.tiny not in [model.model for model in llama.ps().models]
    llama.copy(served.tiny, "my-name")
    try:
        assert llama.chat("my-name:latest", messages=HELLO, options={"num_predict": 1}).done
    finally:
        served.workstation.settings.set("server.aliases", {})
    for wrong in ("soon", [1]):
        assert served.post("/api/chat", {"model": served.tiny, "messages": HELLO, "keep_alive": wrong}).status_code == 400


def test_ollamas_asynchronous_client_works(served: Served) -> None:
    async def ask() -> str:
        client = ollama.AsyncClient(host=served.address)
        parts = [part async for part in await client.chat(served.starter, messages=HELLO, stream=True)]
        await client.close()
        return "".join(part.message.content or "" for part in parts)

    assert asyncio.run(ask())


def test_lm_studios_fields_are_exact(served: Served) -> None:
    listed = served.get("/api/v0/models").json()["data"]
    starter = next(model for model in listed if model["id"] == served.starter)
    assert starter["type"] == "llm"
    assert starter["compatibility_type"] == "gguf"
    assert starter["state"] == "loaded"
    assert starter["max_context_length"] == starter["loaded_context_length"] == 2048
    assert {"object", "publisher", "arch", "quantization", "capabilities"} <= set(starter)
    assert served.get(f"/api/v0/models/{served.starter}").json() == starter
    reply = served.post("/api/v0/chat/completions", {"model": served.starter, "messages": HELLO}).json()
    assert reply["stats"]["tokens_per_second"] > 0
    assert reply["stats"]["stop_reason"] == "eosFound"
    assert reply["model_info"]["format"] == "gguf"
    stream = served.post("/api/v0/chat/completions", {"model": served.starter, "messages": HELLO, "stream": True}).text
    assert all(line.startswith("data: ") for line in stream.split("\n") if line)
    newer = served.get("/api/v1/models").json()["models"]
    assert next(model for model in newer if model["key"] == served.starter)["loaded_instances"]
    assert served.post("/api/v1/models/load", {"model": served.tiny}).json()["status"] == "loaded"
    assert served.post("/api/v1/models/unload", {"instance_id": served.tiny}).json()["instance_id"] == served.tiny
    assert served.post("/api/v1/models/unload", {"instance_id": served.tiny}).status_code == 404


def test_lm_studios_load_never_passes_over_a_length_of_the_context(served: Served) -> None:
    body = {"model": served.tiny, "echo_load_config": True}
    same = served.post("/api/v1/models/load", {**body, "context_length": 2048})
    assert same.json()["load_config"] == {"context_length": 2048}
    other = served.post("/api/v1/models/load", {**body, "context_length": 1024})
    assert (other.status_code, other.json()["error"]["param"]) == (400, "context_length")
    assert "2048" in other.json()["error"]["message"]
    for wrong in ("many", 0, -1, 1.5, True, [], 10**12):
        refused = served.post("/api/v1/models/load", {**body, "context_length": wrong})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "context_length"), wrong


def test_tokens_and_text_are_each_others_inverse(served: Served) -> None:
    for text in ("", "hello  world\n", "研墨 🖋️ 👨‍👩‍👧", "<|im_start|>", "a\u0000b", "   "):
        for model in (served.starter, served.tiny):
            tokens = served.post("/tokenize", {"model": model, "content": text}).json()["tokens"]
            assert served.post("/detokenize", {"model": model, "tokens": tokens}).json()["content"] == text
    pieces = served.post("/tokenize", {"model": served.tiny, "content": "é", "with_pieces": True}).json()["tokens"]
    assert [piece["piece"] for piece in pieces] == [[0xC3], [0xA9]]
    assert served.post("/detokenize", {"model": served.tiny, "tokens": [10**9]}).status_code == 400


def test_requests_without_a_name_go_to_the_model_that_the_server_was_started_with(served: Served) -> None:
    switch = served.workstation.server
    switch.main_model, switch.is_loading = served.tiny, True
    try:
        assert served.get("/health").status_code == 503
        assert served.post("/v1/completions", {"prompt": "x", "max_tokens": 1}).json()["model"] == served.tiny
        switch.is_loading = False
        assert served.get("/health").status_code == 200
        assert served.post("/v1/completions", {"prompt": "x", "max_tokens": 1}).json()["model"] == served.tiny
    finally:
        switch.main_model, switch.is_loading = "", False


def test_health_metrics_slots_and_documentation_answer(served: Served) -> None:
    assert served.get("/health").json() == {"status": "ok"}
    assert served.get("/v1/health").status_code == 200
    assert "im_start" in served.get("/props").json()["chat_template"]
    assert all(not slot["is_processing"] for slot in served.get("/slots").json())
    served.post("/v1/completions", {"model": served.tiny, "prompt": "x", "max_tokens": 1})
    text = served.get("/metrics").text
    assert "# TYPE yanmo:requests_total counter" in text
    assert float(text.split("\nyanmo:requests_total ")[1].split("\n")[0]) > 0
    assert served.get("/openapi.json").json()["openapi"].startswith("3.")
    page = served.get("/docs")
    assert "/v1/chat/completions" in page.text
    assert "http" not in page.text.split("<style>")[0]
    assert httpx.head(f"{served.address}/v1/models").status_code == 200


def test_every_call_is_in_the_log_with_what_it_cost(served: Served) -> None:
    served.post("/v1/chat/completions", {"model": served.starter, "messages": HELLO}, headers={"user-agent": "Zed/1"})
    record = served.workstation.server.log.list()[-1]
    deadline = time.monotonic() + 5
    while not record.ended_at and time.monotonic() < deadline:  # the record is closed after the answer has gone
        time.sleep(0.01)
    assert (record.path, record.client, record.state) == ("/v1/chat/completions", "Zed/1", "done")
    assert record.usage.output_tokens > 0
    assert record.text
    served.post("/v1/chat/completions", {"model": "none", "messages": HELLO})
    failed = served.workstation.server.log.list()[-1]
    assert (failed.state, failed.status) == ("failed", 404)
