"""What a worker's native code prints: kept to explain a crash, and never left behind."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from pathlib import Path

_LOG_TAIL = 16_384


class WorkerLog:
    """A file that the worker prints into. It loses its name as soon as both have it open, so that nothing is ever left behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle = -1
        self._tail = ""
        self.path = ""

    def open(self) -> None:
        """Make the file; from now on it has a path."""
        self._handle, self.path = tempfile.mkstemp(prefix="yanmo-engine-", suffix=".log")

    def unname(self) -> None:
        """Remove the name, where the system lets a file live on without one."""
        if self.path and sys.platform != "win32":
            path, self.path = self.path, ""
            with contextlib.suppress(OSError):
                Path(path).unlink()

    def tail(self) -> str:
        """The last 16 KB, as text."""
        with self._lock:
            if self._handle >= 0:
                size = os.lseek(self._handle, 0, os.SEEK_END)
                os.lseek(self._handle, max(0, size - _LOG_TAIL), os.SEEK_SET)
                self._tail = os.read(self._handle, _LOG_TAIL).decode("utf-8", "replace")
            return self._tail

    def close(self) -> None:
        """Keep the tail and let the file go. Safe to call twice."""
        self.tail()
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1
            if self.path:
                with contextlib.suppress(OSError):
                    Path(self.path).unlink()
