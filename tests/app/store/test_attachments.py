"""Attached files: kept once, named by content, removed only when nobody needs them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from app.store.attachments import decode_text
from backends.messages import AudioPart, FilePart, ImagePart, TextPart
from models.errors import AttachmentRefused


def test_the_same_content_is_kept_once(store: Any, tmp_path: Path) -> None:
    one, other = tmp_path / "一.png", tmp_path / "copy.png"
    for path in (one, other):
        path.write_bytes(b"\x89PNG\r\n\x1a\nsame")
    first, second = store.attachments.add(one), store.attachments.add(other)
    assert first.path == second.path
    assert (first.name, second.name) == ("一.png", "copy.png")
    assert Path(first.path).read_bytes() == one.read_bytes()
    assert store.attachments.get(first.sha256).mime == "image/png"
    assert len([path for path in (store.folder / "attachments").rglob("*") if path.is_file()]) == 1


def test_what_is_no_readable_file_is_refused(store: Any, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(AttachmentRefused):
            store.attachments.add(path)
        with pytest.raises(AttachmentRefused):
            store.attachments.make_part(path)


def test_a_file_is_attached_as_what_it_is(store: Any, tmp_path: Path) -> None:
    files = {"a.bin": b"\xff\xd8\xff\xe0jpeg", "b.wav": b"RIFF\x00\x00\x00\x00WAVE", "c.md": "标题".encode("gb18030")}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    picture, sound, document = (store.attachments.make_part(tmp_path / name) for name in files)
    assert isinstance(picture, ImagePart)
    assert picture.mime == "image/jpeg"
    assert isinstance(sound, AudioPart)
    assert isinstance(document, FilePart)
    assert document.text == "标题"
    (tmp_path / "d.exe").write_bytes(b"MZ\x00\x01\x02\x00")
    with pytest.raises(AttachmentRefused):
        store.attachments.make_part(tmp_path / "d.exe")
    (tmp_path / "e.svg").write_text("<svg/>")
    assert isinstance(store.attachments.make_part(tmp_path / "e.svg"), FilePart)


def test_a_file_from_elsewhere_is_adopted(store: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG")
    adopted = store.attachments.adopt(ImagePart(str(path)))
    assert store.attachments.hash_of(adopted.path)
    assert store.attachments.adopt(adopted) == adopted
    assert store.attachments.adopt(TextPart("x")) == TextPart("x")


def test_only_old_files_that_no_message_uses_are_collected(store: Any) -> None:
    conversation = store.conversations.create()
    used, unused, fresh = (store.attachments.add_bytes(name.encode(), name) for name in ("used", "unused", "fresh"))
    store.messages.append(conversation.id, None, "user", [FilePart(used.path, "used", "used")])
    with store.connections.write() as connection:
        connection.execute("UPDATE attachments SET added_at = ? WHERE name != 'fresh'", (time.time() - 2 * 86400,))
    assert store.attachments.collect() == 1
    assert [Path(kept.path).exists() for kept in (used, unused, fresh)] == [True, False, True]
    store.conversations.delete(conversation.id)
    assert store.attachments.collect() == 0
    store.conversations.purge(conversation.id)
    assert store.attachments.collect() == 1
    assert not Path(used.path).exists()


def test_text_is_read_in_the_encodings_people_have() -> None:
    assert decode_text("é中".encode()) == "é中"
    assert decode_text(b"\xef\xbb\xbfbom") == "bom"
    assert decode_text("中文".encode("utf-16")) == "中文"
    assert decode_text("中文".encode("gb18030")) == "中文"
    assert decode_text(b"\x00\x01binary") is None
    assert decode_text(b"\x01\x02\x03 mostly signs \x04\x05") is None
    assert decode_text(b"%PDF-1.7\nplain") is None
