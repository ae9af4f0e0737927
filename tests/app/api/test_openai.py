"""OpenAI's endpoints through OpenAI's own client, against the real engine."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import httpx
import openai
import pytest

from tests.app.api.conftest import Served

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
STRICT = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 9}, "unit": {"enum": ["C", "华氏"]}},
    "required": ["days", "unit"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": STRICT}},
    {"type": "function", "function": {"name": "no_arguments"}},
]


@pytest.fixture(scope="module")
def client(served: Served) -> Any:
    with openai.OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_models_are_listed_with_their_context_length(client: openai.OpenAI, served: Served) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert served.starter in listed
    one = client.models.retrieve(served.tiny)
    assert one.object == "model"
    assert one.context_length == 2048  # type: ignore[attr-defined]
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("no-such-model")
    assert error.value.code == "model_not_found"


def test_an_answer_has_the_shape_of_openais(client: openai.OpenAI, served: Served) -> None:
    reply = client.chat.completions.create(model=served.starter, messages=HELLO, temperature=0)
    assert reply.id.startswith("chatcmpl-")
    assert isinstance(reply.created, int)
    assert (reply.object, reply.choices[0].finish_reason, reply.choices[0].message.role) == (
        "chat.completion",
        "stop",
        "assistant",
    )
    assert reply.choices[0].message.content
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_a_stream_says_the_same_with_role_first_and_usage_last(client: openai.OpenAI, served: Served) -> None:
    whole = client.chat.completions.create(model=served.starter, messages=HELLO, temperature=0)
    stream = client.chat.completions.create(
        model=served.starter, messages=HELLO, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert not chunks[0].choices[0].delta.content
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert not chunks[-1].choices
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens  # type: ignore[union-attr]
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_lines_of_a_stream_are_strict_and_end_with_done(served: Served) -> None:
    body = {"model": served.starter, "messages": HELLO, "stream": True}
    lines = served.post("/v1/chat/completions", body).text.split("\n")
    assert all(line == "" or line.startswith("data: ") for line in lines)
    assert [line for line in lines if line][-1] == "data: [DONE]"
    assert not any("usage" in json.loads(line[6:]) for line in lines if line.startswith("data: {"))


def test_several_choices_differ_whole_and_streamed(client: openai.OpenAI, served: Served) -> None:
    asked: Any = {"model": served.tiny, "messages": HELLO, "n": 3, "seed": 5, "max_tokens": 12, "temperature": 1.0}
    reply = client.chat.completions.create(**asked)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) == 3
    streamed = {0: "", 1: "", 2: ""}
    for chunk in client.chat.completions.create(**asked, stream=True):
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert len(set(streamed.values())) == 3


def test_a_seed_repeats_an_answer(client: openai.OpenAI, served: Served) -> None:
    def ask(seed: int) -> str | None:
        reply = client.chat.completions.create(model=served.tiny, messages=HELLO, seed=seed, max_tokens=12, temperature=1.0)
        return reply.choices[0].message.content

    assert ask(5) == ask(5) != ask(6)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("which", ["starter", "tiny"])
def test_a_call_that_is_required_comes_even_from_random_weights(
    client: openai.OpenAI, served: Served, choice: Any, which: str
) -> None:
    model = getattr(served, which)
    for seed in range(3):
        reply = client.chat.completions.create(
            model=model, messages=HELLO, tools=TOOLS[:1], tool_choice=choice, temperature=1.0, seed=seed, max_tokens=200
        )
        made = reply.choices[0]
        assert made.finish_reason == "tool_calls"
        assert made.message.content is None
        assert made.message.tool_calls
        call = made.message.tool_calls[0]
        assert call.type == "function"
        assert call.function.name == "get_weather"
        arguments = json.loads(call.function.arguments)
        assert 1 <= arguments["days"] <= 9
        assert arguments["unit"] in ("C", "华氏")
        assert set(arguments) == {"days", "unit"}


def test_a_required_call_streams_its_arguments(client: openai.OpenAI, served: Served) -> None:
    stream = client.chat.completions.create(
        model=served.tiny, messages=HELLO, tools=TOOLS, tool_choice="required", stream=True, seed=1, max_tokens=200
    )
    names, text, reason = [], "", None
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or ():
            assert call.function is not None
            names.append(call.function.name) if call.function.name else None
            text += call.function.arguments or ""
        reason = chunk.choices[0].finish_reason or reason
    assert len(names) == 1
    assert isinstance(json.loads(text), dict)
    assert reason == "tool_calls"


def test_a_streamed_call_has_no_more_events_than_tokens(client: openai.OpenAI, served: Served) -> None:
    parameters = {
        "type": "object",
        "properties": {"a_rather_long_name": {"const": "a text of many letters"}},
        "required": ["a_rather_long_name"],
    }
    stream = client.chat.completions.create(
        model=served.starter,
        messages=HELLO,
        tools=[{"type": "function", "function": {"name": "look", "parameters": {**parameters, "additionalProperties": False}}}],
        tool_choice="required",
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=200,
    )
    chunks = list(stream)
    pieces = [call.function.arguments for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert json.loads("".join(pieces)) == {"a_rather_long_name": "a text of many letters"}
    assert len([piece for piece in pieces if piece]) <= chunks[-1].usage.completion_tokens


def test_a_conversation_with_calls_and_their_results_goes_on(client: openai.OpenAI, served: Served) -> None:
    messages: list[Any] = [
        *HELLO,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"days": 2}'}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "晴 sunny"},
    ]
    for model in (served.starter, served.tiny):
        reply = client.chat.completions.create(model=model, messages=messages, tools=TOOLS, max_tokens=5)
        assert reply.usage is not None
    prompt = served.post("/apply-template", {"model": served.tiny, "messages": messages, "tools": TOOLS}).json()["prompt"]
    assert "get_weather" in prompt
    assert "晴 sunny" in prompt


@pytest.mark.parametrize("which", ["starter", "tiny"])
def test_a_strict_schema_is_followed_even_by_random_weights(client: openai.OpenAI, served: Served, which: str) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": STRICT}}
    for seed in range(4):
        reply = client.chat.completions.create(
            model=getattr(served, which), messages=HELLO, response_format=form, seed=seed, temperature=1.0, max_tokens=100
        )
        value = json.loads(reply.choices[0].message.content or "")
        assert 1 <= value["days"] <= 9
        assert value["unit"] in ("C", "华氏")


def test_json_mode_begins_with_an_object_and_a_grammar_is_followed(client: openai.OpenAI, served: Served) -> None:
    reply = client.chat.completions.create(
        model=served.tiny, messages=HELLO, response_format={"type": "json_object"}, max_tokens=30, seed=3
    )
    assert (reply.choices[0].message.content or "").startswith("{")
    said = client.chat.completions.create(model=served.tiny, messages=HELLO, extra_body={"grammar": 'root ::= "yes" | "no"'})
    assert said.choices[0].message.content in ("yes", "no")


def test_likelihoods_add_up_to_the_text(client: openai.OpenAI, served: Served) -> None:
    for stream in (False, True):
        reply: Any = client.chat.completions.create(
            model=served.tiny, messages=HELLO, logprobs=True, top_logprobs=3, max_tokens=20, seed=1, stream=stream
        )
        if stream:
            parts = [chunk.choices[0] for chunk in reply]
            tokens = [token for part in parts if part.logprobs for token in part.logprobs.content]
            text = "".join(part.delta.content or "" for part in parts)
        else:
            tokens, text = reply.choices[0].logprobs.content, reply.choices[0].message.content
        assert b"".join(bytes(token.bytes) for token in tokens).decode("utf-8", "replace") == text
        assert len(tokens) == 20
        assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in tokens)


def test_a_stop_text_ends_the_reply_and_is_not_told(client: openai.OpenAI, served: Served) -> None:
    whole = client.chat.completions.create(model=served.starter, messages=HELLO, temperature=0).choices[0].message.content or ""
    stop = whole[len(whole) // 2 : len(whole) // 2 + 7]
    for stream in (False, True):
        reply: Any = client.chat.completions.create(
            model=served.starter, messages=HELLO, temperature=0, stop=[stop, "never"], stream=stream
        )
        said = "".join(c.choices[0].delta.content or "" for c in reply) if stream else reply.choices[0].message.content
        assert said == whole[: whole.index(stop)]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_limit_is_kept(client: openai.OpenAI, served: Served, most: int) -> None:
    reply = client.chat.completions.create(model=served.starter, messages=HELLO, max_completion_tokens=most, seed=1)
    assert reply.choices[0].finish_reason == "length"
    assert bool(reply.choices[0].message.content) == bool(most)
    if most:
        assert reply.usage is not None
        assert reply.usage.completion_tokens == most


def test_a_second_question_is_read_from_the_cache(client: openai.OpenAI, served: Served) -> None:
    long = [{"role": "system", "content": "Be brief. " * 40}, *HELLO]
    client.chat.completions.create(model=served.starter, messages=long, max_tokens=2)  # type: ignore[arg-type]
    again = client.chat.completions.create(
        model=served.starter, messages=[*long[:1], {"role": "user", "content": "Thanks!"}], max_tokens=2
    )  # type: ignore[list-item]
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert (again.usage.prompt_tokens_details.cached_tokens or 0) > 50


def test_completions_echo_prompts_with_likelihoods(client: openai.OpenAI, served: Served) -> None:
    reply = client.completions.create(
        model=served.starter, prompt="The ship left the harbour", max_tokens=4, echo=True, logprobs=2, temperature=0
    )
    choice = reply.choices[0]
    assert reply.id.startswith("cmpl-")
    assert choice.text.startswith("The ship left the harbour")
    told = choice.logprobs
    assert told is not None
    assert "".join(told.tokens or []) == choice.text
    assert told.token_logprobs is not None
    assert told.token_logprobs[0] is None
    assert all(value < 0 for value in told.token_logprobs[1:])  # type: ignore[operator]
    assert told.text_offset == [len("".join((told.tokens or [])[:place])) for place in range(len(told.tokens or []))]
    assert len((told.top_logprobs or [])[3]) == 2


def test_completions_take_many_prompts_as_texts_or_ids_with_several_answers(client: openai.OpenAI, served: Served) -> None:
    reply = client.completions.create(model=served.tiny, prompt=["a", "b"], n=2, max_tokens=3, seed=1)
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]
    ids = served.post("/tokenize", {"model": served.tiny, "content": "hello", "add_special": True}).json()["tokens"]
    as_text, as_ids = (
        client.completions.create(model=served.tiny, prompt=prompt, max_tokens=8, temperature=0).choices[0].text
        for prompt in ("hello", [ids])
    )
    assert as_text == as_ids
    only_echo = client.completions.create(model=served.tiny, prompt=ids, max_tokens=0, echo=True, logprobs=1)
    assert "hello" in only_echo.choices[0].text


def test_the_best_of_several_are_the_likeliest(client: openai.OpenAI, served: Served) -> None:
    reply = client.completions.create(model=served.tiny, prompt="x", n=1, best_of=5, max_tokens=6, seed=2, temperature=1.5)
    assert len(reply.choices) == 1
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 30
    streamed = client.completions.create(model=served.tiny, prompt="x", max_tokens=6, seed=2, stream=True, echo=True)
    assert "".join(chunk.choices[0].text for chunk in streamed).startswith("x")


def test_vectors_are_normalised_and_the_same_as_base64(client: openai.OpenAI, served: Served) -> None:
    plain = client.embeddings.create(model=served.starter, input=["ink", "墨"], encoding_format="float")
    packed = served.post("/v1/embeddings", {"model": served.starter, "input": ["ink", "墨"], "encoding_format": "base64"}).json()
    for place, item in enumerate(plain.data):
        data = base64.b64decode(packed["data"][place]["embedding"])
        assert list(struct.unpack(f"<{len(data) // 4}f", data)) == pytest.approx(item.embedding, abs=1e-6)
        assert sum(value * value for value in item.embedding) == pytest.approx(1, abs=1e-4)
    assert client.embeddings.create(model=served.starter, input="ink").data[0].embedding == pytest.approx(plain.data[0].embedding)
    short = client.embeddings.create(model=served.starter, input="ink", dimensions=8).data[0].embedding
    assert len(short) == 8
    assert sum(value * value for value in short) == pytest.approx(1, abs=1e-4)


def test_a_model_that_cannot_rank_or_fill_gaps_says_so(served: Served) -> None:
    for path, body in (
        ("/v1/rerank", {"query": "q", "documents": ["a"]}),
        ("/infill", {"input_prefix": "a", "input_suffix": "b"}),
    ):
        reply = served.post(path, {"model": served.starter, **body})
        assert reply.status_code == 400
        assert reply.json()["error"]["message"]


def test_responses_go_on_from_one_that_was_kept(client: openai.OpenAI, served: Served) -> None:
    first = client.responses.create(model=served.starter, input="Hello!", temperature=0, instructions="Be kind.")
    assert first.id.startswith("resp_")
    assert first.status == "completed"
    assert first.output_text
    second = client.responses.create(model=served.starter, input="Thanks!", previous_response_id=first.id, temperature=0)
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.total_tokens - 20
    assert client.responses.retrieve(second.id).output_text == second.output_text
    items = client.responses.input_items.list(second.id)
    assert items.data[0].type == "message"
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    unkept = client.responses.create(model=served.starter, input="Hello!", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(unkept.id)


def test_the_events_of_a_response_come_in_order_and_numbered(client: openai.OpenAI, served: Served) -> None:
    events = list(client.responses.create(model=served.starter, input="Hello!", stream=True, temperature=0))
    kinds = [event.type for event in events]
    assert kinds[:4] == ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].response.output_text == text  # type: ignore[union-attr]


def test_responses_call_functions_and_tools_of_free_text(client: openai.OpenAI, served: Served) -> None:
    tools: list[Any] = [{"type": "function", "name": "get_weather", "parameters": STRICT, "strict": True}]
    reply = client.responses.create(model=served.tiny, input="x", tools=tools, tool_choice="required", max_output_tokens=100)
    call = reply.output[0]
    assert call.type == "function_call"
    assert json.loads(call.arguments)["days"] in range(1, 10)
    kinds = [
        event.type
        for event in client.responses.create(
            model=served.tiny, input="x", tools=tools, tool_choice="required", max_output_tokens=100, stream=True
        )
    ]
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-1] == "response.completed"
    follow: list[Any] = [
        {"role": "user", "content": "x"},
        call.model_dump(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "fine"},
    ]
    assert client.responses.create(model=served.tiny, input=follow, tools=tools, max_output_tokens=4).status == "incomplete"
    patch: list[Any] = [{"type": "custom", "name": "apply_patch", "description": "d"}]
    custom = client.responses.create(
        model=served.tiny, input="x", tools=patch, tool_choice="required", max_output_tokens=300, extra_body={"seed": 1}
    )  # type: ignore[call-overload]
    assert custom.output[0].type == "custom_tool_call"
    form: Any = {"format": {"type": "json_schema", "name": "w", "schema": STRICT}}
    assert json.loads(client.responses.create(model=served.tiny, input="x", text=form).output_text)["days"]


def test_tools_of_a_namespace_are_called_by_it_and_their_own_name(client: openai.OpenAI, served: Served) -> None:
    inside = [
        {"type": "function", "name": "close_agent", "description": "d", "parameters": {**STRICT, "additionalProperties": False}},
        {"type": "custom", "name": "tell_agent", "description": "d"},
    ]
    space: dict[str, Any] = {"type": "namespace", "name": "multi_agent_v1", "description": "Agents.", "tools": inside}
    for tool, kind, name in zip(inside, ("function_call", "custom_tool_call"), ("close_agent", "tell_agent"), strict=True):
        more: dict[str, Any] = {"tools": [{**space, "tools": [tool]}, {"type": "web_search"}], "tool_choice": "required"}
        asked = {"model": served.tiny, "input": "x", "max_output_tokens": 300, "extra_body": {"seed": 1}, **more}
        reply = client.responses.create(**asked)
        call = reply.output[0]
        assert (call.type, call.name, call.namespace) == (kind, name, "multi_agent_v1")
        added = [
            event.item for event in client.responses.create(**asked, stream=True) if event.type == "response.output_item.added"
        ]
        assert (added[0].name, added[0].namespace) == (name, "multi_agent_v1")
    seen = served.workstation.server.log.list()[-1].request
    assert seen is not None
    assert "multi_agent_v1.tell_agent" in seen.template_values
    answered = [call.model_dump(), {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "fine"}]
    follow: Any = [{"role": "user", "content": "x"}, *answered]
    client.responses.create(model=served.tiny, input=follow, tools=[space], max_output_tokens=1)  # type: ignore[list-item]
    seen = served.workstation.server.log.list()[-1].request
    assert seen is not None
    assert seen.messages[1].parts[0].name == "multi_agent_v1.tell_agent"  # type: ignore[union-attr]


def test_the_tokens_of_a_response_are_counted_before_it_is_made(client: openai.OpenAI, served: Served) -> None:
    tools: list[Any] = [{"type": "function", "name": "get_weather", "parameters": STRICT, "strict": True}]
    counted = client.responses.input_tokens.count(model=served.tiny, input="Hello", instructions="Be brief.", tools=tools)
    reply = client.responses.create(model=served.tiny, input="Hello", instructions="Be brief.", tools=tools, max_output_tokens=1)
    assert reply.usage is not None
    assert counted.input_tokens == reply.usage.input_tokens


def test_a_previous_response_that_is_not_there_is_told_by_its_parameter(served: Served) -> None:
    reply = served.post("/v1/responses", {"input": "x", "previous_response_id": "resp_nothing"})
    assert reply.status_code == 404
    assert reply.json()["error"]["param"] == "previous_response_id"


def test_the_asynchronous_client_works_as_well(served: Served) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{served.address}/v1", api_key="none") as client:
            stream = await client.chat.completions.create(model=served.starter, messages=HELLO, temperature=0, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in stream]
            whole = await client.chat.completions.create(model=served.starter, messages=HELLO, temperature=0)
            return ["".join(said), whole.choices[0].message.content or ""]

    streamed, whole = asyncio.run(ask())
    assert streamed == whole


BAD: list[tuple[str, Any, int]] = [
    ("/v1/chat/completions", {"messages": []}, 400),
    ("/v1/chat/completions", {"messages": "hi"}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "wizard", "content": "x"}]}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": 5}]}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "temperature": "hot"}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "temperature": 99}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "temperature": 10**400}, 400),
    ("/v1/completions", {"prompt": "x", "top_k": 10**400}, 400),
    ("/v1/completions", {"prompt": "x", "logit_bias": {"5": 10**400}}, 400),
    ("/v1/completions", {"prompt": [5, True]}, 400),
    ("/v1/completions", {"prompt": [5, 2**31]}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "n": 0}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "response_format": {"type": "xml"}}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "response_format": {"type": "json_schema", "json_schema": {}}}, 400),
    (
        "/v1/chat/completions",
        {"messages": HELLO, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 5}}}},
        400,
    ),
    ("/v1/chat/completions", {"messages": HELLO, "grammar": "root ::= ((("}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "tool_choice": "required"}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "tools": [{"type": "function", "function": {"name": "a b"}}]}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "logit_bias": {"x": 1}}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "logit_bias": {"99999999": 1}}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "logit_bias": {"²": 1}}, 400),
    ("/v1/chat/completions", {"messages": HELLO, "model": ["a"]}, 400),
    ("/v1/responses", {"input": "x", "model": {"a": 1}}, 400),
    ("/v1/embeddings", {"input": "x", "model": 5}, 400),
    ("/v1/responses", {"input": "x", "conversation": "conv_1"}, 400),
    *(
        ("/v1/chat/completions", {"messages": HELLO, "tools": TOOLS, "tool_choice": {"type": "allowed_tools", **choice}}, 400)
        for choice in ({"tools": 5}, {"allowed_tools": {"tools": 5}}, {"allowed_tools": {"tools": [], "mode": 5}})
    ),
    ("/v1/chat/completions", {"messages": HELLO, "stream": "yes"}, 400),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]},
        400,
    ),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]},
        400,
    ),
    ("/v1/chat/completions", {"model": "../../etc/passwd", "messages": HELLO}, 404),
    ("/v1/chat/completions", {"model": "/etc/passwd.gguf", "messages": HELLO}, 404),
    ("/v1/chat/completions", {"model": "echo:hi", "messages": HELLO}, 404),
    ("/v1/completions", {}, 400),
    ("/v1/completions", {"prompt": [[99999999]]}, 400),
    ("/v1/completions", {"prompt": "x", "best_of": 1, "n": 2}, 400),
    ("/v1/embeddings", {"input": ""}, 400),
    ("/v1/embeddings", {"input": "x", "dimensions": 100000}, 400),
    ("/v1/responses", {"input": []}, 400),
    ("/v1/responses", {"input": "x", "previous_response_id": "resp_none"}, 404),
    ("/v1/nothing", {}, 404),
]


@pytest.mark.parametrize(("path", "body", "status"), BAD)
def test_what_is_wrong_is_said_in_openais_shape(served: Served, path: str, body: Any, status: int) -> None:
    reply = served.post(path, {"model": served.tiny, **body})
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_a_prompt_that_is_too_long_is_refused_by_its_own_code(client: openai.OpenAI, served: Served) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model=served.tiny, messages=[{"role": "user", "content": "word " * 3000}])
    assert error.value.code == "context_length_exceeded"
    stream = {"model": served.tiny, "messages": [{"role": "user", "content": "word " * 3000}], "stream": True}
    reply = served.post("/v1/chat/completions", stream)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "context_length_exceeded"


def test_a_body_that_is_no_json_and_a_wrong_method_are_refused(served: Served) -> None:
    for data in (b"{", b"[1]", b"\xff\xfe", b"[" * 100_000):
        reply = httpx.post(f"{served.address}/v1/chat/completions", content=data, timeout=30)
        assert reply.status_code == 400
        assert reply.json()["error"]["code"] == "invalid_json"
    wrong = served.get("/v1/chat/completions")
    assert wrong.status_code == 405
    assert wrong.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/", "//v1//chat/completions", "/chat/completions", "/v1/v1/chat/completions"]
)
def test_paths_may_be_written_carelessly(served: Served, path: str) -> None:
    assert served.post(path, {"model": served.tiny, "messages": HELLO, "max_tokens": 1}).status_code == 200


def test_fields_that_nobody_knows_are_ignored(served: Served) -> None:
    more = {
        "safety_identifier": "x",
        "service_tier": "auto",
        "prediction": {},
        "verbosity": "low",
        "metadata": {"a": "b"},
        "ttl": 3,
    }
    assert (
        served.post("/v1/chat/completions", {"model": served.tiny, "messages": HELLO, "max_tokens": 1, **more}).status_code == 200
    )


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_an_error_of_several_choices_is_told_as_one(served: Served, path: str) -> None:
    text = "ink " * 3000
    body = {"model": served.tiny, "n": 3, "messages": [{"role": "user", "content": text}], "prompt": text}
    reply = served.post(path, body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")
