"""Notes every connection that this process and its children open, by Python's own audit hook (PEP 578): no library can pass it by.

Each is one line in a file that all of them share while the program runs: time, process, thread, what, host, port. What is sent is not
noted. Code that is not Python's, such as llama.cpp's connections to RPC servers, is outside of it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_VARIABLE = "YANMO_NETWORK_LOG"
_SAME_SECONDS = 60.0
_LOCAL = ("127.", "::1", "localhost", "0.0.0.0")
_state = threading.local()
_file: list[int] = []


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone this program talked to: ``host`` is the name that was looked up, where one was, and ``address`` what answers to it."""

    at: float
    process: int
    host: str
    address: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        return self.address.startswith(_LOCAL) or self.host == "localhost"


def begin_watching(file: Path) -> None:
    """Note what this process and those that it starts connect to, in ``file``; nothing where that cannot be written."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        os.environ[_VARIABLE] = str(file)
        continue_watching()


def continue_watching() -> None:
    """In a child process: note connections where the parent said."""
    name = os.environ.get(_VARIABLE)
    if not name:
        return
    try:
        handle = os.open(name, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return
    if _file:
        os.close(_file.pop())
    else:
        sys.addaudithook(_hear)
    _file.append(handle)


def end_watching() -> None:
    """Forget what was noted."""
    name = os.environ.pop(_VARIABLE, "")
    if _file:
        os.close(_file.pop())
        _file.append(os.open(os.devnull, os.O_WRONLY))  # a hook stays for the life of the process
    if name:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def list_contacts() -> list[Contact]:
    """Everyone who was connected to since the start, oldest first; a name that was looked up belongs to the connections after it."""
    name = os.environ.get(_VARIABLE, "")
    try:
        lines = Path(name).read_text(encoding="utf-8", errors="replace").splitlines() if name else []
    except OSError:
        return []
    found: list[Contact] = []
    looked_up: dict[tuple[str, str, str], tuple[float, str]] = {}
    for line in lines:
        parts = line.split("\t")
        if len(parts) != 6:
            continue
        at, process, thread, what, host, port = parts
        key = (process, thread, port)
        if what == "look":
            looked_up[key] = (float(at), host)
            continue
        when, known = looked_up.get(key, (0.0, ""))
        found.append(Contact(float(at), int(process), known if float(at) - when < _SAME_SECONDS else "", host, int(port)))
    return found


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto") or getattr(_state, "is_inside", False):
        return
    _state.is_inside = True
    try:
        if event == "socket.getaddrinfo":
            _note("look", arguments[0], arguments[1])
        elif isinstance(arguments[1], tuple) and len(arguments[1]) >= 2:  # a path is a socket of this machine
            _note("connect", arguments[1][0], arguments[1][1])
    except (OSError, ValueError, TypeError, IndexError):
        pass  # to note must never keep the program from its work
    finally:
        _state.is_inside = False


def _note(what: str, host: Any, port: Any) -> None:
    if not _file or host is None:
        return
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    number = int(port) if str(port).isdigit() else {"http": 80, "https": 443}.get(str(port), 0)
    line = f"{time.time():.3f}\t{os.getpid()}\t{threading.get_ident()}\t{what}\t{' '.join(name.split())}\t{number}\n"
    os.write(_file[0], line.encode("utf-8", "replace"))
