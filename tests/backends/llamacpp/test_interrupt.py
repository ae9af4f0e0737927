"""A decode ends soon after a cancel, without Python in the way, and a late wish harms nobody."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from backends.backend import GenerationRequest
from backends.events import Finished, PromptProgress
from backends.llamacpp import interrupt as interrupt_module
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.batch import Batch
from backends.llamacpp.interrupt import Interrupt
from backends.options import LoadOptions
from tests.backends.llamacpp.batched import Bench, open_model
from tests.backends.requests import make_options


def test_a_running_decode_ends_within_a_moment_of_the_wish_and_the_next_one_runs(slow_model: Path) -> None:
    model = open_model(slow_model, context_length=1024, parallel=1)
    wished = threading.Event()
    interrupt = Interrupt(model.api, model.context, wished.is_set)
    batch = Batch(model.api, model.batch_size, model.sequences)
    batch.add(0, 0, [7] * 500, 1)
    interrupt.begin()
    timer = threading.Timer(0.01, wished.set)  # a fast machine reads all of it in 150 ms
    timer.start()
    result = model.api.llama_decode(model.context, batch.as_struct())
    timer.join()
    assert result == 2
    wished.clear()
    time.sleep(0.05)
    model.api.llama_memory_clear(model.api.llama_get_memory(model.context), True)
    interrupt.begin()
    assert model.api.llama_decode(model.context, batch.as_struct()) == 0
    interrupt.close()
    model.close()


def test_a_flag_that_nobody_wished_costs_a_step_and_no_reply(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=512, parallel=2)
    plain = bench.ask([5, 6, 7] * 10, 30, logit_bias=tuple((token, -1000.0) for token in range(261, 265)))
    for _ in range(5):
        bench.step()
    begin = bench.scheduler.interrupt.begin
    bench.scheduler.interrupt.begin = lambda **_: bench.scheduler.interrupt._flag.__setitem__(0, b"\x01")  # type: ignore[method-assign]
    bench.step()
    bench.scheduler.interrupt.begin = begin  # type: ignore[method-assign]
    bench.run()
    end = bench.end(plain)
    assert isinstance(end, Finished)
    assert end.usage.output_tokens == 30
    bench.close()


def test_nothing_looks_while_nothing_is_computed(tiny_model: Path) -> None:
    asked = []
    bench = Bench(tiny_model, context_length=512, parallel=1)
    bench.ask([5] * 10, 20, lambda: bool(asked.append(1)))
    bench.run()
    count = len(asked)
    assert not bench.scheduler.interrupt._armed.is_set()
    time.sleep(0.1)
    assert len(asked) <= count + 1
    bench.close()


def test_a_cancel_that_is_announced_ends_the_decode_without_waiting_for_the_next_look(
    slow_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupt_module, "_LOOK_SECONDS", 30.0)
    backend = LlamaCppBackend()
    backend.load(str(slow_model), LoadOptions(context_length=1024, threads=1, parallel=1), lambda fraction: True)
    wished = threading.Event()
    backend.submit(1, GenerationRequest(prompt_tokens=(7,) * 500, options=make_options(max_tokens=5)), wished.is_set)
    while not any(isinstance(event, PromptProgress) for _, event in backend.step()):
        pass
    time.sleep(0.05)  # the thread has had its look

    def cancel() -> None:
        wished.set()
        backend.look_for_cancels()

    threading.Timer(0.01, cancel).start()
    events = [event for _ in range(3) for _, event in backend.step()]
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.output_tokens) == ("cancelled", 0)
    backend.close()
