"""Which model is in memory: loading, replacing, cancelling, crashing."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import psutil
import pytest

from app.services.events import ModelFailed, ModelLoaded, ModelLoading, ModelUnloaded, ReplyGrew
from app.workstation import Workstation, make_workstation
from backends.backend import GenerationRequest
from backends.events import Finished, TextDelta
from backends.messages import TextPart, make_text_message
from backends.options import LoadOptions
from models.errors import LoadCancelled, ModelNotFound, UserFacingError

ONE, OTHER = "echo:?text=one", "echo:?text=other"


def test_a_model_is_loaded_and_tells_its_progress(workstation: Workstation, recorder: Any) -> None:
    assert (workstation.engines.state(), workstation.engines.current(), workstation.engines.current_model) == ("empty", None, "")
    workstation.engines.load("echo:?load=0.2")
    assert workstation.engines.state() == "loading"
    loaded = recorder.wait_for(ModelLoaded)
    assert workstation.engines.state() == "ready"
    assert workstation.engines.current() == loaded.facts
    assert workstation.engines.current_model == loaded.model == "echo:?load=0.2"
    fractions = [event.fraction for event in recorder.of(ModelLoading)]
    assert fractions[0] == 0.0
    assert fractions == sorted(fractions)


def test_the_same_model_is_not_loaded_twice_and_new_options_load_it_anew(workstation: Workstation, recorder: Any) -> None:
    workstation.engines.load(ONE)
    recorder.wait_for(ModelLoaded)
    workstation.engines.load(ONE)
    workstation.engines.load(ONE, LoadOptions())
    time.sleep(0.2)
    assert len(recorder.of(ModelLoaded)) == 1
    workstation.engines.load(ONE, LoadOptions(context_length=99))
    recorder.wait_for(ModelLoaded, count=2)
    assert workstation.engines.options_for(ONE).context_length == 99
    assert workstation.engines.options_for(OTHER) == LoadOptions()


def test_another_model_takes_the_place_of_the_first_whose_process_ends(workstation: Workstation, recorder: Any) -> None:
    first = workstation.engines.ensure(ONE).pid  # type: ignore[attr-defined]
    workstation.engines.ensure(OTHER)
    assert recorder.wait_for(ModelUnloaded).model == ONE
    assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE
    assert workstation.settings.get("model.last") == OTHER


def test_a_model_is_replaced_only_after_its_answer(workstation: Workstation, recorder: Any) -> None:
    slow = "echo:?words=60&delay=0.02"
    conversation = workstation.conversations.create(model=slow).id
    workstation.chat.send(conversation, [TextPart("go")])
    recorder.wait_for(ReplyGrew)
    workstation.engines.load(OTHER)
    assert workstation.engines.state() == "loading"
    assert recorder.wait_for_reply().state == "complete"
    recorder.wait_for(ModelLoaded, where=lambda event: event.model == OTHER)


def test_two_conversations_with_different_models_are_both_answered(workstation: Workstation, recorder: Any) -> None:
    ids = [workstation.conversations.create(model=model).id for model in (ONE, OTHER, ONE)]
    for conversation in ids:
        workstation.chat.send(conversation, [TextPart("?")])
    recorder.wait_for_reply(3)
    assert [workstation.messages.path(conversation)[-1].text for conversation in ids] == ["one", "other", "one"]


def test_loading_can_be_cancelled(workstation: Workstation, recorder: Any) -> None:
    workstation.engines.load("echo:?load=30")
    recorder.wait_for(ModelLoading)
    workstation.engines.cancel_load()
    failed = recorder.wait_for(ModelFailed, seconds=5)
    assert isinstance(failed.error, LoadCancelled)
    assert workstation.engines.state() == "empty"
    workstation.engines.ensure(ONE)


def test_loading_another_model_cancels_the_first_load(workstation: Workstation, recorder: Any) -> None:
    workstation.engines.load("echo:?load=30")
    workstation.engines.load(ONE)
    assert recorder.wait_for(ModelLoaded, seconds=10).model == ONE
    assert isinstance(recorder.wait_for(ModelFailed).error, LoadCancelled)


def test_a_load_that_fails_says_why_and_can_be_tried_again(workstation: Workstation, recorder: Any) -> None:
    bad = "echo:?load_fail=out_of_memory"
    workstation.engines.load(bad)
    assert recorder.wait_for(ModelFailed).error.code == "out_of_memory"
    error = workstation.engines.error()
    assert error is not None
    assert (workstation.engines.state(), error.code) == ("failed", "out_of_memory")
    with pytest.raises(UserFacingError):
        workstation.engines.ensure(bad)
    workstation.engines.ensure(ONE)
    assert workstation.engines.state() == "ready"


def test_a_process_that_dies_idle_is_noticed_and_started_again_on_the_next_use(workstation: Workstation, recorder: Any) -> None:
    pid = workstation.engines.ensure(ONE).pid  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGSEGV)
    assert recorder.wait_for(ModelFailed).error.code == "engine_crashed"
    assert workstation.engines.state() == "failed"
    assert workstation.engines.ensure(ONE).pid != pid  # type: ignore[attr-defined]


def test_unloading_frees_the_process(workstation: Workstation, recorder: Any) -> None:
    workstation.engines.ensure(ONE)
    workstation.engines.unload()
    assert recorder.wait_for(ModelUnloaded).model == ONE
    assert workstation.engines.state() == "empty"
    workstation.engines.unload()


def test_a_request_without_a_conversation_is_answered(workstation: Workstation) -> None:
    workstation.engines.ensure("echo:")
    stream = workstation.engines.generate(GenerationRequest(messages=(make_text_message("user", "ping"),)))
    events = list(stream)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "ping"
    assert isinstance(events[-1], Finished)


def test_the_default_is_the_chosen_model_then_the_last_then_the_starter(workstation: Workstation, paths: Any) -> None:
    workstation.settings.set("model.default", ONE)
    assert workstation.engines.default_model() == ONE
    workstation.settings.set("model.default", "gone")
    workstation.settings.set("model.last", OTHER)
    assert workstation.engines.default_model() == OTHER
    workstation.settings.set("model.last", "gone too")
    if workstation.starter_model():
        assert workstation.engines.default_model() == workstation.starter_model()
    else:
        with pytest.raises(ModelNotFound):
            workstation.engines.default_model()


def test_closing_while_a_model_loads_ends_everything(paths: Any) -> None:
    workstation = make_workstation(paths)
    workstation.engines.load("echo:?load=30")
    waiter = threading.Thread(target=_swallow, args=(lambda: workstation.engines.ensure("echo:?load=30"),))
    waiter.start()
    time.sleep(0.2)
    started = time.monotonic()
    workstation.close()
    waiter.join(5)
    assert not waiter.is_alive()
    assert time.monotonic() - started < 5
    assert not [child for child in psutil.Process().children() if "echo" in " ".join(child.cmdline())]


def _swallow(action: Any) -> None:
    try:
        action()
    except UserFacingError:
        pass
