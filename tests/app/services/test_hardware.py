"""The memory that a window shows."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from app.services.hardware import Hardware


def test_memory_is_known_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    started = time.perf_counter()
    snapshot = Hardware().snapshot()
    assert time.perf_counter() - started < 1.0
    assert 0 < snapshot.ram_used < snapshot.ram_total
    assert snapshot.ram_free == snapshot.ram_total - snapshot.ram_used
    assert snapshot.gpus == ()


def test_a_slow_driver_does_not_keep_the_window_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n/bin/sleep 1\necho 'GPU, 1.0, 1000, 10'\n", encoding="utf-8")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    hardware = Hardware()
    started = time.perf_counter()
    assert hardware.snapshot().gpus == ()
    assert time.perf_counter() - started < 0.9
    end = time.monotonic() + 5
    while not hardware.snapshot().gpus and time.monotonic() < end:
        time.sleep(0.02)
    (gpu,) = hardware.snapshot().gpus
    assert gpu.memory_used == 10 << 20


def test_processes_are_added_up_and_the_dead_count_nothing() -> None:
    hardware = Hardware()
    assert hardware.process_memory([os.getpid()]) > 1 << 20
    assert hardware.process_memory([2**22 + 1]) == 0
