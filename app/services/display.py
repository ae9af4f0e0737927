"""Whether a window can be shown: a variable alone proves nothing, so the X11 or Wayland server it names is knocked at."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

_SECONDS = 1.0
_X11_FOLDER = "/tmp/.X11-unix"  # where every X server puts its sockets
_X11_PORT = 6000


def has_display(platform: str, environment: Mapping[str, str]) -> bool:
    """Always on Windows and macOS and where a Qt platform is named; elsewhere where an X11 or a Wayland server answers."""
    if platform in ("win32", "darwin") or environment.get("QT_QPA_PLATFORM") or environment.get("WAYLAND_SOCKET"):
        return True
    wayland, x11 = environment.get("WAYLAND_DISPLAY", ""), environment.get("DISPLAY", "")
    return bool(wayland and _answers(_wayland_path(wayland, environment))) or bool(x11 and _answers_x11(x11))


def _wayland_path(name: str, environment: Mapping[str, str]) -> str:
    return str(Path(environment.get("XDG_RUNTIME_DIR", "")) / name)  # an absolute name stays as it is


def _answers_x11(display: str) -> bool:
    """``[unix/][host]:number[.screen]``, or the path of a socket."""
    if display.startswith("/"):
        return any(_answers(path) for path in (display, display.rpartition(".")[0]) if path)
    host, colon, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not colon or not number.isdecimal():
        return False
    is_local = host in ("", "unix") or host.endswith("/unix") or host.startswith("unix/")
    if is_local and any(_answers(f"{start}{_X11_FOLDER}/X{number}") for start in ("\0", "")):
        return True
    port = _X11_PORT + int(number)
    return port < 1 << 16 and host != "unix" and _answers_tcp("" if is_local else host.rpartition("/")[2].strip("[]"), port)


def _answers(path: str) -> bool:
    """Whether someone listens at a Unix socket; a path that begins with a zero byte is an abstract one."""
    import socket

    with contextlib.suppress(OSError, ValueError, AttributeError), socket.socket(socket.AF_UNIX) as knocker:
        knocker.settimeout(_SECONDS)
        knocker.connect(path)
        return True
    return False


def _answers_tcp(host: str, port: int) -> bool:
    import socket

    with contextlib.suppress(OSError, ValueError), socket.create_connection((host or "localhost", port), timeout=_SECONDS):
        return True
    return False
