"""Interrupting a decode: C looks at a flag without asking Python, and a thread sets the flag when a request is cancelled."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_LOOK_SECONDS = 0.05
"""Between two looks of the thread, for wishes that nobody announces: each takes Python's lock from who computes."""


class Interrupt:
    """Ends the running decode of a context once ``is_wished`` is true.

    llama.cpp asks an abort callback at every node of its graph, a thousand times a token. A callback in Python costs 3 µs each time,
    and the other threads of the computation wait for it. ``strlen`` of a buffer answers the same question without Python: 0, which is
    no, while the buffer begins with a zero.
    """

    def __init__(self, api: Any, context: Any, is_wished: Callable[[], bool]) -> None:
        self._api = api
        self._is_wished = is_wished
        self._flag = (ctypes.c_char * 2)()
        self._armed = threading.Event()
        self._is_computing = self._is_closed = False
        place = ctypes.cast(_find_strlen(), ctypes.c_void_p).value
        self._callback = api.ggml_abort_callback(place)
        self._thread = threading.Thread(target=self._look, name="interrupt", daemon=True)
        self._thread.start()
        self.attach(context)

    def attach(self, context: Any) -> None:
        """Look after this context from now on."""
        self._api.llama_set_abort_callback(context, self._callback, ctypes.cast(self._flag, ctypes.c_void_p))

    def begin(self, *, watched: bool = True) -> None:
        """A decode is about to begin. If not ``watched``, only who announces a cancel ends it, until :meth:`watch`."""
        self._flag[0] = b"\0"
        self._is_computing = True
        if watched:
            self.watch()

    @property
    def is_watched(self) -> bool:
        """Whether the thread looks, for wishes that nobody announces."""
        return self._armed.is_set()

    def watch(self) -> None:
        """Have the thread look, until :meth:`rest`: it takes Python's lock from who wakes it."""
        if not self._armed.is_set():
            self._armed.set()

    def look(self) -> None:
        """See whether somebody wishes the running decode to end; from any thread."""
        if self._is_computing and self._is_wished():
            self._flag[0] = b"\x01"

    def rest(self) -> None:
        """There is nothing to compute for a while: stop looking."""
        self._is_computing = False
        self._armed.clear()

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        self._is_closed = True
        self._armed.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _look(self) -> None:
        while not self._is_closed:
            self._armed.wait()
            self.look()
            time.sleep(_LOOK_SECONDS)


def _find_strlen() -> Any:
    library = ctypes.CDLL("msvcrt") if sys.platform == "win32" else ctypes.CDLL(None)
    return library.strlen
