"""A thread that does a piece of Python's work while the engine's thread computes in C.

A pool of one thread would do, but its futures cost the engine's thread 30 µs more after each step (53, not 22; cold, as always there).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Companion:
    """Does one piece of work at a time. It has one owner, which waits for the end before it touches the same things."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._done: SimpleQueue[Exception | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_busy = False

    def begin(self, task: Callable[[], None]) -> None:
        """Have it done beside what the caller does next, after what was begun before is done.

        Raises:
            Exception: what went wrong in the work before this.
        """
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="companion", daemon=True)
            thread.start()  # a system that has no more of them refuses here
            self._thread = thread
        self.wait()
        self._is_busy = True
        self._tasks.put(task)

    def wait(self) -> None:
        """Until nothing is being done.

        Raises:
            Exception: what went wrong.
        """
        if not self._is_busy:
            return
        self._is_busy = False
        if (error := self._done.get()) is not None:
            raise error

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._tasks.put(None)
            thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - raised again in the owner's thread
                self._done.put(error)
            else:
                self._done.put(None)
            del task  # it holds on to replies
