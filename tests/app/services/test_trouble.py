"""Replies and snapshots when something is in their way: a model without eyes, a full disk, an empty store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.services import chat as chat_module
from app.services.events import ReplyGrew, ReplyStarted, StoreTrouble
from app.services.jobs import Jobs
from app.workstation import Workstation
from backends.messages import AudioPart, ImagePart, TextPart
from models.errors import DiskFull, StoreError
from tests.tiny_eyes import draw, sing

SLOW = "echo:?words=4000&delay=0.01"


@pytest.mark.parametrize(("name", "make", "code"), [("图.png", draw, "cannot_see"), ("x.wav", sing, "cannot_hear")])
def test_a_model_that_cannot_take_a_part_says_so_in_its_reply(
    workstation: Workstation, recorder: Any, tmp_path: Path, name: str, make: Callable[[Path], Path], code: str
) -> None:
    make(tmp_path / name)
    part = workstation.attachments.make_part(tmp_path / name)
    assert isinstance(part, ImagePart | AudioPart)
    conversation = workstation.conversations.create(model="echo:?text=never").id
    workstation.chat.send(conversation, [part, TextPart("What is this?")])
    ended = recorder.wait_for_reply()
    assert (ended.state, ended.error.code, ended.error.fixes) == ("failed", code, ("choose_model",))
    reply = workstation.messages.path(conversation)[-1]
    assert (reply.text, reply.error and reply.error["code"]) == ("", code)


def test_a_model_that_sees_gets_the_picture(workstation: Workstation, recorder: Any, tmp_path: Path) -> None:
    draw(tmp_path / "x.png")
    conversation = workstation.conversations.create(model="echo:?text=seen").id
    with workstation.engines.lease("echo:?text=seen") as engine:
        assert engine.facts is not None
        engine.facts = replace(engine.facts, can_see=True)
    workstation.chat.send(conversation, [workstation.attachments.make_part(tmp_path / "x.png")])
    assert recorder.wait_for_reply().state == "complete"


def test_a_snapshot_is_not_put_back_while_a_reply_cannot_be_kept(
    workstation: Workstation, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_module, "_STOP_SECONDS", 0.5)
    monkeypatch.setattr(chat_module, "_SAVE_RETRY_SECONDS", 0.05)
    conversation = workstation.conversations.create(model=SLOW).id
    snapshot = workstation.snapshots.make()
    finish = workstation.messages.finish

    def refuse(*arguments: Any) -> None:
        raise DiskFull(folder="/", free="0 MB")

    monkeypatch.setattr(workstation.messages, "finish", refuse)
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew)
    started = time.monotonic()
    with pytest.raises(DiskFull):
        workstation.snapshots.restore(snapshot.name)
    assert time.monotonic() - started < 5
    assert workstation.conversations.get(conversation)
    monkeypatch.setattr(workstation.messages, "finish", finish)
    assert recorder.wait_for_reply().state == "stopped"
    assert workstation.messages.path(conversation)[-1].text


def test_all_replies_can_be_stopped_while_one_is_about_to_begin(workstation: Workstation, recorder: Any) -> None:
    conversation = workstation.conversations.create(model=SLOW).id
    reached, go_on = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def hold(event: object) -> None:
        if isinstance(event, ReplyStarted):
            reached.set()
            go_on.wait(10)

    def stop() -> None:
        try:
            workstation.chat.stop_all()
        except BaseException as error:
            errors.append(error)

    workstation.events.subscribe(hold)
    sender = threading.Thread(target=workstation.chat.send, args=(conversation, [TextPart("go")]))
    sender.start()
    assert reached.wait(10)
    stopper = threading.Thread(target=stop)
    stopper.start()
    time.sleep(0.2)
    go_on.set()
    sender.join()
    stopper.join()
    assert errors == []
    assert workstation.chat.busy_conversations() == []


def test_the_run_card_of_a_reply_that_failed_counts_what_came(workstation: Workstation, recorder: Any) -> None:
    conversation = workstation.conversations.create(model="echo:?words=10&fail=out_of_memory&after=3").id
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for_reply()
    run = workstation.messages.path(conversation)[-1].run
    assert run is not None
    assert run.output_tokens == 3


def test_a_store_in_which_nobody_spoke_gets_no_daily_snapshot(workstation: Workstation) -> None:
    workstation.ensure_first_conversation("en")
    assert workstation.snapshots.make_daily(lambda: False) is None
    conversation = workstation.conversations.create().id
    workstation.messages.append(conversation, None, "user", [TextPart("hi")])
    assert workstation.snapshots.make_daily(lambda: False) is not None
    assert workstation.snapshots.make_daily(lambda: False) is None


def test_a_daily_snapshot_is_made_while_yanmo_stays_open(workstation: Workstation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.workstation._HOUR_SECONDS", 0.05)
    workstation.messages.append(workstation.conversations.create().id, None, "user", [TextPart("hi")])
    workstation.start_housekeeping()
    deadline = time.monotonic() + 10
    for path in Path(workstation.paths.snapshots).glob("*"):
        path.unlink()
    while not any(snapshot.reason == "daily" for snapshot in workstation.snapshots.list()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_daily_snapshot_that_fails_is_told(workstation: Workstation, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise StoreError(reason="The disk is gone.")

    monkeypatch.setattr(workstation.snapshots, "make_daily", refuse)
    workstation.start_housekeeping()
    assert recorder.wait_for(StoreTrouble).error.facts["reason"] == "The disk is gone."


def test_a_repeated_job_runs_again_and_ends_with_yanmo() -> None:
    jobs = Jobs()
    runs: list[float] = []
    jobs.repeat(0.02, "disk", lambda is_cancelled: runs.append(time.monotonic()), "tick")
    deadline = time.monotonic() + 10
    while len(runs) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    jobs.close()
    count = len(runs)
    time.sleep(0.1)
    assert len(runs) == count
