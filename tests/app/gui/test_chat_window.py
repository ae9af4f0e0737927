"""The chat window as a person uses it, with the scripted engine in a real worker process."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton

from app.gui.main_window import MainWindow
from app.services.events import ReplyEnded
from app.workstation import Workstation
from backends.messages import TextPart

ECHO = "echo:?words=40&delay=0.002"


def start(window: MainWindow, workstation: Workstation, model: str = ECHO) -> str:
    conversation = workstation.conversations.create(model=model)
    assert window.chat.open_conversation(conversation.id)
    return conversation.id


def ask(qtbot, window: MainWindow, text: str) -> None:
    window.chat.composer.text.setFocus()
    qtbot.keyClicks(window.chat.composer.text, text)
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Return)


def wait_for_reply(qtbot, window: MainWindow, workstation: Workstation, count: int = 1) -> None:
    def is_finished() -> None:
        assert not workstation.chat.busy_conversations()
        replies = [model for model in window.chat.transcript.models() if model.message.role == "assistant"]
        assert len(replies) >= count and not any(model.is_live for model in replies)

    qtbot.waitUntil(is_finished, timeout=20_000)


def test_the_first_run_opens_a_conversation_that_invites_a_question(window: MainWindow) -> None:
    messages = [model.message for model in window.chat.transcript.models()]
    assert [message.role for message in messages] == ["assistant"]
    assert not window.chat.suggestions.isHidden()
    assert window.windowTitle().startswith("Welcome")


def test_enter_sends_and_the_reply_streams_into_the_transcript(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation)
    ask(qtbot, window, "hello")
    qtbot.waitUntil(lambda: any(model.is_live and model.text for model in window.chat.transcript.models()), timeout=20_000)
    wait_for_reply(qtbot, window, workstation)
    stored = workstation.messages.path(conversation)
    assert stored[0].text == "hello"
    assert window.chat.transcript.models()[-1].text == stored[-1].text
    assert stored[-1].state == "complete" and stored[-1].run is not None
    assert window.chat.composer.text.toPlainText() == ""


def test_shift_enter_breaks_the_line_and_sends_nothing(qtbot, window: MainWindow, workstation: Workstation) -> None:
    start(window, workstation)
    qtbot.keyClicks(window.chat.composer.text, "one")
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(window.chat.composer.text, "two")
    assert window.chat.composer.text.toPlainText() == "one\ntwo"
    assert window.chat.transcript.models() == ()


def test_the_enter_of_an_input_method_never_sends(qtbot, window: MainWindow, workstation: Workstation) -> None:
    start(window, workstation)
    text = window.chat.composer.text
    QApplication.sendEvent(text, QInputMethodEvent("nihao", []))
    qtbot.keyClick(text, Qt.Key.Key_Return)
    assert window.chat.transcript.models() == ()
    commit = QInputMethodEvent("", [])
    commit.setCommitString("你好")
    QApplication.sendEvent(text, commit)
    assert text.toPlainText() == "你好"


def test_a_reply_can_be_stopped_and_its_words_stay(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation, "echo:?words=2000&delay=0.01")
    ask(qtbot, window, "long")
    qtbot.waitUntil(
        lambda: any(model.is_live and len(model.text) > 30 for model in window.chat.transcript.models()), timeout=20_000
    )
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Escape)
    wait_for_reply(qtbot, window, workstation)
    last = workstation.messages.path(conversation)[-1]
    assert last.state == "stopped" and len(last.text) > 30


def test_regenerating_keeps_the_first_reply_as_a_sibling(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation)
    ask(qtbot, window, "again")
    wait_for_reply(qtbot, window, workstation)
    first = workstation.messages.path(conversation)[-1]
    window.run_action("regenerate")
    qtbot.waitUntil(lambda: workstation.messages.path(conversation)[-1].sibling_count == 2, timeout=10_000)
    wait_for_reply(qtbot, window, workstation)
    assert workstation.messages.path(conversation)[-1].id != first.id
    window.chat.message_actions.run("previous_sibling", workstation.messages.path(conversation)[-1].id)
    assert window.chat.transcript.models()[-1].message.id == first.id


def test_editing_a_question_makes_a_branch(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation)
    ask(qtbot, window, "first wording")
    wait_for_reply(qtbot, window, workstation)
    window.run_action("edit_last")
    assert window.chat.composer.is_editing and window.chat.composer.text.toPlainText() == "first wording"
    window.chat.composer.text.selectAll()
    ask(qtbot, window, "second wording")
    wait_for_reply(qtbot, window, workstation)
    path = workstation.messages.path(conversation)
    assert path[0].text == "second wording" and path[0].sibling_count == 2
    assert not window.chat.composer.is_editing


def test_a_draft_survives_switching_and_closing(qtbot, window: MainWindow, workstation: Workstation) -> None:
    first = start(window, workstation)
    qtbot.keyClicks(window.chat.composer.text, "half a thought")
    second = start(window, workstation)
    assert window.chat.composer.text.toPlainText() == ""
    assert workstation.conversations.get(first).draft == "half a thought"
    window.chat.open_conversation(first)
    assert window.chat.composer.text.toPlainText() == "half a thought"
    assert second != first


def test_a_crashed_engine_leaves_the_words_and_offers_a_fix(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation, "echo:?words=100&delay=0.002&crash=kill&after=20")
    ask(qtbot, window, "die")
    wait_for_reply(qtbot, window, workstation)
    last = workstation.messages.path(conversation)[-1]
    assert last.state == "failed" and last.text and last.error
    kinds = [row.kind for row in window.chat.transcript._strip.rows]
    assert "error" in kinds
    window.chat.transcript.action_requested.emit("fix:regenerate", last.id)
    wait_for_reply(qtbot, window, workstation, 1)


def test_a_model_that_cannot_be_loaded_is_explained_in_place(
    qtbot, window: MainWindow, workstation: Workstation, tmp_path: Path
) -> None:
    bad = tmp_path / "坏模型.gguf"
    bad.write_bytes(b"not a model at all" * 20)
    window.chat.models.import_file(str(bad))
    assert window.chat.models._card is not None
    assert "坏模型" in window.chat.models._card.accessibleName()


def test_deleting_can_be_undone_from_the_notice(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation)
    window.chat.actions_on.run("delete", conversation)
    assert workstation.conversations.get(conversation).deleted_at is not None
    qtbot.waitUntil(lambda: window.chat.conversation_id == "", timeout=5000)
    window.chat.notice._button.click()
    assert workstation.conversations.get(conversation).deleted_at is None
    assert window.chat.conversation_id == conversation


def test_searching_two_chinese_characters_finds_and_opens_the_message(
    qtbot, window: MainWindow, workstation: Workstation
) -> None:
    conversation = workstation.conversations.create(title="笔记")
    message = workstation.messages.append(conversation.id, None, "user", (TextPart("模型的量化"),))
    window.chat.sidebar.search.setText("量化")
    window.chat.sidebar.refresh()
    index = window.chat.sidebar.list.model().index(1, 0)
    assert index.isValid()
    window.chat.sidebar.list._choose(index)
    assert window.chat.conversation_id == conversation.id
    assert window.chat.transcript.models()[0].message.id == message.id


def test_settings_of_a_conversation_are_kept(window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation)
    window.chat.inspector._sliders["temperature"].field.setValue(0.3)
    window.chat.inspector._prompt.setPlainText("你是研究助手")
    window.chat.inspector.flush()
    kept = workstation.conversations.get(conversation)
    assert kept.options["sampling"]["temperature"] == pytest.approx(0.3)
    assert kept.system_prompt == "你是研究助手"


def test_the_palette_finds_actions_and_conversations(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = workstation.conversations.create(title="Rust lifetimes explained")
    window.open_palette()
    qtbot.keyClicks(window.palette_overlay.field, "rust life")
    assert window.palette_overlay.list.count() == 1
    qtbot.keyClick(window.palette_overlay.field, Qt.Key.Key_Return)
    assert window.chat.conversation_id == conversation.id


def test_what_was_open_is_open_again_after_a_restart(window: MainWindow, workstation: Workstation, translations) -> None:
    conversation = workstation.conversations.create(title="kept").id
    window.chat.open_conversation(conversation)
    window.close()
    again = MainWindow(workstation, translations)
    again.open_first(workstation.ensure_first_conversation("en"))
    assert again.chat.conversation_id == conversation
    again.close()
    again.deleteLater()


def test_coming_back_to_a_growing_reply_shows_no_word_twice(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation, "echo:?words=400&delay=0.004")
    other = workstation.conversations.create(title="other")
    ask(qtbot, window, "count")
    for _ in range(12):
        qtbot.wait(60)
        window.chat.open_conversation(other.id)
        window.chat.open_conversation(conversation)
        window.chat.transcript.flush()
        shown = window.chat.transcript.models()[-1].text.split()
        assert shown[:-1] == [f"word{number}" for number in range(1, len(shown))]
    window.chat.stop()
    wait_for_reply(qtbot, window, workstation)


def test_a_conversation_that_nobody_used_is_not_kept(qtbot, window: MainWindow, workstation: Workstation) -> None:
    before = {conversation.id for conversation in workstation.conversations.list()}
    window.chat.new_conversation()
    qtbot.keyClicks(window.chat.composer.text, "x")
    window.chat.composer.flush_draft()
    qtbot.keyClick(window.chat.composer.text, Qt.Key.Key_Backspace)
    window.chat.new_conversation()
    assert {conversation.id for conversation in workstation.conversations.list()} == before
    assert workstation.conversations.trash() == []


def test_attachments_stay_with_their_draft(window: MainWindow, workstation: Workstation, tmp_path: Path) -> None:
    file = tmp_path / "笔记.txt"
    file.write_text("hello")
    alpha, beta = (workstation.conversations.create(title=title).id for title in ("alpha", "beta"))
    window.chat.open_conversation(alpha)
    window.chat.composer.add_paths([str(file)])
    window.chat.open_conversation(beta)
    assert window.chat.composer.paths() == []
    window.chat.open_conversation(alpha)
    assert window.chat.composer.paths() == [str(file)]


def test_an_attachment_that_is_gone_is_shown_as_missing(window: MainWindow, workstation: Workstation, tmp_path: Path) -> None:
    file = tmp_path / "gone.txt"
    file.write_text("hello")
    window.chat.composer.add_paths([str(file)])
    file.unlink()
    workstation.settings.set("theme", "dark")
    window._setting_changed("theme")
    assert "missing" in [button.text() for button in window.chat.composer.findChildren(QPushButton)]
    window.chat.composer.set_paths([])


def test_the_panel_shows_what_a_new_chat_will_use(window: MainWindow, workstation: Workstation) -> None:
    window.chat.new_conversation()
    shown = window.chat.inspector._preset.currentData()
    assert shown == workstation.plan_conversation().preset
    conversation = window.chat.ensure_conversation()
    assert window.chat.inspector._preset.currentData() == conversation.preset == shown


def test_names_from_outside_are_never_read_as_markup(window: MainWindow, tmp_path: Path) -> None:
    file = tmp_path / "<b>bold<img src=x>.txt"
    file.write_text("hello")
    window.chat.composer.add_paths([str(file)])
    named = [label for label in window.chat.composer.findChildren(QLabel) if "<b>" in label.text()]
    assert named and all(label.textFormat() == Qt.TextFormat.PlainText for label in named)
    window.chat.composer.set_paths([])
    window.chat.top_bar.title.set_full_text("<img src=file://server/x>")
    assert "<img" not in window.chat.top_bar.title.toolTip()


def test_a_title_being_typed_survives_other_changes(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = workstation.conversations.create(title="old name")
    window.chat.sidebar.refresh()
    window.chat.sidebar.list.rename(conversation.id)
    editor = window.chat.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    editor.setText("new name")
    workstation.conversations.create(title="another")
    window.chat.sidebar.refresh()
    assert window.chat.sidebar.list.findChild(QLineEdit) is editor
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: workstation.conversations.get(conversation.id).title == "new name", timeout=5000)


def test_enter_while_a_reply_grows_says_why_nothing_is_sent(qtbot, window: MainWindow, workstation: Workstation) -> None:
    start(window, workstation, "echo:?words=500&delay=0.01")
    ask(qtbot, window, "long")
    qtbot.waitUntil(lambda: window.chat.transcript.is_growing, timeout=10_000)
    ask(qtbot, window, "impatient")
    assert not window.chat.notice.isHidden()
    assert window.chat.composer.text.toPlainText() == "impatient"
    window.chat.stop()
    wait_for_reply(qtbot, window, workstation)


def test_enter_in_the_moment_after_a_reply_sends_the_next_question(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = start(window, workstation)
    ask(qtbot, window, "one")
    wait_for_reply(qtbot, window, workstation)
    window.chat.composer.set_busy(True)  # the reply has ended, the window has not heard of it
    ask(qtbot, window, "two")
    wait_for_reply(qtbot, window, workstation, count=2)
    assert [message.text for message in workstation.messages.path(conversation)][::2] == ["one", "two"]


def test_an_end_heard_late_does_not_hide_the_stop_button_of_the_next_reply(
    qtbot, window: MainWindow, workstation: Workstation
) -> None:
    conversation = start(window, workstation, "echo:?words=60&delay=0.02")
    ask(qtbot, window, "one")
    wait_for_reply(qtbot, window, workstation)
    first = workstation.messages.path(conversation)[-1]
    ask(qtbot, window, "two")
    qtbot.waitUntil(lambda: window.chat.transcript.is_growing, timeout=10_000)
    window.chat.hearing.hear(ReplyEnded(conversation, first.id, "complete"))
    assert window.chat.composer.send.accessibleName() == "Stop (Esc)"
    window.chat.stop()
    wait_for_reply(qtbot, window, workstation, count=2)


def test_a_reader_above_is_not_moved_when_the_reply_ends(qtbot, window: MainWindow, workstation: Workstation) -> None:
    start(window, workstation, "echo:?words=1500&delay=0.002")
    ask(qtbot, window, "long")
    transcript = window.chat.transcript
    qtbot.waitUntil(lambda: transcript.verticalScrollBar().maximum() > 900, timeout=20_000)
    transcript.verticalScrollBar().setValue(300)
    window.chat.stop()
    wait_for_reply(qtbot, window, workstation)
    assert abs(transcript.verticalScrollBar().value() - 300) <= 2


def test_a_restored_snapshot_is_what_the_window_shows(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = workstation.conversations.create(title="kept")
    first = workstation.messages.append(conversation.id, None, "user", (TextPart("before"),))
    snapshot = workstation.snapshots.make("manual")
    workstation.messages.append(conversation.id, first.id, "assistant", (TextPart("after"),))
    window.chat.open_conversation(conversation.id)
    assert len(window.chat.transcript.models()) == 2
    workstation.snapshots.restore(snapshot.name)
    qtbot.waitUntil(lambda: len(window.chat.transcript.models()) == 1, timeout=5000)


def test_what_happens_when_a_conversation_no_longer_fits_is_chosen_for_each(window: MainWindow, workstation: Workstation) -> None:
    workstation.settings.set("chat.context_policy", "drop")
    conversation = workstation.conversations.create(model=ECHO)
    window.chat.open_conversation(conversation.id)
    inspector = window.chat.inspector
    assert inspector._context._policy.currentData() == "drop"
    inspector._context._choose(inspector._context._policy.findData("summarise"))
    inspector.flush()
    assert workstation.conversations.get(conversation.id).options["context_policy"] == "summarise"
    other = workstation.conversations.create()
    window.chat.open_conversation(other.id)
    assert inspector._context._policy.currentData() == "drop"
