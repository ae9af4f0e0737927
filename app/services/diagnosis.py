"""What this machine has, which engines are built, and what to install: one finding for each, in plain words."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.paths import Paths
from app.services.findings import Finding, is_frozen
from app.services.torch_pack import look_at_torch
from backends.outer_environment import make_outer_environment

if TYPE_CHECKING:
    from backends.devices import Device, NvidiaGpu

_CPU_FEATURES = ("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "amx_int8", "neon", "asimd", "sve")
_GIGABYTE = 10**9
_LITTLE_MEMORY = 4 * _GIGABYTE
_LITTLE_DISK = 5 * _GIGABYTE


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything that was found."""

    findings: tuple[Finding, ...]

    @property
    def has_trouble(self) -> bool:
        """Whether something keeps Yanmo from working."""
        return any(finding.state == "trouble" for finding in self.findings)


def make_report(paths: Paths) -> DoctorReport:
    """Look at everything. Takes about a second: engines are tried in a child process."""
    from backends.devices import list_engine_devices, list_nvidia_gpus

    devices, nvidia = list_engine_devices(), list_nvidia_gpus()
    looks: list[Callable[[], Iterable[Finding]]] = [_look_at_system, _look_at_memory, _look_at_display]
    looks += [lambda: look_at_gpus(devices, nvidia), lambda: look_at_engines(devices, nvidia)]
    looks.append(lambda: (look_at_torch(paths),))
    if not is_frozen():
        looks.append(_look_at_tools)  # who has no Python has nothing to build
    return DoctorReport((*(finding for look in looks for finding in look()), *_look_at_data(paths)))


def _look_at_system() -> Iterator[Finding]:
    python = f"{platform.python_version()} ({platform.python_implementation()}, {platform.machine()})"
    yield Finding("Python", "good", python)
    yield Finding("System", "good", _name_system())
    name, features = _describe_processor()
    cores = os.cpu_count() or 1
    text = f"{name}, {cores} {'core' if cores == 1 else 'cores'}" + (f", {' '.join(features)}" if features else "")
    slow = platform.machine().lower() in ("x86_64", "amd64") and features and "avx2" not in features
    yield Finding(
        "Processor", "note" if slow else "good", text, "Without AVX2 models answer slowly; nothing can be done." if slow else ""
    )


def _look_at_memory() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{_gigabytes(memory.available)} are free, of {_gigabytes(memory.total)}."
    little = memory.available < _LITTLE_MEMORY
    remedy = "Only small models fit: close other programs for larger ones." if little else ""
    yield Finding("Memory", "note" if little else "good", text, remedy)


def _look_at_display() -> Iterator[Finding]:
    qt = _package_version("PySide6-Essentials")
    yield Finding(
        "Window",
        "good" if qt else "trouble",
        f"PySide6 {qt}" if qt else "PySide6 is not installed.",
        "" if qt else _repair("Run “make run” again."),
    )
    if sys.platform in ("win32", "darwin"):
        yield Finding("Display", "good", "That of the system.")
        return
    from app.services.display import has_display

    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if name and has_display(sys.platform, os.environ):
        yield Finding("Display", "good", f"{'Wayland' if os.environ.get('WAYLAND_DISPLAY') else 'X11'} ({name})")
    else:
        yield Finding("Display", "note", "There is none: the window cannot open here.", "Use “yanmo chat” in the terminal.")


def look_at_gpus(devices: Sequence[Device], nvidia: Sequence[NvidiaGpu]) -> Iterator[Finding]:
    """The GPUs that NVIDIA's driver knows, and those of others that the engine can compute on."""
    for gpu in nvidia:
        used, total = _gigabytes(gpu.memory_used), _gigabytes(gpu.memory_total)
        yield Finding("GPU", "good", f"{gpu.name}, driver {gpu.driver}: {used} of {total} are used.")
    gpus = _list_gpus(devices)
    used_names = {device.name for device in _choose_used(gpus)}
    others = [device for device in gpus if not any(gpu.name in device.description for gpu in nvidia)]
    for device in others:
        name, free, total = (
            device.description.strip() or device.name,
            _gigabytes(device.memory_free),
            _gigabytes(device.memory_total),
        )
        if device.name not in used_names:
            text = f"{name} ({device.name}) is integrated, and not used beside another GPU unless it is chosen."
            yield Finding("GPU", "good", text)
        elif device.kind == "integrated_gpu":
            yield Finding("GPU", "good", f"{name} ({device.name}), in the machine's memory: {free} of {total} are free.")
        else:
            yield Finding("GPU", "good", f"{name} ({device.name}): {free} of {total} are free.")
    if nvidia or others:
        return
    if sys.platform == "darwin":
        yield Finding("GPU", "good", "Metal, with the memory of the machine.")
    else:
        yield Finding("GPU", "note", "No GPU answers: models run on the processor.")


def _list_gpus(devices: Sequence[Device]) -> list[Device]:
    return [device for device in devices if device.kind in ("gpu", "integrated_gpu")]


def _choose_used(gpus: Sequence[Device]) -> list[Device]:
    """Those that the engine uses by itself: integrated ones only where there is no other."""
    return [gpu for gpu in gpus if gpu.kind == "gpu"] or list(gpus)


def look_at_engines(devices: Sequence[Device], nvidia: Sequence[NvidiaGpu]) -> Iterator[Finding]:
    """Whether llama.cpp is there, and what it was built for. ``devices`` are its own, none where it cannot be loaded."""
    version = _package_version("llama-cpp-python")
    if not version:
        yield Finding(
            "llama.cpp",
            "trouble",
            "It is not installed.",
            _repair("Run “make run”, which builds it; it needs a C++ compiler and cmake."),
        )
    else:
        if not devices:
            remedy = _repair("Rebuild it on this machine: delete .venv and run “make run”.")
            yield Finding("llama.cpp", "trouble", f"Version {version} is installed but cannot be loaded.", remedy)
        else:
            named = ", ".join(f"{device.name} ({device.description.strip()})" for device in devices)
            variant = next((device.variant for device in devices if device.variant), "")
            built = f"llama-cpp-python {version} for {named}."
            yield Finding(
                "llama.cpp", "good", f"{built} Kernels for processors: {variant}, chosen at start." if variant else built
            )
            yield from _advise_acceleration(devices, nvidia)


def _repair(remedy: str) -> str:
    """What mends a part of Yanmo itself; the packaged app is only whole as it came."""
    return "Install Yanmo's package again." if is_frozen() else remedy


def _advise_acceleration(devices: Sequence[Device], nvidia: Sequence[NvidiaGpu]) -> Iterator[Finding]:
    """What to do where there is a GPU that the engine was not built for."""
    if names := [device.name for device in _choose_used(_list_gpus(devices))]:
        yield Finding("Acceleration", "good", f"The engine computes on {', '.join(names)}: as many layers as fit go there.")
        return
    if not nvidia:
        text = "The engine was built for processors only, which is right where there is no GPU."
        yield Finding("Acceleration", "good", text)
        return
    text = "The engine was built for processors only: the GPU is not used."
    if is_frozen():
        remedy = "Install Yanmo from a clone too (“make run ACCEL=cuda”). Both use the same models and conversations."
    elif shutil.which("nvcc"):
        remedy = "Rebuild it: run “make run ACCEL=cuda”."
    else:
        remedy = "Install the CUDA toolkit (nvcc), then run “make run ACCEL=cuda”."
    yield Finding("Acceleration", "note", text, remedy)


def _look_at_tools() -> Iterator[Finding]:
    compilers = [name for name in ("c++", "g++", "clang++", "cl") if shutil.which(name)]
    if compilers and shutil.which("cmake"):
        yield Finding("Compiler", "good", f"{compilers[0]} and cmake are here.")
    else:
        text = "A C++ compiler is missing." if not compilers else "The program cmake is missing."
        yield Finding("Compiler", "note", text, "It is only needed to build the engine anew.")
    nvcc = shutil.which("nvcc")
    yield Finding(
        "CUDA toolkit",
        "good" if nvcc else "note",
        _first_line_with([nvcc, "--version"], "release") if nvcc else "It is not installed.",
    )


def _look_at_data(paths: Paths) -> Iterator[Finding]:
    folder = next(place for place in (paths.data, *paths.data.parents) if place.exists())
    free = shutil.disk_usage(folder).free
    text = f"{paths.data}: {_gigabytes(free)} are free."
    if not os.access(folder, os.W_OK):
        yield Finding("Data", "trouble", f"{paths.data} cannot be written.", "Set YANMO_DATA to a folder of yours.")
    elif free < _LITTLE_DISK:
        yield Finding("Data", "note", text, "Larger models will not fit: free some space.")
    else:
        yield Finding("Data", "good", text)
    starters = sorted(paths.starter.glob("*.gguf"))
    if starters:
        yield Finding("Starter model", "good", starters[0].name)
    else:
        yield Finding("Starter model", "note", "It is missing.", "Install Yanmo again, or import another model.")
    if seeing := sorted(path for path in (paths.starter / "eyes").glob("*.gguf") if "mmproj" not in path.name):
        yield Finding("Starter with eyes", "good", seeing[0].name)


def _name_system() -> str:
    if sys.platform == "linux":
        try:
            return f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, kernel {platform.release()}"
        except OSError:
            return f"Linux {platform.release()}"
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.release()} ({platform.version()})"


def _describe_processor() -> tuple[str, list[str]]:
    """Its name, and those features that the engine makes use of."""
    if sys.platform == "darwin":
        return _first_line_with(["sysctl", "-n", "machdep.cpu.brand_string"], "") or platform.processor(), []
    name, features = platform.processor() or platform.machine(), set[str]()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip().lower() in ("flags", "features"):
            features = set(value.split())
            break
    return name, [feature for feature in _CPU_FEATURES if feature in features]


def _package_version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _first_line_with(command: list[str], word: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env=make_outer_environment())
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next((line.strip() for line in done.stdout.splitlines() if word in line), "")


def _gigabytes(count: int) -> str:
    return f"{count / _GIGABYTE:.1f} GB"
