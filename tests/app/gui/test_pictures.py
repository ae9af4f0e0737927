"""Pictures in the window: dropped, pasted, ordered, sent to a model that sees, shown again after a restart, and exported."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QPixmap
from PySide6.QtWidgets import QApplication

from app.gui.chat.attachment_view import PictureLabel
from app.gui.chat.picture_view import PictureView
from app.gui.chat.screen_region import ScreenRegion
from app.gui.main_window import MainWindow
from app.workstation import Workstation
from backends.messages import AudioPart, ImagePart
from backends.sounds import read_sound
from tests.tiny_eyes import draw, sing
from tests.tiny_vision import make_tiny_vision

ECHO = "echo:?words=3"


@pytest.fixture
def seeing(workstation: Workstation) -> str:
    """A model that sees, in the library."""
    folder = workstation.paths.models / "eyes"
    folder.mkdir(parents=True)
    made = make_tiny_vision(folder)
    return next(card.id for card in workstation.library.list_models() if card.path == str(made.model))


def open_with(window: MainWindow, workstation: Workstation, model: str) -> str:
    conversation = workstation.conversations.create(model=model)
    workstation.conversations.update(conversation.id, options={"max_tokens": 6, "seed": 1, "sampling": {"temperature": 3.0}})
    assert window.chat.open_conversation(conversation.id)
    return conversation.id


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    window.chat.composer.dropEvent(event)


def send(qtbot, window: MainWindow, workstation: Workstation, text: str, count: int = 1) -> None:
    qtbot.keyClicks(window.chat.composer.text, text)
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Return)

    def is_finished() -> None:
        assert not workstation.chat.busy_conversations()
        replies = [model for model in window.chat.transcript.models() if model.message.role == "assistant"]
        assert len(replies) >= count and not any(model.is_live for model in replies)

    qtbot.waitUntil(is_finished, timeout=30_000)


def wait_for_tile(qtbot, window: MainWindow, path: Path) -> None:
    def is_shown() -> None:
        tile = window.chat.composer.tile_of(str(path))
        assert tile is not None and tile.picture.pixmap().width() > 30

    qtbot.waitUntil(is_shown, timeout=20_000)


def test_a_dropped_picture_is_asked_about_twice_and_seen_once(
    qtbot, window: MainWindow, workstation: Workstation, seeing: str, tmp_path: Path
) -> None:
    conversation = open_with(window, workstation, seeing)
    red = draw(tmp_path / "红色.png", size=(80, 60))
    drop(window, red)
    wait_for_tile(qtbot, window, red)
    send(qtbot, window, workstation, "What is it?")
    stored = workstation.messages.path(conversation)
    assert isinstance(stored[0].parts[0], ImagePart) and stored[0].parts[0].name == "红色.png"
    assert stored[1].state in ("complete", "length"), stored[1].error
    assert window.chat.composer.paths() == []
    send(qtbot, window, workstation, "And what else?", count=2)
    first, second = (message.run for message in workstation.messages.path(conversation) if message.role == "assistant")
    assert first is not None and second is not None
    assert second.cached_tokens >= 11  # everything up to the end of the picture was in the cache
    assert not [label for label in window.chat.findChildren(PictureLabel) if label.pixmap().isNull()]


def test_the_picture_is_there_after_a_restart_and_in_the_export(
    qtbot, window: MainWindow, workstation: Workstation, seeing: str, tmp_path: Path
) -> None:
    conversation = open_with(window, workstation, seeing)
    red = draw(tmp_path / "red.png", size=(80, 60))
    drop(window, red)
    send(qtbot, window, workstation, "What is it?")
    red.unlink()
    window.chat.new_conversation()
    assert window.chat.open_conversation(conversation)

    def is_shown() -> None:
        labels = window.chat.transcript.findChildren(PictureLabel)
        assert labels and labels[-1].pixmap().height() > 40

    qtbot.waitUntil(is_shown, timeout=20_000)
    target = tmp_path / "chat.html"
    workstation.portability.export_to(target, "html", [conversation])
    assert "data:image/png;base64," in target.read_text(encoding="utf-8")


def test_pictures_are_ordered_removed_and_opened(qtbot, window: MainWindow, workstation: Workstation, tmp_path: Path) -> None:
    open_with(window, workstation, ECHO)
    paths = [draw(tmp_path / f"{name}.png", seed=index) for index, name in enumerate("abc")]
    drop(window, *paths)
    composer = window.chat.composer
    for path in paths:
        wait_for_tile(qtbot, window, path)
    first = composer.tile_of(str(paths[0]))
    assert first is not None
    qtbot.keyClick(first, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert composer.paths() == [str(paths[1]), str(paths[0]), str(paths[2])]
    last = composer.tile_of(str(paths[2]))
    assert last is not None
    last.dropped_here.emit(str(paths[1]), str(paths[2]))
    assert composer.paths() == [str(paths[0]), str(paths[2]), str(paths[1])]
    middle = composer.tile_of(str(paths[2]))
    assert middle is not None
    qtbot.mouseClick(middle.remove, Qt.MouseButton.LeftButton)
    assert composer.paths() == [str(paths[0]), str(paths[1])]
    shown = composer.tile_of(str(paths[1]))
    assert shown is not None
    qtbot.mouseClick(shown, Qt.MouseButton.LeftButton, pos=QPoint(20, 40))
    view = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, PictureView))
    qtbot.waitUntil(lambda: "40 × 40" in view.caption.text() and "2 of 2" in view.caption.text(), timeout=20_000)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: "1 of 2" in view.caption.text(), timeout=20_000)
    view.close()


def test_a_file_that_changed_is_looked_at_again(qtbot, window: MainWindow, workstation: Workstation, tmp_path: Path) -> None:
    conversation = open_with(window, workstation, ECHO)
    path = draw(tmp_path / "same.png", seed=1)
    sent = []
    for seed in (1, 2):
        draw(path, seed=seed)
        drop(window, path)
        qtbot.waitUntil(lambda: str(path) in window.chat.attaching._ready, timeout=20_000)
        send(qtbot, window, workstation, "What?", count=seed)
        question = [message for message in workstation.messages.path(conversation) if message.role == "user"][-1]
        sent.append(question.parts[0].path)
    assert sent[0] != sent[1]


def test_a_pasted_picture_is_attached(qtbot, window: MainWindow, workstation: Workstation) -> None:
    open_with(window, workstation, ECHO)
    data = QMimeData()
    picture = QImage(50, 40, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.red)
    data.setImageData(picture)
    window.chat.composer.text.insertFromMimeData(data)
    (path,) = window.chat.composer.paths()
    wait_for_tile(qtbot, window, Path(path))


def test_a_damaged_picture_is_marked_with_its_reason_and_not_sent(
    qtbot, window: MainWindow, workstation: Workstation, tmp_path: Path
) -> None:
    conversation = open_with(window, workstation, ECHO)
    whole = draw(tmp_path / "whole.png").read_bytes()
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole[: len(whole) // 2])
    drop(window, cut)

    def is_marked() -> None:
        tile = window.chat.composer.tile_of(str(cut))
        assert tile is not None and "cut off" in tile.toolTip()

    qtbot.waitUntil(is_marked, timeout=20_000)
    qtbot.keyClicks(window.chat.composer.text, "What?")
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Return)
    assert workstation.messages.path(conversation) == []
    assert window.chat.composer.paths() == [str(cut)]


def test_a_model_that_cannot_see_or_hear_says_so_before_anything_is_sent(
    qtbot, window: MainWindow, workstation: Workstation, tmp_path: Path
) -> None:
    open_with(window, workstation, ECHO)
    with workstation.engines.lease(ECHO):
        pass
    composer = window.chat.composer
    drop(window, draw(tmp_path / "red.png"))
    qtbot.waitUntil(lambda: "cannot see" in composer._warning.text() and not composer._warning.isHidden(), timeout=10_000)
    composer.set_paths([])
    assert composer._warning.isHidden()
    drop(window, sing(tmp_path / "song.wav"))
    qtbot.waitUntil(lambda: "cannot hear" in composer._warning.text(), timeout=10_000)


def test_a_sound_is_sent_and_shown_by_its_name(qtbot, window: MainWindow, workstation: Workstation, tmp_path: Path) -> None:
    conversation = open_with(window, workstation, ECHO)
    drop(window, sing(tmp_path / "song.ogg"))
    send(qtbot, window, workstation, "What?")
    (part, _) = workstation.messages.path(conversation)[0].parts
    assert isinstance(part, AudioPart) and part.mime == "audio/flac" and part.name == "song.ogg"
    assert [one.name for one in window.chat.transcript.models()[0].attachments] == ["song.ogg"]


def test_a_frame_drawn_on_the_still_screen_becomes_a_picture(qtbot, window: MainWindow) -> None:
    still = QPixmap(400, 300)
    still.fill(Qt.GlobalColor.blue)
    region = ScreenRegion(still, window.screen())
    region.setGeometry(0, 0, 400, 300)
    taken: list[QImage] = []
    region.taken.connect(taken.append)
    region.show()
    qtbot.mousePress(region, Qt.MouseButton.LeftButton, pos=QPoint(50, 40))
    qtbot.mouseMove(region, QPoint(150, 90))
    qtbot.mouseRelease(region, Qt.MouseButton.LeftButton, pos=QPoint(150, 90))
    qtbot.waitUntil(lambda: bool(taken), timeout=5000)
    assert abs(taken[0].width() - 101) <= 1 and abs(taken[0].height() - 51) <= 1


def test_the_second_turn_begins_in_a_third_of_the_time(
    qtbot, window: MainWindow, workstation: Workstation, seeing: str, tmp_path: Path
) -> None:
    conversation = open_with(window, workstation, seeing)
    pictures = [draw(tmp_path / f"{number}.png", size=(1200, 900), seed=number) for number in range(4)]
    drop(window, *pictures)
    for path in pictures:
        wait_for_tile(qtbot, window, path)
    send(qtbot, window, workstation, "What?")
    send(qtbot, window, workstation, "And?", count=2)
    first, second = (message.run for message in workstation.messages.path(conversation) if message.role == "assistant")
    assert first is not None and second is not None
    assert second.first_token_seconds <= 0.3 * first.first_token_seconds, (first, second, time.time())


def test_a_recording_shows_its_level_and_is_attached(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = open_with(window, workstation, ECHO)
    button = window.chat.composer.record
    closed: list[bool] = []

    class Stream:
        """A microphone that hears one loud tone."""

        def __init__(self, take) -> None:
            take(b"".join(int(20_000 * math.sin(step / 5)).to_bytes(2, "little", signed=True) for step in range(16_000)))

        def close(self) -> None:
            closed.append(True)

    button._open_stream = Stream
    button.show()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.is_recording
    qtbot.waitUntil(lambda: button.level > 0.3, timeout=5000)
    assert not button.grab().toImage().isNull()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert closed == [True] and not button.is_recording
    (path,) = window.chat.composer.paths()
    assert len(read_sound(path, 16_000)) == 16_000
    send(qtbot, window, workstation, "What?")
    assert isinstance(workstation.messages.path(conversation)[0].parts[0], AudioPart)


def test_a_microphone_that_cannot_be_used_is_told(qtbot, window: MainWindow, workstation: Workstation) -> None:
    open_with(window, workstation, ECHO)
    button = window.chat.composer.record

    def refuse(take) -> None:
        raise OSError("no device")

    button._open_stream = refuse
    button.show()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not button.is_recording
    assert "no device" in window.chat.notice.accessibleName()
