"""Where a model can be computed: what this machine has (CPU, CUDA, Metal, Vulkan) and what the engine was built for."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import re
import subprocess
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from backends.outer_environment import make_outer_environment

DeviceKind = Literal["cpu", "gpu", "integrated_gpu", "accelerator"]

VARIANT_VARIABLE = "YANMO_ENGINE_VARIANT"
"""Environment variable that names the kernels to use, where an engine has them for many processors (``haswell`` …)."""

_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "integrated_gpu", 3: "accelerator"}


@dataclass(frozen=True, slots=True)
class Device:
    """One device that the engine can use. Memory in bytes; ``name`` is what ``LoadOptions.device`` takes.

    ``variant`` is which of several builds of its kernels serves the processor (``haswell`` …); empty where there is only one.
    """

    name: str
    description: str
    kind: DeviceKind
    memory_total: int
    memory_free: int
    variant: str = ""


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    """One NVIDIA GPU as its driver describes it, whether or not an engine can use it. Memory in bytes."""

    name: str
    driver: str
    memory_total: int
    memory_used: int


class GgmlLibrary:
    """The device functions of ggml, which llama-cpp-python does not bind. Loads native code: use it in a child process.

    Raises:
        OSError: the library is not there or cannot be loaded.
    """

    def __init__(self, folder: Path | None, *, is_silent: bool = False) -> None:
        if folder is None:
            raise OSError("llama-cpp-python is not installed")
        self._libraries = [ctypes.CDLL(str(_find_library(folder, stem))) for stem in ("ggml-base", "ggml")]
        if is_silent:
            self._hear_nothing = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
            self._function("ggml_log_set", None, ctypes.c_void_p, ctypes.c_void_p)(self._hear_nothing, None)
        self._load_variant(folder)

    def find_device(self, name: str) -> int | None:
        """The handle of the device of this ggml name (``CUDA0`` …), or None."""
        handle: int | None = self._function("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)(name.encode())
        return handle

    def list_devices(self) -> list[Device]:
        """Every device that this build can use, CPU included."""
        count = self._function("ggml_backend_dev_count", ctypes.c_size_t)()
        get = self._function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
        return [self._describe(get(index)) for index in range(count)]

    def buffer_types(self) -> dict[str, int]:
        """Where tensors may lie, by the names that ggml gives (``CPU``, ``CUDA0`` …): handles of buffer types."""
        count = self._function("ggml_backend_dev_count", ctypes.c_size_t)()
        get = self._function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
        find = self._function("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p)
        handles = [find(get(index)) for index in range(count)]
        return {self._text("ggml_backend_buft_name", handle): handle for handle in handles if handle}

    def add_rpc_server(self, address: str) -> bool:
        """Make the devices behind ``host:port`` known; false where the build has no RPC or nobody answers."""
        backend = self._function("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)(b"RPC")
        if not backend:
            return False
        find = self._function("ggml_backend_reg_get_proc_address", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
        if not (place := find(backend, b"ggml_backend_rpc_add_server")):
            return False
        server = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(place)(address.encode())
        if not server:
            return False
        self._function("ggml_backend_register", None, ctypes.c_void_p)(server)
        return True

    def _load_variant(self, folder: Path) -> None:
        """Where the engine was built with kernels for many processors, load those that suit this one; once in a process."""
        variants = sorted(path for path in folder.glob("*ggml-cpu-*") if path.suffix in (".so", ".dylib", ".dll"))
        if not variants or self._function("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)(b"CPU"):
            return
        wanted = os.environ.get(VARIANT_VARIABLE, "")
        chosen = next((path for path in variants if path.stem.rpartition("ggml-cpu-")[2] == wanted), None)
        if chosen is not None:
            self._function("ggml_backend_load", ctypes.c_void_p, ctypes.c_char_p)(str(chosen).encode())
        else:
            self._function("ggml_backend_load_all_from_path", None, ctypes.c_char_p)(str(folder).encode())

    def _describe(self, handle: int) -> Device:
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        size = ctypes.POINTER(ctypes.c_size_t)
        memory = self._function("ggml_backend_dev_memory", None, ctypes.c_void_p, size, size)
        memory(handle, ctypes.byref(free), ctypes.byref(total))
        kind = self._function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)(handle)
        return Device(
            name=self._text("ggml_backend_dev_name", handle),
            description=self._text("ggml_backend_dev_description", handle),
            kind=_KINDS.get(kind, "accelerator"),
            memory_total=total.value,
            memory_free=free.value,
            variant=_loaded_variant() if kind == 0 else "",
        )

    def _text(self, function: str, handle: int) -> str:
        text: bytes | None = self._function(function, ctypes.c_char_p, ctypes.c_void_p)(handle)
        return (text or b"").decode("utf-8", "replace")

    def _function(self, name: str, result: Any, *arguments: Any) -> Any:
        for library in self._libraries:
            function = getattr(library, name, None)
            if function is not None:
                function.restype, function.argtypes = result, list(arguments)
                return function
        raise OSError(f"ggml has no function {name}")


def list_engine_devices(timeout: float = 20.0) -> list[Device]:
    """The devices of the installed llama.cpp build, asked in a short-lived child so that nothing native is loaded here.

    Empty where the engine is not installed, cannot be loaded, or kills the child (an old processor). ``timeout`` in seconds.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send_devices, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    devices: list[Device] = []
    with contextlib.suppress(EOFError, OSError):
        if ours.poll(timeout):
            devices = ours.recv()
    process.kill()
    process.join()
    ours.close()
    return devices


def list_nvidia_gpus(timeout: float = 5.0) -> list[NvidiaGpu]:
    """What ``nvidia-smi`` reports; empty where it is missing or does not answer. ``timeout`` in seconds."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=make_outer_environment())
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    return [gpu for line in done.stdout.splitlines() if (gpu := _parse_gpu(line)) is not None]


def _parse_gpu(line: str) -> NvidiaGpu | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != 4 or not fields[2].isdigit() or not fields[3].isdigit():
        return None
    return NvidiaGpu(fields[0], fields[1], int(fields[2]) << 20, int(fields[3]) << 20)


def _find_library(folder: Path, stem: str) -> Path:
    """The file that llama.cpp itself loads: a wheel has no links, so the name without a number is another copy, with another memory."""
    if numbered := sorted(folder.glob(f"lib{stem}.so.[0-9]")):
        return numbered[-1]
    for name in (f"lib{stem}.so", f"lib{stem}.dylib", f"{stem}.dll", f"lib{stem}.dll"):
        if (folder / name).is_file():
            return folder / name
    raise OSError(f"{stem} is not in the engine's folder")


def _loaded_variant() -> str:
    """Which kernels for processors lie in this process; empty where the system does not tell, or there are no variants."""
    with contextlib.suppress(OSError):
        found = re.search(r"ggml-cpu-(\w+)\.so$", Path("/proc/self/maps").read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else ""
    return ""


def _send_devices(connection: Connection) -> None:
    """The child's work."""
    from backends.llamacpp.library import library_folder

    with contextlib.suppress(OSError):
        connection.send(GgmlLibrary(library_folder(), is_silent=True).list_devices())
