"""Quantizing as jobs: kept until done, cancelled on demand, taken up again by the next run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.paths import make_paths
from app.services.quantizing import Quantizing
from app.workstation import Workstation, make_workstation
from backends.messages import TextPart
from models.errors import InvalidOption
from quantize.order import Order
from quantize.recipe import Recipe
from resources import resource_folder

CHECKPOINT = str(resource_folder() / "starter" / "checkpoint")


def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def make_order(out: Path, *types: str) -> Order:
    return Order(CHECKPOINT, tuple(map(Recipe, types)), str(out), measure="", threads=1)


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    return make_workstation(make_paths(tmp_path / "data"))


def test_an_order_runs_and_is_then_forgotten_on_disk(workstation: Workstation, tmp_path: Path) -> None:
    with workstation:
        job = workstation.quantizing.start(make_order(tmp_path / "out", "Q4_0", "Q8_0"))
        wait(lambda: workstation.quantizing.jobs()[0].state == "finished")
        done = workstation.quantizing.jobs()[0]
        assert done.id == job and [card.file_type for _, card in done.cards] == ["Q4_0", "Q8_0"]
        assert list(workstation.paths.quantizing.iterdir()) == []
        assert [card.file_type for _, card in workstation.quantizing.find_cards(tmp_path / "out")] == ["Q8_0", "Q4_0"]


def test_an_order_that_a_crash_interrupted_is_offered_and_goes_on(tmp_path: Path) -> None:
    paths = make_paths(tmp_path / "data")
    with make_workstation(paths) as first:
        quantizing = first.quantizing
        quantizing._queue = lambda job: None  # type: ignore[method-assign]  # the program dies before the order's turn
        quantizing.start(make_order(tmp_path / "out", "Q4_0"))
    (paths.quantizing / "broken.json").write_text("{")
    with make_workstation(paths) as second:
        (job,) = second.quantizing.jobs()
        assert job.state == "interrupted"
        second.quantizing.resume(job.id)
        wait(lambda: second.quantizing.jobs()[0].state == "finished")
        assert (tmp_path / "out" / "checkpoint-Q4_0.gguf").exists()
        assert [path.name for path in paths.quantizing.iterdir()] == ["broken.json"]


def test_cancelling_stops_what_runs_and_what_waits(workstation: Workstation, tmp_path: Path) -> None:
    with workstation:
        quantizing: Quantizing = workstation.quantizing
        first = quantizing.start(make_order(tmp_path / "a", *(f"Q{n}_K" for n in (2, 6)), "IQ4_XS", "Q5_K_M"))
        second = quantizing.start(make_order(tmp_path / "b", "Q4_0"))
        quantizing.cancel(second)
        wait(lambda: quantizing.jobs()[0].state == "running")
        quantizing.cancel(first)
        wait(lambda: quantizing.jobs()[0].state == "cancelled")
        assert quantizing.jobs()[1].state == "cancelled" and not (tmp_path / "b").exists()
        assert not list(tmp_path.rglob("*.part"))
        quantizing.forget(first)
        assert len(quantizing.jobs()) == 1


def test_a_failed_order_says_why_and_can_be_tried_again(workstation: Workstation, tmp_path: Path) -> None:
    with workstation:
        order = Order(str(tmp_path / "none.gguf"), (Recipe("Q4_0"),), str(tmp_path / "out"), measure="")
        workstation.quantizing.start(order)
        wait(lambda: workstation.quantizing.jobs()[0].state == "failed")
        assert workstation.quantizing.jobs()[0].error is not None


def test_closing_the_program_interrupts_and_keeps_the_order(tmp_path: Path) -> None:
    paths = make_paths(tmp_path / "data")
    with make_workstation(paths) as first:
        first.quantizing.start(make_order(tmp_path / "out", "Q2_K", "Q3_K_M", "Q4_K_M", "IQ4_XS", "Q6_K"))
        wait(lambda: first.quantizing.jobs()[0].state == "running")
    with make_workstation(paths) as second:
        assert [job.state for job in second.quantizing.jobs()] == ["interrupted"]


def test_own_conversations_are_a_calibration_text(workstation: Workstation) -> None:
    with workstation:
        with pytest.raises(InvalidOption, match="letters of conversations"):
            workstation.quantizing.read_text("conversations")
        conversation = workstation.conversations.create(title="x")
        workstation.messages.append(conversation.id, None, "user", (TextPart("你好，" * 2500),))
        assert workstation.quantizing.read_text("conversations").count("你好") == 2500
