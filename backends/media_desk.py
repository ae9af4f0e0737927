"""Looks at pictures and sounds from strangers in a process of its own, with little memory and time: a bomb stays there."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from backends.child_process import prepare_child
from models.errors import AttachmentRefused, UserFacingError, error_from_json

MEMORY = 384 * 1024 * 1024
"""Bytes that looking at one file may take."""
_SECONDS = 60.0
_IDLE_SECONDS = 60.0
_PLAIN = {"PNG": "image/png", "JPEG": "image/jpeg"}
_JPEG_FROM = 1_000_000
"""Pixels from which on a picture that had no exact pixels to begin with is kept as JPEG."""
_EXACT = ("PNG", "GIF", "BMP")
_HEARD = {"WAV": "audio/wav", "FLAC": "audio/flac", "MP3": "audio/mpeg"}


@dataclass(frozen=True, slots=True)
class CheckedMedia:
    """A file that was read to its end. ``path`` is the file itself where it is plain already, else the plain one made of it.

    ``notes`` are sentences for the person about what was changed. ``size`` is in pixels; ``seconds`` is how long a sound lasts.
    """

    path: str
    mime: str
    notes: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)
    seconds: float = 0.0


class MediaDesk:
    """One child process, started when it is first needed and let go after a quiet minute. Thread-safe; one file at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Any = None
        self._connection: Connection | None = None
        self._over = threading.Event()
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def check_picture(self, path: str | Path, target: str | Path, name: str = "") -> CheckedMedia:
        """Read a picture whole. One that is not plain (turned, see-through, huge, of another format …) is written to ``target``.

        Raises:
            AttachmentRefused: it cannot be read, or would do harm.
        """
        found: CheckedMedia = self._ask("picture", path, name, {"target": str(target)})
        return found

    def check_sound(self, path: str | Path, target: str | Path, name: str = "") -> CheckedMedia:
        """Read a sound whole. One that engines may not know (OGG …) is written to ``target`` as FLAC. Raises as :meth:`check_picture`."""
        found: CheckedMedia = self._ask("sound", path, name, {"target": str(target)})
        return found

    def make_thumbnail(self, path: str | Path, target: str | Path, side: int, name: str = "") -> None:
        """Write a small PNG of a picture, ``side`` pixels at most. Raises as :meth:`check_picture`."""
        self._ask("thumbnail", path, name, {"target": str(target), "side": side})

    def close(self) -> None:
        """End the process. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            self._stop()

    def _ask(self, what: str, path: str | Path, name: str, arguments: dict[str, Any]) -> Any:
        name = name or Path(path).name
        with self._lock:
            if self._is_closed:
                raise AttachmentRefused(file=name, reason="The program is about to close.")
            if self._timer is not None:
                self._timer.cancel()
            connection = self._start()
            try:
                connection.send((what, {"path": str(path), "name": name, **arguments}))
                if not connection.poll(_SECONDS):
                    self._stop()
                    raise AttachmentRefused(file=name, reason=f"Reading it takes longer than {_SECONDS:.0f} seconds.")
                kind, value = connection.recv()
            except (EOFError, OSError):
                self._stop()
                reason = "Reading it ended the process that tried: it is damaged, or meant to do harm."
                raise AttachmentRefused(file=name, reason=reason) from None
            self._timer = threading.Timer(_IDLE_SECONDS, self._rest)
            self._timer.daemon = True
            self._timer.start()
        if kind == "failed":
            raise error_from_json(value)
        return value

    def _start(self) -> Connection:
        if self._connection is not None and self._process.is_alive():
            return self._connection
        self._stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=run, args=(theirs, os.getpid(), MEMORY), name="media", daemon=True)
        begun, over = threading.Event(), threading.Event()

        def supervise() -> None:
            try:
                process.start()
            finally:
                begun.set()
            over.wait()

        # The child dies with the thread that started it, so that one lives as long as it.
        threading.Thread(target=supervise, name="media", daemon=True).start()
        begun.wait()
        theirs.close()
        self._process, self._connection, self._over = process, ours, over
        return ours

    def _rest(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._stop()
            finally:
                self._lock.release()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection, self._connection = self._connection, None
        process, self._process = self._process, None
        if connection is not None:
            connection.close()
        if process is not None:
            if process.pid is not None:
                process.kill()
                process.join()
            process.close()
            self._over.set()


def run(connection: Connection, parent_pid: int, memory: int) -> None:
    """The body of the process. ``memory`` is how many bytes it may take beyond what it has at its start."""
    prepare_child(os.devnull, parent_pid)
    _limit_memory(memory)
    while True:
        try:
            what, arguments = connection.recv()
        except (EOFError, OSError):
            return
        with contextlib.suppress(OSError):
            connection.send(_answer(what, arguments))


def _answer(what: str, arguments: dict[str, Any]) -> tuple[str, Any]:
    name = arguments["name"]
    try:
        return "done", _WORK[what](**arguments)
    except UserFacingError as error:
        return "failed", error.to_json()
    except MemoryError:
        return "failed", AttachmentRefused(file=name, reason="It needs more memory than a file may take.").to_json()
    except OSError as error:
        return "failed", AttachmentRefused(file=name, reason=f"{error.strerror or error}.").to_json()
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes a library raise, the parent hears which file
        return "failed", AttachmentRefused(file=name, reason=f"It is damaged ({type(error).__name__}).").to_json()


def _check_picture(path: str, name: str, target: str) -> CheckedMedia:
    from backends.pictures import read_picture

    picture, facts = read_picture(path, name)
    notes = []
    if facts.is_scaled:
        width, height = facts.original
        notes.append(f"{name} was scaled down from {width} × {height} to {picture.width} × {picture.height} pixels.")
    if facts.frames > 1:
        notes.append(f"{name} is animated; only its first picture is shown to the model.")
    size = (picture.width, picture.height)
    is_plain = facts.format in _PLAIN and facts.is_plain and not notes and facts.orientation == 1
    if is_plain:
        return CheckedMedia(path, _PLAIN[facts.format], (), size)
    if facts.format in _EXACT or picture.width * picture.height < _JPEG_FROM:
        picture.save(target, "PNG")
        return CheckedMedia(target, "image/png", tuple(notes), size)
    picture.save(target, "JPEG", quality=95, subsampling=0)
    return CheckedMedia(target, "image/jpeg", tuple(notes), size)


def _check_sound(path: str, name: str, target: str) -> CheckedMedia:
    from backends.sounds import check_sound

    kind, seconds = check_sound(path, name, target)
    if kind in _HEARD:
        return CheckedMedia(path, _HEARD[kind], (), (0, 0), seconds)
    return CheckedMedia(target, "audio/flac", (), (0, 0), seconds)


def _make_thumbnail(path: str, name: str, target: str, side: int) -> None:
    from backends.pictures import read_picture

    picture, _ = read_picture(path, name)
    picture.thumbnail((side, side), reducing_gap=2.0)
    partial = Path(f"{target}.{os.getpid()}.part")
    picture.save(partial, "PNG")
    partial.replace(target)


_WORK: dict[str, Callable[..., Any]] = {"picture": _check_picture, "sound": _check_sound, "thumbnail": _make_thumbnail}


def _limit_memory(extra: int) -> None:
    """Have the kernel refuse more than is needed, with what the libraries themselves take beside it."""
    import numpy  # noqa: F401 - before the limit: it reserves address space for its threads
    from PIL import Image

    Image.init()
    with contextlib.suppress(ImportError, OSError):
        import soundfile  # noqa: F401
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
