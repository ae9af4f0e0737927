"""The remote engine against servers that stream well, badly, or something else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.backend import DistantBackend, GenerationRequest, ReadingBackend, ServingBackend
from backends.embeddings import EmbeddingBackend, EmbeddingRequest
from backends.events import CallArguments, CallBegun, CallEnded, Failed, Finished, ReasoningDelta, TextDelta, TokenChosen
from backends.messages import ImagePart, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart, make_text_message
from backends.options import LoadOptions
from backends.remote.address import RemoteAddress
from backends.remote.backend import RemoteBackend
from backends.remote.capabilities import Capabilities
from models.errors import ContextOverflow, EngineBusy, EngineUnavailable, InvalidOption, LoadCancelled, UserFacingError
from models.remote_errors import (
    RemoteBroken,
    RemoteBusy,
    RemoteError,
    RemoteKeyRefused,
    RemoteModelMissing,
    RemoteRefused,
    RemoteUnreachable,
)
from tests.backends.requests import ask, complete, finish_of, make_options, reasoning_of, run, text_of
from tests.remote_server import END, Answer, Asked, ScriptedServer, chunk, error, refuse, run_scripted, send_json, stream

ALL = Capabilities("vllm", 4096, can_call_tools=True, can_see=True, has_logprobs=True, takes_extensions=True)


class Loaded:
    """An engine that is connected to a scripted server, without trying out what its model can do."""

    def __init__(self, server: ScriptedServer, can: Capabilities = ALL, key: str = "", **options: Any) -> None:
        self.backend = RemoteBackend()
        self.backend.set_access(json.dumps({"key": key, "known": can.to_json()}))
        path = RemoteAddress(server.url, "org/Model-8B").path
        self.facts = self.backend.load(path, LoadOptions(**options), lambda _fraction: True)

    def __enter__(self) -> RemoteBackend:
        return self.backend

    def __exit__(self, *_: object) -> None:
        self.backend.close()


@pytest.fixture(autouse=True)
def no_thread_of_the_engine_is_left() -> Iterator[None]:
    yield
    assert "remote" not in {thread.name for thread in threading.enumerate()}


def fail_with(answer: Answer, request: GenerationRequest | None = None) -> UserFacingError:
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend, pytest.raises(UserFacingError) as caught:
        run(backend, request or ask("hi"))
    return caught.value


def test_the_engine_keeps_every_promise() -> None:
    backend = RemoteBackend()
    promises = (ServingBackend, ReadingBackend, EmbeddingBackend, DistantBackend)
    assert [promise for promise in promises if not isinstance(backend, promise)] == []
    backend.close()
    backend.close()


def test_text_reasoning_and_the_end_come_as_they_were_sent() -> None:
    answer = stream(
        b": keep-alive\n\n",
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm. "}),
        chunk({"reasoning": "So."}),
        chunk({"content": "研墨\u2028"}),
        chunk({"content": "ink\x85"}, "length"),
        END,
    )
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server, key="secret") as backend:
        events = run(backend, ask("hi"))
        asked = server.asked[-1]
    assert (reasoning_of(events), text_of(events)) == ("Hm. So.", "研墨\u2028ink\x85")
    end = finish_of(events)
    assert end.reason == "length"
    assert (end.usage.prompt_tokens, end.usage.cached_tokens, end.usage.output_tokens) == (11, 4, 5)
    assert asked.headers["authorization"] == "Bearer secret"
    assert asked.body["stream"] is True and asked.body["stream_options"] == {"include_usage": True}


def test_a_character_that_arrives_in_pieces_is_whole() -> None:
    data = chunk({"content": "墨🖋"}, "stop") + END
    answer = stream(*(data[place : place + 1] for place in range(len(data))))
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
        assert text_of(run(backend, ask("hi"))) == "墨🖋"


def test_thoughts_in_the_text_are_told_apart_even_where_their_marker_is_cut() -> None:
    pieces = ("<th", "ink>I won", "der</thi", "nk>", "Yes")
    answer = stream(*(chunk({"content": piece}) for piece in pieces), chunk({}, "stop"), END)
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
        events = run(backend, ask("hi"))
    assert (reasoning_of(events), text_of(events)) == ("I wonder", "Yes")


def test_calls_come_piece_by_piece_from_servers_that_number_them_and_from_those_that_do_not() -> None:
    numbered = (
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "go", "arguments": "{}"}}]}),
    )
    named = (
        chunk({"tool_calls": [{"id": "a", "function": {"name": "look", "arguments": '{"x":1}'}}]}),
        chunk({"tool_calls": [{"id": "b", "function": {"name": "go", "arguments": "{}"}}]}),
    )
    for pieces in (numbered, named):
        answer = stream(*pieces, chunk({}, "tool_calls"), END)
        with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
            events = run(backend, ask("hi"))
        assert [event for event in events if isinstance(event, CallBegun)] == [CallBegun(0, "look"), CallBegun(1, "go")]
        said = "".join(event.text for event in events if isinstance(event, CallArguments) and event.index == 0)
        assert json.loads(said) == {"x": 1}
        assert [event for event in events if isinstance(event, CallEnded)] == [CallEnded(0), CallEnded(1)]
        assert finish_of(events).reason == "stop"


def test_probabilities_come_with_their_bytes() -> None:
    top = [{"token": "b", "logprob": -2.0, "bytes": [98]}]
    logprobs = {"content": [{"token": "\ufffd", "logprob": -0.5, "bytes": [229, 162], "top_logprobs": top}]}
    answer = stream(chunk({"content": "x"}, "stop", logprobs=logprobs), END)
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
        events = run(backend, ask("hi", logprobs=1))
        assert server.asked[-1].body["top_logprobs"] == 1
    assert [event for event in events if isinstance(event, TokenChosen)] == [
        TokenChosen(-1, b"\xe5\xa2", -0.5, ((-1, b"b", -2.0),))
    ]


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}], "usage": {}}
    with run_scripted(v1_chat_completions=refuse(200, whole)) as server, Loaded(server) as backend:
        assert text_of(run(backend, ask("hi"))) == "whole"


def test_a_raw_prompt_goes_to_completions() -> None:
    data = b'data: {"choices": [{"text": "<think> is text", "finish_reason": "stop"}]}\n\n'
    with run_scripted(v1_completions=stream(data, END)) as server, Loaded(server) as backend:
        assert text_of(run(backend, complete("once", max_tokens=7))) == "<think> is text"
        assert server.asked[-1].body["prompt"] == "once" and server.asked[-1].body["max_tokens"] == 7


# ---- what is sent


def sent(request: GenerationRequest, can: Capabilities = ALL) -> dict[str, Any]:
    answer = stream(chunk({"content": "x"}, "stop"), END)
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server, can) as backend:
        run(backend, request)
        return server.asked[-1].body


def test_settings_that_a_server_does_not_know_are_not_sent_to_it() -> None:
    request = ask("hi", temperature=0.3, top_k=5, min_p=0.2, repeat_penalty=1.2, dry_multiplier=0.8, stop=("END",), max_tokens=9)
    rich = sent(request)
    assert (rich["top_k"], rich["min_p"], rich["repetition_penalty"], rich["temperature"]) == (5, 0.2, 1.2, 0.3)
    assert "dry_multiplier" not in rich and sent(request, replace(ALL, server="llamacpp"))["dry_multiplier"] == 0.8
    plain = sent(request, replace(ALL, takes_extensions=False, limit_name="max_completion_tokens"))
    assert not {"top_k", "min_p", "repeat_penalty", "repetition_penalty", "max_tokens"} & set(plain)
    assert plain["max_completion_tokens"] == 9 and plain["stop"] == ["END"] and plain["seed"] == 7


def test_tools_their_choice_and_a_schema_are_passed_on() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    values = json.dumps({"tools": [tool], "enable_thinking": False, "reasoning_effort": "low"})
    body = sent(replace(ask("hi"), template_values=values, must_call=True))
    assert body["tools"] == [tool]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert body["chat_template_kwargs"] == {"enable_thinking": False} and body["reasoning_effort"] == "low"
    schema = sent(ask("hi", schema='{"type": "object"}'))["response_format"]["json_schema"]
    assert schema["schema"] == {"type": "object"} and schema["strict"] is True


def test_pictures_calls_and_their_results_take_openais_shape(tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    messages = (
        make_text_message("system", "be kind"),
        Message("user", (TextPart("what is this?"), ImagePart(str(tmp_path / "dot.png")))),
        Message("assistant", (ReasoningPart("let me look"), ToolCallPart("a", "look", '{"x": 1}'))),
        Message("tool", (ToolResultPart("a", "a dot"),)),
    )
    shown = sent(GenerationRequest(messages, options=make_options()))["messages"]
    assert [message["role"] for message in shown] == ["system", "user", "assistant", "tool"]
    assert shown[1]["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    assert shown[2]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"x": 1}'} and shown[2]["content"] is None
    assert shown[2]["reasoning_content"] == "let me look"
    assert shown[3] == {"role": "tool", "tool_call_id": "a", "content": "a dot"}


def test_what_cannot_be_asked_of_a_server_is_refused_with_the_reason() -> None:
    with run_scripted() as server, Loaded(server) as backend:
        for request in (ask("hi", grammar='root ::= "a"'), ask("hi", prompt_logprobs=True)):
            with pytest.raises(RemoteRefused):
                run(backend, request)
        with pytest.raises(EngineUnavailable), Loaded(server, replace(ALL, server="")) as other:
            other.count_tokens(ask("hi"))


# ---- what goes wrong


def test_errors_are_told_by_what_to_do_about_them() -> None:
    assert isinstance(fail_with(refuse(401, error("bad key"))), RemoteKeyRefused)
    assert isinstance(fail_with(refuse(404, error("The model `x` does not exist."))), RemoteModelMissing)
    assert isinstance(fail_with(refuse(429, error("slow down"))), RemoteBusy)
    assert isinstance(fail_with(refuse(503, error("queue full"))), RemoteBusy)
    assert isinstance(fail_with(refuse(502, b"<html>Bad Gateway</html>")), RemoteUnreachable)
    assert isinstance(fail_with(refuse(307, b"", "Location: http://elsewhere.example/\r\n")), RemoteUnreachable)
    broken = fail_with(refuse(500, b"<html><b>Oops</b></html>"))
    assert type(broken) is RemoteError and "Oops" in broken.english() and "<b>" not in broken.english()
    refused = fail_with(refuse(400, {"detail": [{"loc": ["body", "top_k"], "msg": "extra fields not permitted"}]}))
    assert isinstance(refused, RemoteRefused)


@pytest.mark.parametrize(
    ("message", "code", "needed", "available"),
    [
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5100 tokens (5000 in the messages, "
            "100 in the completion).",
            None,
            "5100",
            "4096",
        ),
        ("the request exceeds the available context size (4,096 tokens), try increasing it", None, ">4096", "4096"),
        ("It needs 9000 tokens and the context holds 2048.", "context_length_exceeded", "9000", "2048"),
    ],
)
def test_a_context_that_is_too_short_is_told_with_its_numbers(
    message: str, code: str | None, needed: str, available: str
) -> None:
    found = fail_with(refuse(400, error(message, code)))
    assert isinstance(found, ContextOverflow)
    assert (found.facts["needed"], found.facts["available"]) == (needed, available)


@pytest.mark.parametrize(
    "rest",
    [
        (),
        (b"data: {not json\n\n",),
        (b"data: " + json.dumps(error("out of memory")).encode() + b"\n\n",),
        (b"data: [1, 2]\n\n",),
        (chunk({}, "abort"), END),
    ],
    ids=["ends", "no json", "an error", "a list", "given up"],
)
def test_a_reply_that_breaks_off_keeps_its_words(rest: tuple[bytes, ...]) -> None:
    answer = stream(chunk({"content": "kept words <thi"}), *rest)
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
        backend.submit(1, ask("hi"), lambda: False)
        events = []
        while not backend.is_idle:
            events += [event for _, event in backend.step()]
    assert isinstance(events[-1], Failed) and isinstance(events[-1].error, RemoteBroken), events[-1]
    assert text_of(events) == "kept words <thi"


def test_nobody_there_is_unreachable_and_says_so_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    backend = RemoteBackend()
    started = time.monotonic()
    with pytest.raises(RemoteUnreachable):
        backend.load(f"remote:http://127.0.0.1:{port}/v1#m", LoadOptions(), lambda _fraction: True)
    assert time.monotonic() - started < 3
    backend.close()


def test_a_server_that_answers_with_something_else_is_no_such_server() -> None:
    for body in (b"<html>hello</html>", {"models": []}, [1]):
        with run_scripted(v1_models=refuse(200, body)) as server, pytest.raises(RemoteRefused):
            Loaded(server)


def test_a_model_that_is_not_offered_any_more_is_missing() -> None:
    with run_scripted(v1_models=refuse(200, {"data": [{"id": "other"}]})) as server, pytest.raises(RemoteModelMissing):
        Loaded(server)


def test_a_load_is_cancelled_while_the_server_is_silent() -> None:
    backend = RemoteBackend()
    with run_scripted(v1_models=lambda asked, connection: time.sleep(1.0)) as server:
        started = time.monotonic()
        with pytest.raises(LoadCancelled):
            backend.load(RemoteAddress(server.url, "m").path, LoadOptions(), lambda _fraction: False)
        assert time.monotonic() - started < 0.5
        backend.close()


def test_a_cancel_closes_the_connection_at_once() -> None:
    gone = threading.Event()

    def answer(asked: Asked, connection: socket.socket) -> None:
        stream(chunk({"content": "first "}))(asked, connection)
        connection.settimeout(5)
        if connection.recv(1) == b"":
            gone.set()

    cancelled = threading.Event()
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
        backend.submit(1, ask("hi"), cancelled.is_set)
        events = []
        while not any(isinstance(event, TextDelta) for event in events):
            events += [event for _, event in backend.step()]
        cancelled.set()
        started = time.monotonic()
        while not backend.is_idle:
            events += [event for _, event in backend.step()]
        assert gone.wait(0.2) and time.monotonic() - started < 0.2
    assert events[-1] == Finished("cancelled", events[-1].usage)


def test_many_replies_run_side_by_side_and_more_than_may_wait_are_refused() -> None:
    answer = stream(chunk({"content": "a"}), 0.3, chunk({"content": "b"}, "stop"), END)
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server, parallel=8, waiting_limit=1) as backend:
        started = time.monotonic()
        for number in range(9):
            backend.submit(number, ask("hi"), lambda: False)
        with pytest.raises(EngineBusy):
            backend.submit(9, ask("hi"), lambda: False)
        events: list[Any] = []
        while not backend.is_idle:
            events += backend.step()
        assert time.monotonic() - started < 1.5
    assert sum(isinstance(event, Finished) for _, event in events) == 9


# ---- what a model can do


def trying(pictures: bool, tools: bool, extensions: bool, limit: str = "max_tokens") -> Answer:
    """A server that passes pictures over where it has no eyes, and refuses what else it does not know."""

    def answer(asked: Asked, connection: socket.socket) -> None:
        body = asked.body
        unknown = {"max_tokens", "max_completion_tokens"} - {limit}
        unknown |= set() if extensions else {"top_k", "min_p"}
        unknown |= set() if tools else {"tools"}
        if bad := unknown & set(body):
            send_json(connection, error(f"unknown field: {bad}"), 400)
            return
        tokens = 5 + (20 if "tools" in body else 0)
        if pictures and isinstance(body["messages"][0]["content"], list):
            tokens += 64
        content = [{"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}] if "logprobs" in body else None
        choice = {"message": {"content": "a"}, "finish_reason": "length", "logprobs": {"content": content} if content else None}
        send_json(connection, {"choices": [choice], "usage": {"prompt_tokens": tokens}})

    return answer


def find_out(answer: Answer, **more: Answer) -> Capabilities:
    from backends.remote.probing import probe_model

    with run_scripted(v1_chat_completions=answer, **more) as server:
        return probe_model(RemoteAddress(server.url, "org/Model-8B"), "")


def test_what_a_model_can_do_is_found_out_by_trying() -> None:
    assert find_out(trying(True, True, True)) == ALL
    blind = find_out(trying(False, False, True))
    assert (blind.can_see, blind.can_call_tools) == (False, False)
    strict = find_out(trying(True, True, False, "max_completion_tokens"))
    assert (strict.takes_extensions, strict.limit_name, strict.has_logprobs) == (False, "max_completion_tokens", True)


def test_a_model_that_does_not_chat_is_tried_for_vectors() -> None:
    vectors = refuse(200, {"data": [{"index": 0, "embedding": [0.5, 0.5, 0.5]}]})
    found = find_out(refuse(400, error("this model does not chat")), v1_embeddings=vectors)
    assert (found.can_write, found.embedding_width) == (False, 3)


def test_a_wrong_key_ends_the_trying() -> None:
    with pytest.raises(RemoteKeyRefused):
        find_out(refuse(401, error("no")))


def test_vectors_come_in_the_order_of_the_texts() -> None:
    rows = {"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}], "usage": {"prompt_tokens": 6}}
    with run_scripted(v1_embeddings=refuse(200, rows)) as server, Loaded(server) as backend:
        result = backend.embed(EmbeddingRequest(texts=("ab", "abcd")), lambda: False)
    assert result.vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 1.0]]
    assert sum(result.token_counts) == 6


# ---- addresses


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("box:8000", "http://box:8000/v1"),
        (" https://api.example.com/v1/ ", "https://api.example.com/v1"),
        ("http://127.0.0.1:8040/v1/chat/completions", "http://127.0.0.1:8040/v1"),
        ("http://gate/team/openai", "http://gate/team/openai"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1"),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, url: str) -> None:
    from backends.remote.address import clean_url, read_address

    assert clean_url(text) == url
    address = RemoteAddress(url, "a#b/c")
    assert read_address(address.path) == address


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://", "http://a b", "http://me:secret@box", "http://box/?key=1", "http://box:99999"]
)
def test_what_is_no_address_is_refused_and_a_password_is_not_repeated(text: str) -> None:
    from backends.remote.address import clean_url

    with pytest.raises(InvalidOption) as caught:
        clean_url(text)
    assert "secret" not in caught.value.english()


def test_reasoning_deltas_are_not_lost_when_a_server_ends_while_it_thinks() -> None:
    answer = stream(chunk({"content": "<think>half a thou"}), chunk({}, "length"), END)
    with run_scripted(v1_chat_completions=answer) as server, Loaded(server) as backend:
        events = run(backend, ask("hi"))
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "half a thou"
