"""Taking conversations out and in again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.paths import make_paths
from app.store.records import RunCard
from app.workstation import Workstation, make_workstation
from backends.messages import FilePart, ImagePart, ReasoningPart, TextPart
from models.errors import ImportFailed, OutOfMemory, StoreError


def fill(workstation: Workstation) -> str:
    kept = workstation.attachments.add_bytes(b"\x89PNG picture", "图.png")
    conversation = workstation.conversations.create(title="量化", model="m", system_prompt="s", preset="Code")
    workstation.conversations.update(conversation.id, options={"max_tokens": 9}, draft="半句")
    workstation.conversations.set_folder(conversation.id, "工作")
    messages = workstation.messages
    question = messages.append(conversation.id, None, "user", [ImagePart(kept.path, "image/png", "图.png"), TextPart("?")])
    run = RunCard(model="m", seed=7, options={"seed": 7})
    first = messages.append(conversation.id, question.id, "assistant", [ReasoningPart("hm", 1.5), TextPart("!")], run=run)
    messages.append(
        conversation.id, question.id, "assistant", [TextPart("half")], "failed", error=OutOfMemory(model="m", reason="r")
    )
    messages.append(conversation.id, first.id, "user", [FilePart("/somewhere/else.txt", "else.txt", "words")])
    return conversation.id


def test_everything_comes_back_equal_in_an_empty_store(workstation: Workstation, tmp_path: Path) -> None:
    conversation_id = fill(workstation)
    file = tmp_path / "all.json"
    workstation.portability.export_to(file, "json")
    assert "somewhere" not in file.read_text(encoding="utf-8")
    with make_workstation(make_paths(tmp_path / "other")) as other:
        assert other.portability.import_file(file) == [conversation_id]
        assert other.portability.make_document() == workstation.portability.make_document()
        assert other.conversations.get(conversation_id) == workstation.conversations.get(conversation_id)
        before, after = workstation.messages.tree(conversation_id), other.messages.tree(conversation_id)
        picture = after[0].parts[0]
        assert isinstance(picture, ImagePart)
        assert Path(picture.path).read_bytes() == b"\x89PNG picture"
        assert [replace(message, parts=()) for message in before] == [replace(message, parts=()) for message in after]
        assert [hit.message_id for hit in other.search.find("words")] == [before[3].id]
        assert other.conversations.list() == workstation.conversations.list()


def test_what_is_already_here_is_added_as_a_copy_where_that_is_wished(workstation: Workstation, tmp_path: Path) -> None:
    conversation_id = fill(workstation)
    workstation.portability.export_to(tmp_path / "all.json", "json", [conversation_id])
    (copy,) = workstation.portability.import_file(tmp_path / "all.json", copies=True)
    assert copy != conversation_id
    assert [message.parts for message in workstation.messages.path(copy)] == [
        tuple(replace(part, path="") if isinstance(part, FilePart) else part for part in message.parts)
        for message in workstation.messages.path(conversation_id)
    ]


def test_an_import_that_fails_half_way_leaves_nothing(workstation: Workstation, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(workstation)
    fill(workstation)
    document = workstation.portability.make_document()
    insert = workstation.messages.insert
    count = 0

    def fail_late(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == 6:
            raise StoreError(reason="the disk went away")
        insert(*arguments)

    monkeypatch.setattr(workstation.messages, "insert", fail_late)
    with pytest.raises(StoreError):
        workstation.portability.import_document(document)
    assert len(workstation.conversations.list()) == 2


def test_a_file_that_cannot_be_read_or_written_is_said(workstation: Workstation, tmp_path: Path) -> None:
    with pytest.raises(ImportFailed):
        workstation.portability.import_file(tmp_path / "missing.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImportFailed):
        workstation.portability.import_file(tmp_path / "binary.json")
    with pytest.raises(StoreError):
        workstation.portability.export_to(tmp_path / "no folder" / "x.md", "md")


def test_an_attachment_that_is_lost_does_not_stop_an_export(workstation: Workstation, tmp_path: Path) -> None:
    fill(workstation)
    for path in workstation.paths.attachments.glob("*/*"):
        path.unlink()
    for kind in ("md", "html", "json"):
        workstation.portability.export_to(tmp_path / f"x.{kind}", kind)  # type: ignore[arg-type]
    with make_workstation(make_paths(tmp_path / "other")) as other:
        assert len(other.portability.import_file(tmp_path / "x.json")) == 1
