"""What this machine and the engine's build can compute on."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backends.devices import VARIANT_VARIABLE, GgmlLibrary, list_engine_devices, list_nvidia_gpus


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


FAKE_GGML = """
#include <stdio.h>
static char loaded[4096];
void *ggml_backend_reg_by_name(const char *name) { return loaded[0] ? loaded : 0; }
void *ggml_backend_load(const char *path) { snprintf(loaded, sizeof loaded, "one %s", path); return loaded; }
void ggml_backend_load_all_from_path(const char *path) { snprintf(loaded, sizeof loaded, "best of %s", path); }
const char *what_was_loaded(void) { return loaded; }
"""


@pytest.fixture
def build_of_many_kernels(tmp_path: Path) -> Path:
    """A folder like that of an engine with kernels for many processors, whose ggml only notes what it is asked."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler here")
    source = tmp_path / "ggml.c"
    source.write_text(FAKE_GGML, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(tmp_path / "libggml.so"), str(source)], check=True)
    shutil.copy(tmp_path / "libggml.so", tmp_path / "libggml-base.so")
    for name in ("haswell", "x64"):
        (tmp_path / f"libggml-cpu-{name}.so").touch()
    return tmp_path


def what_was_loaded(library: GgmlLibrary) -> str:
    return str(library._text("what_was_loaded", 0))


def test_of_kernels_for_many_processors_the_engine_is_asked_for_the_best_once(
    build_of_many_kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIANT_VARIABLE, raising=False)
    first = GgmlLibrary(build_of_many_kernels)
    assert what_was_loaded(first) == f"best of {build_of_many_kernels}"
    monkeypatch.setenv(VARIANT_VARIABLE, "x64")
    assert what_was_loaded(GgmlLibrary(build_of_many_kernels)) == f"best of {build_of_many_kernels}"


def test_kernels_can_be_named(build_of_many_kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIANT_VARIABLE, "x64")
    assert what_was_loaded(GgmlLibrary(build_of_many_kernels)) == f"one {build_of_many_kernels / 'libggml-cpu-x64.so'}"


def test_an_engine_for_one_processor_is_left_alone(build_of_many_kernels: Path) -> None:
    for path in build_of_many_kernels.glob("libggml-cpu-*"):
        path.unlink()
    assert what_was_loaded(GgmlLibrary(build_of_many_kernels)) == ""


def test_the_copy_that_llama_cpp_itself_loads_is_asked(build_of_many_kernels: Path) -> None:
    """A wheel holds a library under several names and without links: each name would be a registry of its own."""
    for stem in ("ggml-base", "ggml"):
        shutil.copy(build_of_many_kernels / "libggml.so", build_of_many_kernels / f"lib{stem}.so.0")
    library = GgmlLibrary(build_of_many_kernels)
    assert all(str(one._name).endswith(".so.0") for one in library._libraries)
