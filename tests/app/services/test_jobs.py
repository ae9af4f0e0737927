"""Lanes of background work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from app.services.jobs import LANES, Jobs


def test_a_lane_runs_as_many_jobs_at_once_as_it_is_wide() -> None:
    jobs = Jobs()
    running, most = 0, 0
    lock = threading.Lock()

    def work(_: Callable[[], bool]) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1

    for lane, width in LANES.items():
        most = 0
        futures = [jobs.submit(lane, work) for _ in range(5)]
        for future in futures:
            assert future is not None
            future.result(timeout=5)
        assert most == width
    jobs.close()


def test_closing_asks_jobs_to_stop_and_takes_no_more() -> None:
    jobs = Jobs()
    began = threading.Event()

    def work(is_cancelled: Callable[[], bool]) -> str:
        began.set()
        while not is_cancelled():
            time.sleep(0.01)
        return "stopped"

    running, waiting = jobs.submit("disk", work), jobs.submit("disk", work)
    assert began.wait(5)
    jobs.close()
    assert running is not None
    assert waiting is not None
    assert running.result() == "stopped"
    assert waiting.cancelled()
    assert jobs.submit("disk", work) is None


def test_a_job_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    jobs = Jobs()

    def fail(_: Callable[[], bool]) -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        jobs.submit("disk", fail, "the job")
        jobs.close()
    assert "the job" in caplog.text
