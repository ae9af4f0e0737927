"""Chatting through a real worker process with the echo engine."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from app.services.events import (
    ContextMeasured,
    ConversationChanged,
    ModelFailed,
    ModelLoaded,
    ReplyEnded,
    ReplyGrew,
    ReplyProgress,
    ReplyStarted,
    StoreTrouble,
)
from app.workstation import Workstation
from backends.messages import FilePart, ImagePart, ReasoningPart, TextPart
from models.errors import AttachmentRefused, ConversationNotFound, DiskFull, GenerationFailed, ReplyInProgress

FAST = "echo:?words=40&delay=0.001"
SLOW = "echo:?words=4000&delay=0.01"


def begin(workstation: Workstation, model: str, **settings: Any) -> str:
    return workstation.conversations.create(model=model, **settings).id


def test_a_question_is_answered_and_kept(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, FAST + "&prompt=0.2")
    said = workstation.chat.send(conversation, [TextPart("hello")])
    assert said.role == "user"
    assert workstation.chat.is_busy(conversation)
    ended = recorder.wait_for_reply()
    question, answer = workstation.messages.path(conversation)
    assert question == workstation.messages.get(said.id)
    assert (answer.id, answer.state, ended.state, ended.error) == (ended.message_id, "complete", "complete", None)
    assert answer.text == "".join(event.text for event in recorder.of(ReplyGrew))
    assert len(answer.text.split()) == 40
    assert not workstation.chat.is_busy(conversation)
    assert recorder.of(ReplyStarted) == [ReplyStarted(conversation, answer.id)]
    assert recorder.of(ReplyProgress)


def test_the_run_card_says_how_the_reply_was_made(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, FAST)
    workstation.conversations.update(conversation, options={"sampling": {"temperature": 0.5}, "seed": 42})
    workstation.chat.send(conversation, [TextPart("hello")])
    recorder.wait_for_reply()
    run = workstation.messages.path(conversation)[-1].run
    assert run is not None
    assert (run.backend, run.seed, run.options["seed"], run.options["sampling"]["temperature"]) == ("echo", 42, 42, 0.5)
    assert run.output_tokens > 0
    assert run.total_seconds > 0
    assert run.context_length > 0


def test_a_seed_is_drawn_and_kept_where_none_was_chosen(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, FAST, preset="Creative")
    workstation.chat.send(conversation, [TextPart("hello")])
    recorder.wait_for_reply()
    run = workstation.messages.path(conversation)[-1].run
    assert run is not None
    assert run.options["seed"] == run.seed
    assert run.options["sampling"]["xtc_probability"] == 0.3


def test_a_stopped_reply_keeps_its_words_and_can_go_on(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew, count=5)
    started = time.monotonic()
    workstation.chat.stop(conversation)
    ended = recorder.wait_for_reply()
    assert time.monotonic() - started < 1.0
    first = workstation.messages.get(ended.message_id)
    assert first.state == "stopped"
    assert first.text
    workstation.chat.continue_reply(first.id)
    recorder.wait_for(ReplyStarted, count=2)
    grown = len(recorder.of(ReplyGrew))
    recorder.wait_for(ReplyGrew, count=grown + 5)
    reasoning, text = workstation.chat.live_text(first.id)
    assert (reasoning, text.startswith(first.text), len(text) > len(first.text)) == ("", True, True)
    workstation.chat.stop(conversation)
    recorder.wait_for_reply(2)
    second = workstation.messages.get(first.id)
    assert second.text.startswith(first.text)
    assert len(second.text) > len(first.text)
    assert second.sibling_count == 1


def test_a_complete_reply_cannot_go_on(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, FAST)
    said = workstation.chat.send(conversation, [TextPart("go")])
    ended = recorder.wait_for_reply()
    for message_id in (ended.message_id, said.id):
        with pytest.raises(GenerationFailed):
            workstation.chat.continue_reply(message_id)
    assert not workstation.chat.is_busy(conversation)


def test_regenerating_and_editing_make_branches(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:")
    said = workstation.chat.send(conversation, [TextPart("one")])
    first = recorder.wait_for_reply().message_id
    second = workstation.chat.regenerate(first)
    recorder.wait_for_reply(2)
    assert [message.id for message in workstation.messages.siblings(first)] == [first, second.id]
    edited = workstation.chat.edit_and_send(said.id, [TextPart("two")])
    recorder.wait_for_reply(3)
    assert [message.text for message in workstation.messages.path(conversation)] == ["two", "two"]
    assert (edited.sibling_index, edited.sibling_count) == (1, 2)
    mine = workstation.chat.edit_reply(second.id, "my own words")
    assert workstation.messages.path(conversation)[-1].text == "my own words"
    assert (mine.sibling_index, mine.sibling_count, mine.run) == (2, 3, None)
    assert len(recorder.of(ReplyEnded)) == 3


def test_a_greeting_cannot_be_generated_again(workstation: Workstation) -> None:
    made = workstation.ensure_first_conversation("en")
    assert made is not None
    (greeting,) = workstation.messages.path(made)
    with pytest.raises(GenerationFailed):
        workstation.chat.regenerate(greeting.id)
    assert not workstation.chat.is_busy(made)


def test_one_reply_at_a_time_in_each_conversation(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    workstation.chat.send(conversation, [TextPart("one")])
    with pytest.raises(ReplyInProgress):
        workstation.chat.send(conversation, [TextPart("two")])
    recorder.wait_for(ReplyGrew)
    assert workstation.chat.busy_conversations() == [conversation]
    assert len(workstation.messages.tree(conversation)) == 2
    other = begin(workstation, SLOW)
    workstation.chat.send(other, [TextPart("three")])
    assert set(workstation.chat.busy_conversations()) == {conversation, other}
    workstation.chat.stop_all()
    assert workstation.chat.busy_conversations() == []


def test_reasoning_is_kept_apart_with_the_time_it_took(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:?reasoning=let%20me%20think&text=done&delay=0.05")
    workstation.chat.send(conversation, [TextPart("?")])
    ended = recorder.wait_for_reply()
    reasoning, text = workstation.messages.get(ended.message_id).parts
    assert isinstance(reasoning, ReasoningPart)
    assert reasoning.text.strip() == "let me think"
    assert 0.05 <= reasoning.seconds < 5
    assert text == TextPart("done")
    assert "".join(event.reasoning for event in recorder.of(ReplyGrew)) == reasoning.text


def test_a_crash_keeps_the_words_and_the_next_use_starts_the_engine_again(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew, count=5)
    pid = workstation.engines.ensure(SLOW).pid  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGSEGV)
    ended = recorder.wait_for_reply()
    assert (ended.state, ended.error.code if ended.error else "") == ("failed", "engine_crashed")
    kept = workstation.messages.get(ended.message_id)
    assert kept.text
    assert kept.error is not None
    assert kept.error["code"] == "engine_crashed"
    assert recorder.wait_for(ModelFailed).model == SLOW
    assert workstation.engines.state() == "failed"
    workstation.chat.continue_reply(kept.id)
    recorder.wait_for(ModelLoaded, count=2)
    count = len(recorder.of(ReplyGrew))
    recorder.wait_for(ReplyGrew, count=count + 2)
    workstation.chat.stop(conversation)
    recorder.wait_for_reply(2)
    assert workstation.messages.get(kept.id).text.startswith(kept.text)


def test_an_engines_error_is_stored_with_the_words_before_it(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:?words=10&fail=out_of_memory&after=5")
    workstation.chat.send(conversation, [TextPart("go")])
    ended = recorder.wait_for_reply()
    kept = workstation.messages.get(ended.message_id)
    assert (kept.state, len(kept.text.split())) == ("failed", 5)
    assert kept.error is not None
    assert kept.error["code"] == "out_of_memory"
    assert kept.run is not None


def test_a_prompt_that_is_too_long_is_an_error_and_never_cut(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:?context=16")
    workstation.chat.send(conversation, [TextPart("word " * 50)])
    ended = recorder.wait_for_reply()
    assert ended.error is not None
    assert ended.error.code == "context_overflow"


def test_a_model_that_is_not_there_fails_the_reply_and_nothing_else(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "no such model")
    said = workstation.chat.send(conversation, [TextPart("keep me")])
    ended = recorder.wait_for_reply()
    assert ended.error is not None
    assert ended.error.code == "model_not_found"
    workstation.conversations.update(conversation, model=FAST)
    workstation.chat.regenerate(said.id)
    assert recorder.wait_for_reply(2).state == "complete"


def test_stopping_while_the_model_loads_ends_the_reply_at_once(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:?load=20")
    workstation.chat.send(conversation, [TextPart("go")])
    time.sleep(0.3)
    workstation.chat.stop(conversation)
    ended = recorder.wait_for(ReplyEnded, seconds=2)
    assert (ended.state, ended.error) == ("stopped", None)
    assert workstation.engines.state() == "loading"


def test_the_first_words_become_the_title(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, FAST)
    workstation.chat.send(conversation, [TextPart("## 什么是 **量化**？\n\n请详细说明")])
    assert workstation.conversations.get(conversation).title == "什么是 量化？"
    recorder.wait_for_reply()
    named = workstation.conversations.create(model=FAST, title="mine").id
    workstation.chat.send(named, [TextPart("other words")])
    recorder.wait_for_reply(2)
    assert workstation.conversations.get(named).title == "mine"


def test_attached_files_are_adopted_and_refused_ones_send_nothing(
    workstation: Workstation, recorder: Any, tmp_path: Path
) -> None:
    conversation = begin(workstation, FAST)
    with pytest.raises(AttachmentRefused):
        workstation.chat.send(conversation, [TextPart("see"), ImagePart(str(tmp_path / "none.png"))])
    assert workstation.messages.path(conversation) == []
    assert not workstation.chat.is_busy(conversation)
    picture = tmp_path / "图.png"
    picture.write_bytes(b"\x89PNG")
    said = workstation.chat.send(conversation, [ImagePart(str(picture), name="图.png")])
    picture.unlink()
    (part,) = said.parts
    assert isinstance(part, ImagePart)
    assert Path(part.path).read_bytes() == b"\x89PNG"
    assert workstation.conversations.get(conversation).title == "图.png"
    recorder.wait_for_reply()


def test_a_document_is_given_to_the_model_as_text_under_its_name(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:")
    document = FilePart("", "plan.md", "# Plan\n```\ncode\n```")
    workstation.chat.send(conversation, [document, TextPart("What is this?")])
    ended = recorder.wait_for_reply()
    assert workstation.messages.get(ended.message_id).text.split() == (
        ["plan.md", "````", "#", "Plan", "```", "code", "```", "````", "What", "is", "this?"]
    )
    assert workstation.messages.path(conversation)[0].parts[0] == document


def test_the_context_is_measured_for_the_newest_draft_only(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, "echo:", system_prompt="a b c")
    workstation.chat.measure_context(conversation, [TextPart("before any model is there")])
    workstation.engines.load("echo:")
    recorder.wait_for(ModelLoaded)
    first = recorder.wait_for(ContextMeasured)
    assert first.available > first.used > 0
    for number in range(1, 20):
        workstation.chat.measure_context(conversation, [TextPart("word " * number * 10)])
    recorder.wait_for(ContextMeasured, where=lambda event: event.used > 180)
    assert len(recorder.of(ContextMeasured)) < 5


def test_a_full_disk_loses_no_word(workstation: Workstation, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    full = threading.Event()
    full.set()
    journal, finish = workstation.messages.journal, workstation.messages.finish

    def refuse(real: Any) -> Any:
        def attempt(*arguments: Any, **keywords: Any) -> Any:
            if full.is_set():
                raise DiskFull(folder="x", free="0 MB")
            return real(*arguments, **keywords)

        return attempt

    monkeypatch.setattr(workstation.messages, "journal", refuse(journal))
    monkeypatch.setattr(workstation.messages, "finish", refuse(finish))
    conversation = begin(workstation, "echo:?words=60&delay=0.02")
    workstation.chat.send(conversation, [TextPart("go")])
    trouble = recorder.wait_for(StoreTrouble)
    assert trouble.error.code == "disk_full"
    time.sleep(1.5)
    assert workstation.chat.is_busy(conversation)
    full.clear()
    ended = recorder.wait_for_reply()
    assert len(workstation.messages.get(ended.message_id).text.split()) == 60


def test_closing_in_the_middle_keeps_what_was_said(paths: Any) -> None:
    from app.workstation import make_workstation

    with make_workstation(paths) as workstation:
        conversation = begin(workstation, SLOW)
        workstation.chat.send(conversation, [TextPart("go")])
        deadline = time.monotonic() + 10
        while not workstation.chat.live_text(workstation.messages.path(conversation)[-1].id)[1]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with make_workstation(paths) as workstation:
        answer = workstation.messages.path(conversation)[-1]
        assert answer.state == "stopped"
        assert answer.text


def test_a_growing_reply_is_journalled_twice_a_second(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew, count=100)
    message = workstation.messages.path(conversation)[-1]
    for _ in range(3):
        before = workstation.chat.live_text(message.id)[1]
        time.sleep(0.6)
        assert len(workstation.messages.get(message.id).text) >= len(before) > 0


def test_a_conversation_deleted_for_good_under_a_reply_does_no_harm(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew, count=3)
    workstation.conversations.purge(conversation)
    workstation.chat.stop(conversation)
    recorder.wait_for_reply()
    with pytest.raises(ConversationNotFound):
        workstation.messages.path(conversation)


def test_a_snapshot_put_back_ends_replies_first(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    snapshot = workstation.snapshots.make()
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew)
    workstation.snapshots.restore(snapshot.name)
    assert workstation.messages.path(conversation) == []
    assert workstation.chat.busy_conversations() == []


def test_a_snapshot_of_a_growing_reply_is_put_back_as_an_interrupted_one(workstation: Workstation, recorder: Any) -> None:
    conversation = begin(workstation, SLOW)
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew, count=60)
    snapshot = workstation.snapshots.make()
    workstation.snapshots.restore(snapshot.name)
    answer = workstation.messages.path(conversation)[-1]
    assert answer.state == "interrupted"
    assert answer.text


def test_new_conversations_follow_the_settings_and_the_starter_is_at_its_surest(workstation: Workstation) -> None:
    assert workstation.start_conversation("echo:").preset == "Balanced"
    if starter := workstation.starter_model():
        assert workstation.start_conversation().preset == "Deterministic"
        assert workstation.start_conversation(starter).model == starter
    workstation.settings.set("chat.preset", "Code")
    workstation.settings.set("chat.system_prompt", "Be brief.")
    made = workstation.start_conversation()
    assert (made.preset, made.system_prompt) == ("Code", "Be brief.")


def test_the_first_conversation_is_made_once_and_in_the_readers_language(workstation: Workstation, recorder: Any) -> None:
    made = workstation.ensure_first_conversation("zh_CN")
    assert made is not None
    assert workstation.conversations.get(made).title == "欢迎使用研墨"
    assert "量化" in workstation.messages.path(made)[0].text
    assert workstation.ensure_first_conversation("en") is None
    assert recorder.of(ConversationChanged)


def test_the_run_card_of_a_real_model_has_the_hash_of_its_file(workstation: Workstation, recorder: Any) -> None:
    import hashlib

    starter = workstation.starter_model()
    if not starter:
        pytest.skip("the starter model has not been made yet")
    conversation = workstation.start_conversation().id
    workstation.conversations.update(conversation, options={"max_tokens": 5, "sampling": {"temperature": 0.0}})
    workstation.chat.send(conversation, [TextPart("Hello")])
    recorder.wait_for_reply()
    run = workstation.messages.path(conversation)[-1].run
    assert run is not None
    data = Path(workstation.library.find(starter).path).read_bytes()
    assert (run.model_sha256, run.backend) == (hashlib.sha256(data).hexdigest(), "llamacpp")
