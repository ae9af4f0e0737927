"""How fast bytes come: a limit shared by every connection, and a meter."""

from __future__ import annotations

import threading
import time
from collections import deque

_BURST_SECONDS = 0.25
_WINDOW_SECONDS = 5.0


class SpeedLimit:
    """Bytes a second for everything that shares it; 0 is no limit. May be changed at any time. Thread-safe."""

    def __init__(self, bytes_per_second: int = 0) -> None:
        self._lock = threading.Lock()
        self._rate = bytes_per_second
        self._ready_at = 0.0

    @property
    def bytes_per_second(self) -> int:
        """The limit; 0 is none."""
        return self._rate

    def change(self, bytes_per_second: int) -> None:
        """Set another limit, from now on."""
        with self._lock:
            self._rate = max(0, bytes_per_second)
            self._ready_at = 0.0

    def take(self, count: int) -> float:
        """Note ``count`` bytes; the seconds to wait before the next are taken."""
        with self._lock:
            if not self._rate:
                return 0.0
            now = time.monotonic()
            self._ready_at = max(self._ready_at, now - _BURST_SECONDS) + count / self._rate
            return max(0.0, self._ready_at - now)


class SpeedMeter:
    """Mean speed of the last five seconds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: deque[tuple[float, int]] = deque()
        self._sum = 0

    def note(self, count: int) -> None:
        """``count`` bytes came."""
        now = time.monotonic()
        with self._lock:
            if self._marks and now - self._marks[-1][0] < 0.05:
                self._marks[-1] = (self._marks[-1][0], self._marks[-1][1] + count)
            else:
                self._marks.append((now, count))
            self._sum += count
            self._forget(now)

    def bytes_per_second(self) -> float:
        """0 where nothing came for five seconds."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            return self._sum / max(now - self._marks[0][0], 0.25) if self._marks else 0.0

    def _forget(self, now: float) -> None:
        while self._marks and now - self._marks[0][0] > _WINDOW_SECONDS:
            self._sum -= self._marks.popleft()[1]
