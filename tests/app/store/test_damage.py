"""Bytes that a failing disk changed: what they hide, and what they must not hide."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.store.connections import translate_error
from app.store.damage import DAMAGED_MESSAGE, read_object, rescue_words
from app.workstation import Workstation, make_workstation
from backends.messages import ReasoningPart, TextPart
from models.errors import DatabaseDamaged, StoreError

SECRET = "my private words"


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    """Change bytes of a closed database file, as a disk does."""
    data = path.read_bytes()
    assert old in data
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new))


def say(store: Any, words: str) -> tuple[str, str]:
    conversation = store.conversations.create(title="title")
    return conversation.id, store.messages.append(conversation.id, None, "user", [TextPart(words)]).id


def test_undecodable_words_are_shown_with_signs_for_what_is_lost(open_store: Callable[[], Any]) -> None:
    store = open_store()
    conversation, _ = say(store, SECRET)
    store.close()
    overwrite(store.path, b"private", b"pr\xff\xfeate")
    (message,) = open_store().messages.path(conversation)
    assert message.text == "my pr\ufffd\ufffdate words"


def test_a_message_that_is_no_json_any_more_says_so_and_keeps_its_words(open_store: Callable[[], Any]) -> None:
    store = open_store()
    conversation, _ = say(store, SECRET)
    other, _ = say(store, "whole")
    store.close()
    overwrite(store.path, b'{"kind": "text", "text": "my', b'{"kin\xff\xfe: "text", "text": "my')
    again = open_store()
    assert again.messages.path(conversation)[0].text == f"{DAMAGED_MESSAGE}\n\n{SECRET}"
    assert again.messages.path(other)[0].text == "whole"


@pytest.mark.parametrize("column", ["role", "state", "run", "error"])
def test_a_damaged_column_does_not_hide_the_words(open_store: Callable[[], Any], column: str) -> None:
    store = open_store()
    conversation, message = say(store, SECRET)
    with store.connections.write() as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE messages SET {column} = CAST(x'7bfffe' AS TEXT) WHERE id = ?", (message,))
    (found,) = store.messages.path(conversation)
    assert (found.text, found.role, found.run, found.error) == (SECRET, "user", None, None)


def test_damaged_options_of_a_conversation_are_none(open_store: Callable[[], Any]) -> None:
    store = open_store()
    conversation, _ = say(store, SECRET)
    with store.connections.write() as connection:
        connection.execute("UPDATE conversations SET options = CAST(x'7bfffe' AS TEXT), title = CAST(x'fffe' AS TEXT)")
    (found,) = store.conversations.list()
    assert (found.id, found.options, found.title) == (conversation, {}, "\ufffd\ufffd")


def test_a_damaged_journal_gives_what_came_before_the_damage(open_store: Callable[[], Any]) -> None:
    store = open_store()
    conversation = store.conversations.create()
    reply = store.messages.append(conversation.id, None, "assistant", (), "streaming")
    for words in ("one", "one two", "one two three"):
        store.messages.journal(reply.id, [TextPart(words)])
    with store.connections.write() as connection:
        connection.execute("UPDATE journal SET change = CAST(x'fffe' AS TEXT) WHERE number = 3")
    store.messages.recover()
    assert store.messages.get(reply.id).text == "one two"


def test_an_export_and_the_window_survive_a_damaged_message(workstation: Workstation, paths: Any) -> None:
    conversation = workstation.conversations.create(title="t").id
    message = workstation.messages.append(conversation, None, "user", [ReasoningPart("hm", 1.0), TextPart(SECRET)])
    workstation.messages.append(conversation, message.id, "assistant", [TextPart("whole")])
    workstation.close()
    overwrite(paths.database, b'"reasoning", "text"', b'"reasonin\xff\xfe, "text"')
    with make_workstation(paths) as again:
        texts = [one.text for one in again.messages.path(conversation)]
        assert texts == [f"{DAMAGED_MESSAGE}\n\nhm\n\n{SECRET}", "whole"]
        for kind in ("md", "json", "html"):
            assert SECRET in again.portability.export(kind)  # type: ignore[arg-type]


def test_words_are_rescued_from_what_is_left_of_their_json() -> None:
    assert rescue_words('[{"kind": "text", "text": "a \\"quote\\"\\n研"}, {"kind"') == 'a "quote"\n研'
    assert rescue_words('[{"kind": "text", "text": "cut o') == "cut o"
    assert rescue_words('{"text": "bad \\uZZ"') == "bad \\uZZ"
    assert rescue_words("nothing") == "nothing"
    assert (read_object("[1]"), read_object("{"), read_object(None), read_object('{"a": 1}')) == ({}, {}, {}, {"a": 1})


def test_an_error_of_decoding_tells_no_private_words(tmp_path: Path) -> None:
    error = sqlite3.OperationalError(f"Could not decode to UTF-8 column 'parts' with text '{SECRET}'")
    found = translate_error(error, tmp_path / "yanmo.sqlite")
    assert isinstance(found, DatabaseDamaged)
    assert SECRET not in f"{found.english()} {found.details}"


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "yanmo.sqlite").touch()
    with pytest.raises(sqlite3.Error) as caught, closing(sqlite3.connect(tmp_path / "none" / "yanmo.sqlite")):
        pass
    found = translate_error(caught.value, tmp_path / "yanmo.sqlite")
    assert type(found) is StoreError
    assert "cannot be opened" in found.english()
