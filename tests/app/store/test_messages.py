"""The tree of messages, its branches and the journal of replies that grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.journal import describe_change, fold_changes
from app.store.records import RunCard
from backends.messages import ImagePart, Part, ReasoningPart, TextPart, ToolCallPart
from models.errors import ConversationNotFound, OutOfMemory

parts_strategy = st.lists(
    st.one_of(
        st.builds(TextPart, st.text(max_size=20)),
        st.builds(ReasoningPart, st.text(max_size=20), st.floats(0, 100)),
        st.builds(ToolCallPart, st.text(max_size=5), st.text(max_size=5), st.text(max_size=5)),
    ),
    max_size=4,
).map(tuple)


def say(store: Any, conversation: Any, parent: Any, role: str, text: str) -> Any:
    return store.messages.append(conversation.id, parent.id if parent else None, role, [TextPart(text)])


def texts(messages: Any) -> list[str]:
    return [message.text for message in messages]


def test_a_branch_reads_from_its_first_message_to_its_last(store: Any) -> None:
    conversation = store.conversations.create()
    question = say(store, conversation, None, "user", "?")
    say(store, conversation, question, "assistant", "!")
    assert texts(store.messages.path(conversation.id)) == ["?", "!"]


def test_an_empty_conversation_has_an_empty_path_and_an_unknown_one_none(store: Any) -> None:
    assert store.messages.path(store.conversations.create().id) == []
    with pytest.raises(ConversationNotFound):
        store.messages.path("nobody")


def test_siblings_know_their_place_and_selecting_one_opens_its_newest_leaf(store: Any) -> None:
    conversation = store.conversations.create()
    question = say(store, conversation, None, "user", "?")
    first = say(store, conversation, question, "assistant", "a1")
    thanks = say(store, conversation, first, "user", "thanks")
    say(store, conversation, first, "user", "thanks again")
    second = say(store, conversation, question, "assistant", "a2")
    assert texts(store.messages.path(conversation.id)) == ["?", "a2"]
    assert [(item.text, item.sibling_index, item.sibling_count) for item in store.messages.siblings(second.id)] == [
        ("a1", 0, 2),
        ("a2", 1, 2),
    ]
    store.messages.select(first.id)
    assert texts(store.messages.path(conversation.id)) == ["?", "a1", "thanks again"]
    store.messages.select(thanks.id)
    assert texts(store.messages.path(conversation.id)) == ["?", "a1", "thanks"]


def test_two_first_messages_are_siblings(store: Any) -> None:
    conversation = store.conversations.create()
    say(store, conversation, None, "user", "one")
    other = say(store, conversation, None, "user", "two")
    assert (other.sibling_index, other.sibling_count) == (1, 2)
    another = store.conversations.create()
    assert say(store, another, None, "user", "alone").sibling_count == 1


def test_a_parent_must_be_of_the_same_conversation(store: Any) -> None:
    one, other = store.conversations.create(), store.conversations.create()
    question = say(store, one, None, "user", "?")
    with pytest.raises(ConversationNotFound):
        say(store, other, question, "user", "!")


def test_a_finished_reply_keeps_its_card_and_its_error(store: Any) -> None:
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", (), "streaming")
    card = RunCard(model="m", seed=7, output_tokens=3, options={"max_tokens": 1})
    store.messages.finish(reply.id, [TextPart("part")], "failed", card, OutOfMemory(model="m", reason="r"))
    kept = store.messages.get(reply.id)
    assert (kept.text, kept.state, kept.run) == ("part", "failed", card)
    assert kept.error == {"code": "out_of_memory", "facts": {"model": "m", "reason": "r"}, "details": ""}


def test_a_growing_reply_is_read_from_its_journal(store: Any) -> None:
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", (), "streaming")
    store.messages.journal(reply.id, [ReasoningPart("thi", 0.1)])
    store.messages.journal(reply.id, [ReasoningPart("think", 0.5), TextPart("a")])
    store.messages.journal(reply.id, [ReasoningPart("think", 0.5), TextPart("answer")])
    assert store.messages.get(reply.id).parts == (ReasoningPart("think", 0.5), TextPart("answer"))
    store.messages.finish(reply.id, [TextPart("final")], "complete")
    assert store.messages.get(reply.id).text == "final"
    assert store.connections.row("SELECT count(*) FROM journal")[0] == 0


def test_only_what_was_added_is_journalled(store: Any) -> None:
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", (), "streaming")
    text = "x" * 100_000
    store.messages.journal(reply.id, [TextPart(text)])
    store.messages.journal(reply.id, [TextPart(text + "more")])
    sizes = [row[0] for row in store.connections.rows("SELECT length(change) FROM journal ORDER BY number")]
    assert sizes[0] > 100_000
    assert sizes[1] < 100


def test_what_a_crash_cut_off_is_kept_and_marked(open_store: Callable[[], Any]) -> None:
    store = open_store()
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", (), "streaming")
    store.messages.journal(reply.id, [TextPart("半句")])
    store.close()
    store = open_store()
    assert store.messages.recover() == [reply.id]
    kept = store.messages.get(reply.id)
    assert (kept.state, kept.text) == ("interrupted", "半句")
    assert [hit.message_id for hit in store.search.find("半句")] == [reply.id]
    assert store.messages.recover() == []


def test_a_reopened_reply_that_crashes_before_a_new_word_keeps_its_old_ones(store: Any) -> None:
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", [TextPart("old")], "stopped")
    store.messages.reopen(reply.id)
    store.messages.recover()
    assert store.messages.get(reply.id).text == "old"


@given(st.lists(parts_strategy, max_size=6))
def test_any_sequence_of_parts_can_be_folded_from_its_journal(versions: list[tuple[Part, ...]]) -> None:
    before: tuple[Part, ...] = ()
    changes = []
    for parts in versions:
        changes.append(describe_change(before, parts))
        before = parts
    assert fold_changes(changes) == before


def test_attached_files_are_named_by_their_hash_so_that_the_folder_may_move(store: Any) -> None:
    conversation = store.conversations.create()
    kept = store.attachments.add_bytes(b"\x89PNG\r\n", "图.png")
    message = store.messages.append(conversation.id, None, "user", [ImagePart(kept.path, kept.mime, "图.png")])
    row = store.connections.row("SELECT parts FROM messages WHERE id = ?", (message.id,))
    assert str(store.folder) not in row[0]
    assert store.messages.get(message.id).parts == (ImagePart(kept.path, "image/png", "图.png"),)


def test_changes_are_told_once_and_only_when_they_are_kept(store: Any) -> None:
    told: list[str] = []
    messages = type(store.messages)(store.connections, store.attachments, told.append)
    conversation = store.conversations.create()
    with messages.together():
        first = messages.append(conversation.id, None, "user", ())
        messages.append(conversation.id, first.id, "assistant", ())
        assert told == []
    assert told == [conversation.id]
    with pytest.raises(RuntimeError), messages.together():
        messages.append(conversation.id, first.id, "assistant", ())
        raise RuntimeError
    assert told == [conversation.id]
    assert len(messages.tree(conversation.id)) == 2


def test_half_a_character_is_replaced_and_the_rest_is_kept(store: Any) -> None:
    conversation = store.conversations.create(title="a\ud800b", system_prompt="\udfff")
    store.conversations.update(conversation.id, draft="\ud83d")
    pair = "\ud83d" + "\ude00"
    message = store.messages.append(conversation.id, None, "user", [TextPart(f"x\ud800y {pair}")])
    assert message.text == "x\ufffdy 😀"
    reply = store.messages.append(conversation.id, message.id, "assistant", [], "streaming")
    store.messages.journal(reply.id, [TextPart("half \ud83d")])
    store.messages.journal(reply.id, [TextPart("half \ud83d more")])
    store.messages.recover()
    assert store.messages.get(reply.id).text == "half \ufffd more"
    assert len(store.search.find("x\ud800y")) == 1
    assert store.conversations.get(conversation.id).title == "a\ufffdb"
