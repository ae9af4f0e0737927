"""The list of conversations, its folders and its trash."""

from __future__ import annotations

import time
from typing import Any

import pytest

from models.errors import ConversationNotFound


def titles(conversations: Any) -> list[str]:
    return [conversation.title for conversation in conversations]


def test_a_conversation_reads_back_as_it_was_made(store: Any) -> None:
    made = store.conversations.create(title="量化", model="starter", system_prompt="Be brief.", preset="Precise")
    assert store.conversations.get(made.id) == made
    assert not made.title_is_automatic


def test_the_list_has_pinned_ones_first_and_then_the_newest(store: Any) -> None:
    for title in ("one", "two", "three"):
        store.conversations.create(title=title)
    first = next(item for item in store.conversations.list() if item.title == "one")
    store.conversations.set_pinned(first.id, True)
    assert titles(store.conversations.list()) == ["one", "three", "two"]


def test_speaking_moves_a_conversation_up(store: Any) -> None:
    old = store.conversations.create(title="old")
    store.conversations.create(title="new")
    store.messages.append(old.id, None, "user", ())
    assert titles(store.conversations.list()) == ["old", "new"]


def test_renaming_pinning_and_filing_do_not_move_it(store: Any) -> None:
    old = store.conversations.create(title="old")
    store.conversations.create(title="new")
    store.conversations.rename(old.id, "older")
    store.conversations.set_folder(old.id, " Work ")
    assert titles(store.conversations.list()) == ["new", "older"]
    assert store.conversations.folders() == ["Work"]


def test_an_automatic_title_never_replaces_a_persons(store: Any) -> None:
    conversation = store.conversations.create()
    store.conversations.set_automatic_title(conversation.id, "automatic")
    assert store.conversations.get(conversation.id).title == "automatic"
    store.conversations.rename(conversation.id, "mine")
    store.conversations.set_automatic_title(conversation.id, "again")
    assert store.conversations.get(conversation.id).title == "mine"


def test_the_archive_is_a_list_of_its_own(store: Any) -> None:
    conversation = store.conversations.create(title="done")
    store.conversations.set_archived(conversation.id, True)
    assert store.conversations.list() == []
    assert titles(store.conversations.list(archived=True)) == ["done"]


def test_what_was_deleted_waits_in_the_trash_and_can_come_back(store: Any) -> None:
    conversation = store.conversations.create(title="oops")
    store.messages.append(conversation.id, None, "user", ())
    store.conversations.delete(conversation.id)
    assert store.conversations.list() == []
    assert titles(store.conversations.trash()) == ["oops"]
    store.conversations.restore(conversation.id)
    assert titles(store.conversations.list()) == ["oops"]
    assert len(store.messages.path(conversation.id)) == 1


def test_purging_removes_a_conversation_of_any_length(store: Any) -> None:
    conversation = store.conversations.create()
    parent = None
    with store.messages.together():
        for _ in range(1500):  # deeper than SQLite lets foreign keys cascade
            parent = store.messages.append(conversation.id, parent, "user", ()).id
    store.conversations.purge(conversation.id)
    with pytest.raises(ConversationNotFound):
        store.conversations.get(conversation.id)
    assert store.connections.row("SELECT count(*) FROM messages")[0] == 0


def test_only_old_trash_is_purged(store: Any) -> None:
    old, new = store.conversations.create(title="old"), store.conversations.create(title="new")
    for conversation in (old, new):
        store.conversations.delete(conversation.id)
    with store.connections.write() as connection:
        connection.execute("UPDATE conversations SET deleted_at = ? WHERE id = ?", (time.time() - 31 * 86400, old.id))
    assert store.conversations.purge_trash(time.time() - 30 * 86400) == 1
    assert titles(store.conversations.trash()) == ["new"]


def test_a_conversation_can_be_changed_and_nothing_unknown_is_taken(store: Any) -> None:
    conversation = store.conversations.create()
    store.conversations.update(
        conversation.id, options={"max_tokens": 5}, draft="半句", model="m", system_prompt="s", preset="Code"
    )
    changed = store.conversations.get(conversation.id)
    assert (changed.options, changed.draft, changed.model) == ({"max_tokens": 5}, "半句", "m")
    with pytest.raises(TypeError):
        store.conversations.update(conversation.id, id="x")
    with pytest.raises(ConversationNotFound):
        store.conversations.rename("nobody", "x")
