"""The child's side of :mod:`backends.other_python`: the first of our code that runs in another Python."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from multiprocessing import connection


def run(handle: int, openmp: str) -> None:
    """Take the call from the pipe and make it, with our end of the pipe as its last argument.

    ``openmp`` is a library to fall back to where the system has none of its own.
    """
    if openmp:
        try:
            ctypes.CDLL("libgomp.so.1")
        except OSError:
            with contextlib.suppress(OSError):
                ctypes.CDLL(openmp)
    if sys.platform == "win32":
        pipe: connection.Connection = connection.PipeConnection(handle)
    else:
        pipe = connection.Connection(handle)
    target, arguments = pipe.recv()
    target(*arguments, pipe)
