"""Work in the background by lanes: what wants the same resource waits in one line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, TypeVar

Lane = Literal["gpu", "disk", "network", "media"]
LANES: dict[Lane, int] = {"gpu": 1, "disk": 1, "network": 3, "media": 1}
"""How many jobs of a lane run at once."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Jobs:
    """Thread-safe. A job is a function that asks ``is_cancelled`` now and then; its errors are logged and kept in its future."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[Lane, ThreadPoolExecutor] = {}
        self._closing = threading.Event()
        self._clocks: list[threading.Thread] = []

    def submit(self, lane: Lane, job: Callable[[Callable[[], bool]], T], name: str = "") -> Future[T] | None:
        """Queue a job; none where Yanmo is closing."""
        with self._lock:
            if self._closing.is_set():
                return None
            if lane not in self._lanes:
                self._lanes[lane] = ThreadPoolExecutor(LANES[lane], thread_name_prefix=lane)
            future = self._lanes[lane].submit(job, self._closing.is_set)
        future.add_done_callback(lambda done: _log_failure(name or job.__qualname__, done))
        return future

    def repeat(self, seconds: float, lane: Lane, job: Callable[[Callable[[], bool]], T], name: str = "") -> None:
        """Queue a job again and again until Yanmo closes, for the first time after ``seconds``."""

        def tick() -> None:
            while not self._closing.wait(seconds):
                self.submit(lane, job, name)

        clock = threading.Thread(target=tick, name=f"clock {name}", daemon=True)
        with self._lock:
            if not self._closing.is_set():
                clock.start()
                self._clocks.append(clock)

    def close(self) -> None:
        """Drop what waits, ask what runs to stop, and wait for it."""
        with self._lock:
            self._closing.set()
            lanes, clocks = list(self._lanes.values()), list(self._clocks)
        for clock in clocks:
            clock.join()
        for lane in lanes:
            lane.shutdown(wait=True, cancel_futures=True)


def _log_failure(name: str, future: Future[T]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("the job “%s” failed", name, exc_info=error)
