"""What this machine and the engine's build can compute on."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backends.devices import list_engine_devices, list_nvidia_gpus


def install_fake_tool(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\n" + script, encoding="utf-8")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def test_the_build_has_a_processor_with_memory() -> None:
    devices = list_engine_devices()
    assert any(device.kind == "cpu" and device.memory_total > 0 for device in devices)


def test_gpus_are_read_from_the_drivers_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_tool(tmp_path, monkeypatch, "echo 'NVIDIA H200, 570.1, 143771, 1024'\necho 'half a line'\n")
    (gpu,) = list_nvidia_gpus()
    assert (gpu.name, gpu.driver, gpu.memory_total, gpu.memory_used) == ("NVIDIA H200", "570.1", 143771 << 20, 1 << 30)


@pytest.mark.parametrize("script", ["exit 9", "echo 'NVIDIA-SMI has failed'"])
def test_a_driver_that_does_not_answer_means_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    install_fake_tool(tmp_path, monkeypatch, script)
    assert list_nvidia_gpus() == []


def test_without_the_tool_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list_nvidia_gpus() == []
