"""What a load could not do as wished is told in its notice; what went as wished is not."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from backends.events import LoadedModel
from backends.llamacpp import backend as backend_module
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.load_notices import LockWatch, find_notices
from backends.llamacpp.model import NativeModel
from backends.llamacpp.placement import Places
from backends.options import LoadOptions
from models.errors import OutOfMemory
from tests.backends.llamacpp.batched import open_model
from tests.tiny_states import make_states

WARNING = "warning: failed to {0} 5304320-byte buffer (after previously locking 0 bytes): Cannot allocate memory"


def load(path: Path, **options: Any) -> LoadedModel:
    backend = LlamaCppBackend()
    facts = backend.load(str(path), LoadOptions(threads=1, device="CPU", **options), lambda fraction: True)
    backend.close()
    return facts


def load_without_locked_memory(path: str, told: Connection) -> None:
    """In a process of its own, which may lock no more than a page."""
    import resource

    resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))
    backend = LlamaCppBackend()
    if os.geteuid() == 0:  # it may lock what it likes: be another, who still reads root's files
        os.seteuid(65534)
        ctypes.CDLL(None).setfsuid(0)
    facts = backend.load(path, LoadOptions(threads=1, context_length=512, device="CPU", use_mlock=True), lambda fraction: True)
    told.send(facts.notice)
    backend.close()


@pytest.mark.parametrize("call", ["mlock", "VirtualLock"])
def test_a_lock_that_fails_is_heard_while_the_weights_are_loaded(call: str) -> None:
    log = ""
    heard: list[float] = []

    def progress(fraction: float) -> bool:
        heard.append(fraction)
        return True

    watch = LockWatch(progress, lambda: log)
    assert watch(0.1)
    assert not watch.has_failed
    log = "load_tensors: loading\n" + WARNING.format(call)
    watch(0.5)
    log = ""  # it is dropped with the next step
    watch(1.0)
    assert watch.has_failed
    assert heard == [0.1, 0.5, 1.0]


@pytest.mark.skipif(sys.platform != "linux", reason="how the limit is set is Linux's")
def test_memory_that_the_system_does_not_lock_is_told(tiny_model: Path) -> None:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=load_without_locked_memory, args=(str(tiny_model), theirs))
    process.start()
    assert ours.poll(120)
    assert "locked" in ours.recv()
    process.join()


def test_a_context_beyond_the_trained_one_is_told(tiny_model: Path) -> None:
    plain = load(tiny_model)
    assert plain.notice == ""
    trained = plain.trained_context
    assert load(tiny_model, context_length=trained).notice == ""
    assert str(trained) in load(tiny_model, context_length=trained + 1).notice


def test_guessing_from_the_text_is_told_where_nothing_can_be_taken_back(tmp_path: Path) -> None:
    model = open_model(make_states(tmp_path, guesses=False)[1], context_length=64)
    assert not model.most_guesses  # it was loaded without states to go back to, as an engine may refuse them
    assert find_notices(model, LoadOptions(context_length=64), is_unlocked=False) == []
    told = find_notices(model, LoadOptions(context_length=64, lookup_tokens=4), is_unlocked=False)
    assert ["take nothing back" in sentence for sentence in told] == [True]
    model.close()


def test_several_notices_stand_in_lines_of_their_own(tiny_model: Path) -> None:
    facts = load(tiny_model)
    backend = LlamaCppBackend()
    options = LoadOptions(threads=1, device="CUDA9", context_length=facts.trained_context + 1)
    lines = backend.load(str(tiny_model), options, lambda fraction: True).notice.split("\n")
    backend.close()
    assert ["CUDA9" in lines[0], "trained" in lines[1]] == [True, True]


def test_a_full_gpu_is_tried_with_fewer_layers_and_then_the_processor_computes(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def open_where_there_is_room(
        library: NativeLibrary, path: str, options: LoadOptions, *more: Any, **named: Any
    ) -> NativeModel:
        tried.append(options.gpu_layers)
        if options.device != "CPU":
            raise OutOfMemory(model="tiny", reason="unable to allocate CUDA0 buffer")
        return NativeModel(library, path, options, *more, **named)

    options = LoadOptions(threads=1, context_length=512)
    monkeypatch.setattr(backend_module, "choose_places", lambda *_: Places(options, "CUDA0", layers=9, is_planned=True))
    monkeypatch.setattr(backend_module, "NativeModel", open_where_there_is_room)
    facts = load(tiny_model, context_length=512)
    assert tried == [-1, 4, 0]
    assert facts.device == "CPU"
    assert "graphics memory was full" in facts.notice
