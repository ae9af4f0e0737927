"""How much memory the machine has and uses now, cheap enough to be asked every second by a window."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from backends.devices import NvidiaGpu, list_nvidia_gpus

_GPU_INTERVAL = 3.0
"""Seconds between two questions to the GPU's driver, which takes up to a second to answer."""


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """Memory at one moment, in bytes. ``gpus`` is what was last heard, empty where there is none."""

    ram_used: int
    ram_total: int
    gpus: tuple[NvidiaGpu, ...] = ()

    @property
    def ram_free(self) -> int:
        """What programs can still have without swapping."""
        return self.ram_total - self.ram_used


class Hardware:
    """Answers at once: GPUs are asked in a thread of their own, and only where their tool is installed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gpus: tuple[NvidiaGpu, ...] = ()
        self._asked_at = float("-inf")
        self._is_asking = False
        self._has_gpu_tool = shutil.which("nvidia-smi") is not None

    def snapshot(self) -> MemorySnapshot:
        """Memory now; the GPUs' as of some seconds ago."""
        import psutil

        self._refresh_gpus()
        memory = psutil.virtual_memory()
        with self._lock:
            return MemorySnapshot(memory.total - memory.available, memory.total, self._gpus)

    def process_memory(self, pids: Iterable[int]) -> int:
        """Bytes of RAM that these processes hold; one that has ended counts nothing."""
        import psutil

        total = 0
        for pid in pids:
            try:
                total += psutil.Process(pid).memory_info().rss
            except psutil.Error:
                continue
        return total

    def _refresh_gpus(self) -> None:
        with self._lock:
            if not self._has_gpu_tool or self._is_asking or time.monotonic() - self._asked_at < _GPU_INTERVAL:
                return
            self._is_asking = True
        threading.Thread(target=self._ask_gpus, name="gpu memory", daemon=True).start()

    def _ask_gpus(self) -> None:
        gpus = tuple(list_nvidia_gpus())
        with self._lock:
            self._gpus = gpus
            self._asked_at = time.monotonic()
            self._is_asking = False
