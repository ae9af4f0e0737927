"""Threads are tried out beside other replies too, and what waits for the choice does not wait for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.llamacpp import model as model_module
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.thread_choice import ThreadChoice
from backends.options import LoadOptions
from tests.backends.requests import complete


def test_steps_of_several_replies_choose_threads_too_and_are_not_compared_with_others() -> None:
    used: list[int] = []
    choice = ThreadChoice(2, 2, used.append)
    for _ in range(12):
        choice.note(1.0, 3)
    assert used == [1]
    choice.note(0.1, 1)
    assert used == [1, 2], "begun again with the usual one"
    for _ in range(11):
        choice.note(0.1, 1)
    for _ in range(12):
        choice.note(0.2, 1)
    assert choice.chosen == 2
    assert used == [1, 2, 1, 2]


def test_where_the_number_of_replies_changes_all_the_time_the_usual_number_of_threads_stays() -> None:
    used: list[int] = []
    choice = ThreadChoice(2, 2, used.append)
    for step in range(20):
        choice.note(0.1, step % 3)
    assert choice.chosen == 2
    assert used == []


def test_bursts_begin_with_several_replies_although_nobody_chose_the_threads(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YANMO_THREADS", raising=False)
    monkeypatch.setattr(model_module, "count_physical_cores", lambda: 2)
    monkeypatch.setattr(model_module, "choose_threads", lambda wanted: wanted or 1)
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(context_length=1024, parallel=2, device="CPU"), lambda fraction: True)
    model, scheduler = backend._loaded()
    steps: list[int] = []
    run_burst = scheduler.burst.run
    monkeypatch.setattr(scheduler.burst, "run", lambda replies, **rest: steps.append(len(replies)) or run_burst(replies, **rest))
    for number in (1, 2):
        backend.submit(number, complete("Once", max_tokens=100, temperature=0.0, logit_bias=((264, -1000.0),)), lambda: False)
    while not backend.is_idle:
        backend.step()
    assert model.threads is not None
    assert model.threads.chosen
    assert 2 in steps
    backend.close()
