"""What every child process does first: it may die without harm, and it never outlives its parent."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

from backends.network_watch import continue_watching

_GUARD_INTERVAL = 0.5
_LARGEST_LOG = 4 << 20


def prepare_child(log_path: str, parent_pid: int) -> None:
    """Make this process one that may die: no core dump, output to ``log_path``, gone with its parent, first to go without memory."""
    faulthandler.disable()  # its handlers would write and linger where a dead engine should just be dead
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then closes us
    _capture_output(log_path)
    continue_watching()
    if sys.platform == "linux":
        _tie_to_parent()
        with contextlib.suppress(OSError):
            # If memory runs out, the model goes and the window stays.
            Path("/proc/self/oom_score_adj").write_text("600", encoding="ascii")
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a model's core dump is as large as the model
    threading.Thread(target=_guard, args=(parent_pid,), name="guardian", daemon=True).start()


def import_apart(name: str) -> ModuleType:
    """Import a module in a thread that ends with it, for whoever computes in this one, or in threads that this one starts, afterwards.

    numpy tries out the long double of this machine while it is imported, with the processor's x87 unit. A thread that has used that
    unit keeps its registers to the end, hands them on to the threads that it starts, and is slower at vector code: llama.cpp reads a
    prompt in 2 % more time on a Zen 3 after a single ``fld1``, and in the old time once the unit is back in its first state
    (``xrstor``). Presumably both kinds of registers share the room in which the processor renames them.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(importlib.import_module, name).result()


def _capture_output(log_path: str) -> None:
    """Send what native code prints to the log file, where the parent finds the last words of a process that aborted."""
    if not log_path:
        return
    file = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
    if sys.stderr is None:  # a windowed program on Windows has none
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")  # to standard error, which is that file now


def _tie_to_parent() -> None:
    """Have the kernel kill us with the thread that started us (prctl(2), PR_SET_PDEATHSIG): even ``kill -9`` leaves no orphan."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def _guard(parent_pid: int) -> None:
    """Exit once the parent is gone, and keep a chatty library from filling the disk."""
    while True:
        if sys.platform != "win32" and os.getppid() != parent_pid:  # Windows names a parent that is gone for ever
            os._exit(0)
        with contextlib.suppress(OSError):
            if os.fstat(2).st_size > _LARGEST_LOG:
                os.ftruncate(2, 0)
        time.sleep(_GUARD_INTERVAL)
