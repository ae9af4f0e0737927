"""The parent's side of reading: starts the child, watches time and memory, and ends it where a document is no good."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.documents.document import Document, Section
from app.documents.parts import Head, refuse
from models.document_errors import DocumentsUnavailable
from models.errors import UserFacingError, WorkCancelled, error_from_json

IsCancelled = Callable[[], bool]
Progress = Callable[[int, int], None]
"""Told how many sections of how many were read."""

_POLL_SECONDS = 0.05
_IDLE_SECONDS = 20.0
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What one document may take: seconds of time, and bytes of memory beyond those of an empty process (some 30 MB)."""

    seconds: float = 120.0
    memory: int = 384 * _MEGABYTE


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page drawn: ``pixels`` are RGB, row after row."""

    width: int
    height: int
    pixels: bytes


@dataclass(eq=False)
class _Request:
    kind: str
    arguments: dict[str, Any]
    is_cancelled: IsCancelled
    progress: Progress
    future: Future[Any]


class DocumentReader:
    """Thread-safe; documents are read one after another in a child that is started when it is needed and goes when it is idle.

    One thread of its own does everything with the child: a child dies with the thread that started it.
    """

    def __init__(self, limits: ReadingLimits = ReadingLimits()) -> None:
        self._limits = limits
        self._requests: queue.Queue[_Request | None] = queue.Queue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._process: Any = None
        self._connection: Connection | None = None
        self._log = Path()

    def read(
        self,
        path: Path | str,
        pages: frozenset[int] | None = None,
        is_cancelled: IsCancelled = lambda: False,
        progress: Progress = lambda done, count: None,
    ) -> Document:
        """The document, or those of its pages.

        Raises:
            DocumentUnreadable: the error names the file and says why.
            DocumentsUnavailable: the process that reads could not be started.
            WorkCancelled: ``is_cancelled`` said so.
        """
        found: Document = self._ask("read", {"path": str(path), "pages": pages}, is_cancelled, progress)
        return found

    def render(
        self, path: Path | str, page: int, side: int = 1600, marked: str = "", is_cancelled: IsCancelled = lambda: False
    ) -> PagePicture:
        """A page of a PDF as a picture, its longer side ``side`` pixels, with the lines of a passage tinted. Raises as :meth:`read`."""
        arguments = {"path": str(path), "page": page, "side": side, "marked": marked}
        return PagePicture(*self._ask("render", arguments, is_cancelled, lambda done, count: None))

    def close(self) -> None:
        """End the child and the thread; what is being read is given up."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        self._requests.put(None)
        if thread is not None:
            thread.join()

    def _ask(self, kind: str, arguments: dict[str, Any], is_cancelled: IsCancelled, progress: Progress) -> Any:
        future: Future[Any] = Future()
        with self._lock:
            if self._is_closed:
                raise WorkCancelled()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="document reader", daemon=True)
                self._thread.start()
            self._requests.put(_Request(kind, arguments, is_cancelled, progress, future))
        return future.result()

    def _work(self) -> None:
        """The body of the thread."""
        while True:
            try:
                request = self._requests.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                self._stop()
                continue
            if request is None:
                break
            try:
                request.future.set_result(self._serve(request))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that asked
                request.future.set_exception(error)
        self._stop()
        with contextlib.suppress(queue.Empty):
            while (left := self._requests.get_nowait()) is not None:
                left.future.set_exception(WorkCancelled())

    def _serve(self, request: _Request) -> Any:
        path = Path(request.arguments["path"])
        if request.is_cancelled():
            raise WorkCancelled()
        if self._process is None or not self._process.is_alive():
            self._start()
        assert self._connection is not None
        try:
            self._connection.send((request.kind, request.arguments))
            return self._follow(request, path, self._connection)
        except (EOFError, OSError) as error:
            self._process.join(2)
            code = self._process.exitcode
            reason = "Reading it broke the program that reads documents, which was started anew."
            raise refuse(
                path, reason if code not in (-9, None) else "Reading it took more memory than a document may."
            ) from error

    def _follow(self, request: _Request, path: Path, connection: Connection) -> Any:
        """Collect what the child tells. A child that must be given up is killed; the next request has a new one."""
        import psutil

        deadline = time.monotonic() + self._limits.seconds
        watched = psutil.Process(self._process.pid)
        head, sections = Head("text"), list[Section]()
        while True:
            if request.is_cancelled() or self._is_closed:
                self._stop()
                raise WorkCancelled()
            if time.monotonic() > deadline:
                self._stop()
                raise refuse(path, f"Reading it took longer than {self._limits.seconds:.0f} seconds.")
            if not connection.poll(_POLL_SECONDS):
                with contextlib.suppress(psutil.Error):
                    if watched.memory_info().rss > self._limits.memory + 64 * _MEGABYTE:
                        self._stop()
                        raise refuse(path, "Reading it takes more memory than a document may.")
                continue
            kind, value = connection.recv()
            if kind == "failed":
                raise error_from_json(value)
            if kind == "head":
                head = value
            elif kind == "sections":
                sections += value
                request.progress(sections[-1].number if sections else 0, head.count)
            elif request.kind == "render":
                return value
            else:
                rest, notes = value
                return Document(path.name, head.kind, head.unit, head.count, (*sections, *rest), head.encoding, notes)

    def _start(self) -> None:
        from app.documents.child import run

        self._stop()
        handle, name = tempfile.mkstemp(prefix="yanmo-reading-", suffix=".log")
        os.close(handle)
        self._log = Path(name)
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=run, args=(theirs, name, os.getpid(), self._limits.memory), daemon=True)
        try:
            process.start()
        except (OSError, RuntimeError) as error:
            ours.close()
            self._log.unlink(missing_ok=True)
            raise DocumentsUnavailable(reason=f"{error}.") from error
        finally:
            theirs.close()
        self._process, self._connection = process, ours

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._connection is not None:
            self._connection.close()
            self._log.unlink(missing_ok=True)
        self._process = self._connection = None


def is_unreadable(error: BaseException) -> bool:
    """Whether an error is about the document, so that others can still be read."""
    return isinstance(error, UserFacingError) and not isinstance(error, WorkCancelled | DocumentsUnavailable)
