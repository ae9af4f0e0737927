"""Keeps the reading process to its one file: nothing else is opened, nothing is written, sent or started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_FORBIDDEN = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "shutil.",
    "urllib.Request",
)


class FenceError(RuntimeError):
    """A library wanted something that reading a document does not need."""


def raise_fence(allowed_file: Callable[[], str]) -> None:
    """From now on (``sys.addaudithook``, PEP 578) only ``allowed_file()`` and Python's own modules can be opened, to be read.

    PDFium opens files in C, by the path that it is given; it follows no reference out of a file.
    """
    own = tuple({os.path.realpath(folder) + os.sep for folder in (*sys.path, sys.prefix, sys.base_prefix) if folder})

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            _check_open(arguments, allowed_file(), own)
        elif event.startswith(_FORBIDDEN):
            raise FenceError(event)

    sys.addaudithook(audit)


def _check_open(arguments: tuple[object, ...], allowed: str, own: tuple[str, ...]) -> None:
    path, mode, flags = (*arguments, None, None)[:3]
    if isinstance(path, int):
        return
    writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    writes = writes or bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    real = os.path.realpath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""
    is_ours = real == os.path.realpath(allowed) or real.startswith(own) or real.startswith(("/proc/self/", "/dev/null"))
    if writes or not is_ours:
        raise FenceError(f"open {real}")
