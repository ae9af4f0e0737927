"""Finding words: Chinese and English, short and long, in every branch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store.search import make_snippet, split_query
from backends.messages import FilePart, ReasoningPart, TextPart


def say(store: Any, text: str, title: str = "T") -> Any:
    conversation = store.conversations.create(title=title)
    return store.messages.append(conversation.id, None, "user", [TextPart(text)])


@pytest.mark.parametrize("query", ["模型", "型", "量化模型", "GGUF", "gguf", "Q4", "什么是 GGUF", '"化模型"'])
def test_words_of_any_length_are_found(store: Any, query: str) -> None:
    message = say(store, "什么是量化模型？A GGUF file, Q4_K_M.")
    say(store, "something else")
    assert [hit.message_id for hit in store.search.find(query)] == [message.id]


def test_a_short_word_at_the_very_end_is_found(store: Any) -> None:
    message = say(store, "一个小模型")
    assert [hit.message_id for hit in store.search.find("模型")] == [message.id]
    assert [hit.message_id for hit in store.search.find("型")] == [message.id]


def test_all_words_must_occur(store: Any) -> None:
    both = say(store, "alpha and beta")
    say(store, "alpha alone")
    assert [hit.message_id for hit in store.search.find("beta alpha")] == [both.id]
    assert store.search.find("alpha gamma") == []


def test_other_branches_and_documents_are_searched_but_not_the_trash(store: Any) -> None:
    conversation = store.conversations.create(title="T")
    question = store.messages.append(conversation.id, None, "user", [FilePart("", "plan.txt", "the secret garden")])
    hidden = store.messages.append(conversation.id, question.id, "assistant", [TextPart("an older answer")])
    store.messages.append(conversation.id, question.id, "assistant", [ReasoningPart("unsaid"), TextPart("a newer answer")])
    assert [hit.message_id for hit in store.search.find("older")] == [hidden.id]
    assert [hit.message_id for hit in store.search.find("secret")] == [question.id]
    assert [hit.message_id for hit in store.search.find("plan.txt")] == [question.id]
    assert store.search.find("unsaid") == []
    store.conversations.delete(conversation.id)
    assert store.search.find("older") == []


def test_titles_are_found_first(store: Any) -> None:
    message = say(store, "words", title="量化笔记")
    say(store, "量化笔记在此", title="other")
    hits = store.search.find("笔记")
    assert [(hit.title, hit.snippet) for hit in hits] == [("量化笔记", "量化笔记"), ("other", "量化笔记在此")]
    assert hits[0].message_id == message.id


def test_the_index_follows_what_a_reply_becomes(store: Any) -> None:
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", [], "streaming")
    store.messages.finish(reply.id, [TextPart("first words")], "stopped")
    store.messages.finish(reply.id, [TextPart("second words")], "complete")
    assert store.search.find("first") == []
    assert len(store.search.find("second")) == 1


def test_the_newest_come_first_and_the_limit_holds(store: Any) -> None:
    ids = [say(store, f"needle {number}").id for number in range(5)]
    assert [hit.message_id for hit in store.search.find("needle", limit=3)] == ids[:1:-1]


def test_signs_of_the_query_language_are_plain_text(store: Any) -> None:
    message = say(store, 'a 100% (sure) "thing" AND_or* x')
    for query in ("100%", "(sure)", "AND_or*", "0%", "*"):
        assert [hit.message_id for hit in store.search.find(query)] == [message.id], query
    say(store, "1000 assured things")
    assert len(store.search.find("0%")) == 1
    assert store.search.find("") == store.search.find('""') == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_no_query_breaks_the_search(store: Any, query: str) -> None:
    store.search.find(query)


def test_a_snippet_shows_the_match_and_where_it_is() -> None:
    snippet, ranges = make_snippet("x" * 300 + "\nthe needle, the Needle" + "y" * 300, ["needle"])
    assert [snippet[start:end] for start, end in ranges] == ["needle", "Needle"]
    assert snippet.startswith("…")
    assert snippet.endswith("…")
    assert "\n" not in snippet
    assert len(snippet) < 170


def test_a_query_splits_into_words_and_phrases() -> None:
    assert split_query('one "two three"  四') == ["one", "two three", "四"]
