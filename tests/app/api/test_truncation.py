"""Conversations that are too long: refused unless the client says what may be left out, and then what it said is done."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.truncation import list_views
from backends.messages import Message, Role, TextPart
from tests.app.api.conftest import Served


def make(*turns: str) -> list[Message]:
    """Messages from texts whose first letter says whose they are."""
    roles: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [Message(roles[text[0]], (TextPart(text),)) for text in turns]


def texts(messages: Any) -> list[str]:
    return [message.parts[0].text for message in messages]


def long_chat(count: int = 12) -> list[dict[str, str]]:
    """More than 2,048 tokens, of which the newest question says LAST."""
    turns: list[dict[str, str]] = [{"role": "system", "content": "RULES"}]
    for number in range(count):
        turns += [{"role": "user", "content": f"u{number} " + "ink " * 50}, {"role": "assistant", "content": f"a{number}"}]
    return [*turns, {"role": "user", "content": "LAST"}]


def seen(served: Served) -> list[str]:
    """The messages of the newest call, as the engine was given them."""
    request = served.workstation.server.log.list()[-1].request
    assert request is not None
    return [message.text for message in request.messages]


def test_views_begin_with_ever_later_questions_and_keep_what_the_system_says() -> None:
    views = [texts(view) for view in list_views(make("s", "u1", "a1", "s2", "u2", "t", "a2", "u3"))]
    assert views == [
        ["s", "u1", "a1", "s2", "u2", "t", "a2", "u3"],
        ["s", "s2", "u2", "t", "a2", "u3"],
        ["s", "s2", "u3"],
    ]


def test_at_last_the_oldest_steps_of_an_agent_are_left_out_and_its_task_stays() -> None:
    views = [texts(view) for view in list_views(make("s", "u0", "a0", "u1", "a1", "t1", "a2", "t2", "t3", "a3"))]
    assert views[1:] == [
        ["s", "u1", "a1", "t1", "a2", "t2", "t3", "a3"],
        ["s", "u1", "a2", "t2", "t3", "a3"],
        ["s", "u1", "a3"],
    ]
    assert [texts(view) for view in list_views(make("s", "a"))] == [["s", "a"]]


def test_a_response_is_truncated_by_its_oldest_turns_only_where_that_is_asked_for(served: Served) -> None:
    body = {"model": served.tiny, "input": long_chat(), "max_output_tokens": 8}
    for more in ({}, {"truncation": "disabled"}):
        refused = served.post("/v1/responses", {**body, **more})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
    made = served.post("/v1/responses", {**body, "truncation": "auto"}).json()
    assert (made["truncation"], made["usage"]["output_tokens"]) == ("auto", 8)
    assert made["usage"]["input_tokens"] + 8 <= 2048
    shown = seen(served)
    assert (shown[0], shown[-1], shown[1][0]) == ("RULES", "LAST", "u")
    assert shown[1:-1] == [turn["content"] for turn in long_chat()][-len(shown) + 1 : -1]
    kept = len(shown)
    streamed = served.post("/v1/responses", {**body, "truncation": "auto", "stream": True}).text
    assert "response.completed" in streamed or "response.incomplete" in streamed
    assert len(seen(served)) == kept
    wrong = served.post("/v1/responses", {**body, "truncation": "many"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "truncation")


def test_as_few_turns_are_left_out_as_make_room(served: Served) -> None:
    body = {"model": served.tiny, "max_tokens": 8, "context_policy": "drop"}
    chat = long_chat()
    used = served.post("/v1/chat/completions", {**body, "messages": chat}).json()["usage"]["prompt_tokens"]
    dropped = len(chat) - len(seen(served))
    assert dropped > 0 and dropped % 2 == 0
    with_one_more = [chat[0], *chat[1 + dropped - 2 :]]
    count = served.post("/v1/chat/completions/input_tokens", {"model": served.tiny, "messages": with_one_more}).json()[
        "input_tokens"
    ]
    assert used < 2048 - 8 <= count


def test_what_fits_is_shown_whole_and_what_cannot_fit_is_refused(served: Served) -> None:
    short = long_chat(2)
    body = {"model": served.tiny, "max_tokens": 4, "context_policy": "drop"}
    assert served.post("/v1/chat/completions", {**body, "messages": short}).status_code == 200
    assert seen(served) == [turn["content"] for turn in short]
    endless = [*short, {"role": "user", "content": "ink " * 3000}]
    refused = served.post("/v1/chat/completions", {**body, "messages": endless})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_the_middle_of_a_text_is_forgotten_where_the_client_allows_it(served: Served) -> None:
    body = {"model": served.tiny, "prompt": "ink " * 3000, "max_tokens": 4}
    for more in ({}, {"context_policy": "refuse"}):
        assert served.post("/v1/completions", {**body, **more}).status_code == 400
    made = served.post("/v1/completions", {**body, "context_policy": "shift"})
    assert made.status_code == 200
    assert 0 < made.json()["usage"]["prompt_tokens"] < 2048
    chat = {"model": served.tiny, "messages": long_chat(), "max_tokens": 4, "context_policy": "shift"}
    assert served.post("/v1/chat/completions", chat).json()["usage"]["prompt_tokens"] < 2048


@pytest.mark.parametrize("wrong", ["summarise", "forget", 5, ["shift"], True])
def test_a_policy_that_a_server_cannot_follow_is_refused(served: Served, wrong: Any) -> None:
    reply = served.post("/v1/completions", {"model": served.tiny, "prompt": "x", "max_tokens": 2, "context_policy": wrong})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "context_policy")


def test_ollama_and_anthropic_take_a_policy_too(served: Served) -> None:
    chat = [turn for turn in long_chat() if turn["role"] != "system"]
    claude = {"model": served.tiny, "messages": chat, "max_tokens": 4, "system": "RULES"}
    assert served.post("/v1/messages", claude).status_code == 400
    assert served.post("/v1/messages", {**claude, "context_policy": "drop"}).status_code == 200
    assert (seen(served)[0], seen(served)[-1]) == ("RULES", "LAST")
    options = {"num_predict": 4, "context_policy": "drop"}
    assert served.post("/api/chat", {"model": served.tiny, "messages": long_chat(), "options": options}).status_code == 200
    assert (seen(served)[0], seen(served)[-1]) == ("RULES", "LAST")
