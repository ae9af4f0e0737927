"""The starter with eyes in the window: a picture is dropped, asked about, asked about again, and there after a restart."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from app.gui.application import make_window
from app.gui.chat.attachment_view import PictureLabel
from app.gui.main_window import MainWindow
from app.gui.translation import Translations
from app.workstation import Workstation, make_workstation


def draw_circle(path: Path) -> Path:
    """A red circle on white."""
    picture = Image.new("RGB", (216, 216), "white")
    ImageDraw.Draw(picture).ellipse((58, 58, 158, 158), fill=(225, 30, 35))
    picture.save(path)
    return path


def ask(qtbot, window: MainWindow, workstation: Workstation, text: str) -> str:
    """The reply to a question that is typed and sent."""
    window.chat.composer.text.insertPlainText(text)
    count = len(window.chat.transcript.models())
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Return)

    def is_finished() -> None:
        models = window.chat.transcript.models()
        assert len(models) >= count + 2 and not models[-1].is_live and not workstation.chat.busy_conversations()

    qtbot.waitUntil(is_finished, timeout=60_000)
    return workstation.messages.path(window.chat.conversation_id)[-1].text


def test_it_sees_remembers_and_is_there_after_a_restart(
    qtbot, window: MainWindow, workstation: Workstation, translations: Translations, tmp_path: Path
) -> None:
    conversation = workstation.start_conversation(workstation.starter_with_eyes())
    assert window.chat.open_conversation(conversation.id)
    data = QMimeData()
    circle = draw_circle(tmp_path / "圆.png")
    data.setUrls([QUrl.fromLocalFile(str(circle))])
    point = QPointF(10, 10)
    window.chat.composer.dropEvent(
        QDropEvent(point, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    )
    assert "red" in ask(qtbot, window, workstation, "What colour is it?").lower()
    assert "circle" in ask(qtbot, window, workstation, "What shape is it?").lower()
    assert "圆" in ask(qtbot, window, workstation, "这是什么形状？")
    runs = [message.run for message in workstation.messages.path(conversation.id) if message.run is not None]
    picture_places = runs[0].prompt_tokens - 20
    assert runs[1].cached_tokens > picture_places  # the picture was neither encoded nor read again
    circle.unlink()
    window.close()
    workstation.close()

    again = make_workstation(workstation.paths)
    reopened = make_window(again, translations)
    try:
        reopened.show()
        assert reopened.chat.open_conversation(conversation.id)
        qtbot.waitUntil(
            lambda: any(label.pixmap().height() > 40 for label in reopened.chat.transcript.findChildren(PictureLabel)),
            timeout=20_000,
        )
        assert "red" in ask(qtbot, reopened, again, "And what colour is it?").lower()
        for kind, held in (
            ("html", "data:image/png;base64,"),
            ("md", "data:image/png;base64,"),
            ("json", '"data": "iVBORw0KGgo'),
        ):
            target = again.portability.export_to(tmp_path / f"chat.{kind}", kind, [conversation.id])  # type: ignore[arg-type]
            assert held in target.read_text(encoding="utf-8"), kind
    finally:
        again.chat.stop_all()
        reopened.close()
        again.close()
