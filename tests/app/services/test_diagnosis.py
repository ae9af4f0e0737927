"""What is said about GPUs is true for those of every maker, and no finding contradicts another."""

from __future__ import annotations

import sys

import pytest

from app.services.diagnosis import look_at_engines, look_at_gpus
from backends.devices import Device, NvidiaGpu

GB = 10**9
PROCESSOR = Device("CPU", "A processor", "cpu", 32 * GB, 16 * GB)
RADEON = Device("Vulkan0", "AMD Radeon RX 7800 XT", "gpu", 16 * GB, 15 * GB)
SHARED = Device("Vulkan1", "Intel Iris Xe", "integrated_gpu", 16 * GB, 8 * GB)
GEFORCE = NvidiaGpu("NVIDIA GeForce RTX 3060", "570.1", 12 * GB, 2 * GB)


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


def texts_of(devices: list[Device], nvidia: list[NvidiaGpu]) -> list[str]:
    return [finding.text for finding in look_at_gpus(devices, nvidia)]


def acceleration_of(devices: list[Device], nvidia: list[NvidiaGpu]) -> str:
    return next(finding.text for finding in look_at_engines(devices, nvidia) if finding.topic == "Acceleration")


def test_a_gpu_that_is_not_nvidias_is_named_with_its_memory() -> None:
    (text,) = texts_of([PROCESSOR, RADEON], [])
    assert [word in text for word in ("AMD Radeon RX 7800 XT", "Vulkan0", "15.0 GB of 16.0 GB")] == [True] * 3
    assert "Vulkan0" in acceleration_of([PROCESSOR, RADEON], [])


def test_an_integrated_gpu_is_used_alone_and_not_beside_another() -> None:
    (text,) = texts_of([PROCESSOR, SHARED], [])
    assert "in the machine's memory" in text
    assert "Vulkan1" in acceleration_of([PROCESSOR, SHARED], [])
    assert "not used" in texts_of([RADEON, SHARED, PROCESSOR], [])[1]
    assert "Vulkan1" not in acceleration_of([RADEON, SHARED, PROCESSOR], [])


def test_nvidias_gpu_is_named_once_whichever_way_the_engine_reaches_it() -> None:
    for name in ("CUDA0", "Vulkan0"):
        device = Device(name, "NVIDIA GeForce RTX 3060", "gpu", 12 * GB, 10 * GB)
        (text,) = texts_of([device, PROCESSOR], [GEFORCE])
        assert "driver 570.1" in text


def test_no_gpu_is_said_only_where_none_answers() -> None:
    for devices in ([], [PROCESSOR], [PROCESSOR, Device("BLAS", "A library", "accelerator", 0, 0)]):
        assert "No GPU answers" in texts_of(devices, [])[0]
    assert "right where there is no GPU" in acceleration_of([PROCESSOR], [])
    assert "the GPU is not used" in acceleration_of([PROCESSOR], [GEFORCE])
