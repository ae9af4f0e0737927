"""The chat that is typed in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.repl import Repl
from app.workstation import Workstation


@pytest.fixture
def type_lines(workstation: Workstation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Types lines into a chat with the echo engine; returns (answers, notes)."""
    monkeypatch.setitem(__import__("sys").modules, "readline", None)  # this test has no terminal whose history could be kept
    conversation = workstation.conversations.create(model="echo:")

    def type_all(*lines: str | type[BaseException]) -> tuple[str, str]:
        waiting: Iterator[str | type[BaseException]] = iter(lines)

        def read(_: str) -> str:
            line = next(waiting, EOFError)
            if isinstance(line, str):
                return line
            raise line

        assert Repl(workstation, conversation.id, read_line=read).run() == 0
        captured = capsys.readouterr()
        return captured.out, captured.err

    return type_all


def test_each_line_is_answered_and_kept(type_lines: Any, workstation: Workstation) -> None:
    out, _ = type_lines("one", "", "two")
    assert out == "one\ntwo\n"
    (conversation,) = workstation.conversations.list()
    assert [message.text for message in workstation.messages.path(conversation.id)] == ["one", "one", "two", "two"]


def test_a_text_can_have_several_lines(type_lines: Any) -> None:
    out, _ = type_lines("one \\", "two", '"""', "three", "", "four", '"""')
    assert out == "one \ntwo\nthree\n\nfour\n"


def test_ctrl_c_clears_the_line_and_ctrl_d_leaves(type_lines: Any) -> None:
    out, notes = type_lines(KeyboardInterrupt, "still here", EOFError, "never")
    assert out == "still here\n"
    assert "Ctrl+D leaves" in notes


def test_exit_leaves_and_help_lists_every_command(type_lines: Any) -> None:
    _, notes = type_lines("/help", "/exit", "never")
    for command in ("/new", "/model", "/system", "/image", "/file", "/regenerate", "/continue", "/save", "/exit"):
        assert command in notes


def test_commands_change_the_conversation(type_lines: Any, workstation: Workstation, tmp_path: Path) -> None:
    file = tmp_path / "chat.md"
    out, notes = type_lines(
        "/system Be brief.", "/system", "hi", "/regenerate", f"/save {file}", "/model echo:?text=other", "hi", "/new", "/model"
    )
    assert out == "hi\nhi\nother\n"
    assert "Be brief." in notes
    assert "## System\n\nBe brief." in file.read_text(encoding="utf-8")
    new, old = workstation.conversations.list()
    assert (new.model, new.system_prompt, workstation.messages.path(new.id)) == ("echo:?text=other", "Be brief.", [])
    assert workstation.messages.path(old.id)[1].sibling_count == 2


def test_a_mistake_is_said_and_the_chat_goes_on(type_lines: Any, tmp_path: Path) -> None:
    out, notes = type_lines(
        "/nonsense",
        "/model no-such",
        "/save x.doc",
        "/continue",
        "/regenerate",
        f"/file {tmp_path / 'missing.txt'}",
        "//slash",
        "on",
    )
    assert out == "/slash\non\n"
    for expected in (
        "no command /nonsense",
        "no-such was not found",
        "ends in .md",
        "Nothing was said yet",
        "missing.txt cannot be read",
    ):
        assert expected in notes


def test_a_document_goes_with_the_next_message_only(type_lines: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("inside", encoding="utf-8")
    out, _ = type_lines(f"/file {tmp_path / 'a.txt'}", "see", "again")
    assert "inside" in out.partition("see")[0]
    assert out.rstrip().endswith("again")
    assert out.count("inside") == 1
