"""The native llama.cpp library: found, checked against what this code was written for, and listened to."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import logging
import os
import sys
import types
from collections import deque
from pathlib import Path
from typing import Any

from backends.devices import GgmlLibrary
from models.errors import EngineUnavailable

_log = logging.getLogger(__name__)

STRUCT_SIZES = {"llama_model_params": 80, "llama_context_params": 160, "llama_batch": 56}
"""Bytes of each struct passed by value on a 64-bit machine, in llama-cpp-python 0.3.36.

Another size means another layout: calling would crash.
"""

MULTIMODAL_SIZES = {"mtmd_context_params": 96, "mtmd_input_text": 24, "mtmd_input_part": 16, "mtmd_decoder_pos": 16}
"""The same for libmtmd."""

_LOG_LINES = 400
_LEVEL_WARNING, _LEVEL_ERROR, _LEVEL_CONTINUED = 2, 3, 5

_HEARD_BY_C: list[Any] = []
"""C keeps only the address of a log callback, until another is set: each lives as long as the process."""


class NativeLibrary:
    """The C functions (``api``), with the log kept so that a failure can be explained.

    llama.cpp reports *why* only through its log, so every line is kept in a ring; warnings and errors are also passed on to
    Python's log at once (as debug messages), because a process that aborts has no second chance to tell.

    Raises:
        EngineUnavailable: the package is missing, cannot be loaded here, or has another layout.
    """

    def __init__(self) -> None:
        # Without this an abort forks a debugger to print a backtrace, which can hang for seconds.
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")
        self.api: Any = _import_bindings()
        self._check_layout()
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._buffers: list[str] = []
        self._partial = ""
        self._level = 0
        self._multimodal: Any = None
        self._callback = self.api.llama_log_callback(self._receive)
        _HEARD_BY_C.append(self._callback)
        self.listen()
        with contextlib.suppress(OSError):
            GgmlLibrary(library_folder())  # loads the kernels for this processor, where the engine has them for many
        self.api.llama_backend_init()

    def listen(self) -> None:
        """Hear llama.cpp's log from now on: whoever imports the whole package ``llama_cpp`` afterwards takes it away."""
        self.api.llama_log_set(self._callback, ctypes.c_void_p(0))

    @property
    def version(self) -> str:
        """The version llama.cpp gives itself."""
        return bytes(self.api.llama_version()).decode("ascii", "replace")

    @property
    def has_amx(self) -> bool:
        """Whether it multiplies with AMX's tiles on this processor."""
        return b"AMX_INT8 = 1" in bytes(self.api.llama_print_system_info())

    def multimodal(self) -> Any:
        """The functions for pictures and sounds (libmtmd), loaded when they are needed first.

        Raises:
            EngineUnavailable: this build has none, or of another layout.
        """
        if self._multimodal is None:
            found = _import_bindings("mtmd_cpp")
            for name, expected in MULTIMODAL_SIZES.items():
                if ctypes.sizeof(getattr(found, name)) != expected:
                    raise EngineUnavailable(
                        engine="llamacpp", reason=f"Its libmtmd has another layout than this version needs ({name})."
                    )
            found.mtmd_helper_log_set(self._callback, ctypes.c_void_p(0))
            self._multimodal = found
        return self._multimodal

    def log_text(self) -> str:
        """The last lines that the engine logged."""
        return "\n".join([*self._lines, *([self._partial] if self._partial else [])])

    def forget_log(self) -> None:
        """Start a new excerpt, so that an old warning does not explain a new failure."""
        self._lines.clear()
        self._partial = ""

    def buffer_lines(self) -> list[str]:
        """What the engine logged of the buffers that it made since :meth:`forget_buffers`."""
        return list(self._buffers)

    def forget_buffers(self) -> None:
        """A new load begins."""
        self._buffers.clear()

    def _receive(self, level: int, text: bytes | None, _user_data: object) -> None:
        if level != _LEVEL_CONTINUED:
            self._level = level
        self._partial += (text or b"").decode("utf-8", "replace")
        *whole, self._partial = self._partial.split("\n")
        for line in whole:
            self._lines.append(line)
            if "buffer size =" in line:
                self._buffers.append(line)
            if self._level in (_LEVEL_WARNING, _LEVEL_ERROR):
                _log.debug(line)

    def _check_layout(self) -> None:
        if ctypes.sizeof(ctypes.c_void_p) != 8:
            return
        for name, expected in STRUCT_SIZES.items():
            found = ctypes.sizeof(getattr(self.api, name))
            if found != expected:
                reason = f"llama-cpp-python has another layout than this version needs ({name}: {found} bytes, not {expected})."
                raise EngineUnavailable(engine="llamacpp", reason=reason)


def library_folder() -> Path | None:
    """Where the native libraries lie, without loading anything; None where the package is not installed."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "lib"


def _import_bindings(name: str = "llama_cpp") -> Any:
    """Import one module of the package ``llama_cpp`` alone.

    The package's ``__init__`` also imports its high-level class with numpy, Jinja and a disk cache: 110 ms at every start of a
    worker for code that is not used. So the parent package is stood in for while its submodule is imported.
    """
    if "llama_cpp" in sys.modules:
        return importlib.import_module(f"llama_cpp.{name}")
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        raise EngineUnavailable(engine="llamacpp", reason="The package llama-cpp-python is not installed.")
    stand_in = types.ModuleType("llama_cpp")
    stand_in.__path__ = list(spec.submodule_search_locations)
    sys.modules["llama_cpp"] = stand_in
    try:
        return importlib.import_module(f"llama_cpp.{name}")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineUnavailable(engine="llamacpp", reason=f"Its library could not be loaded: {error}.") from error
    finally:
        del sys.modules["llama_cpp"]  # whoever wants the whole package later gets the real one
