"""The parent's side of a worker process: starts it, streams from it, notices its death, and leaves no orphan.

The one crossing into a process. A thread per link (``engine …``) starts the process, reads what it reports and outlives it: the
kernel ties the child to the *thread* that started it (prctl(2), PR_SET_PDEATHSIG), so no other thread may.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from backends.backend import GenerationRequest
from backends.crashes import explain_crash
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.events import Failed, Finished, GenerationEvent, LoadedModel, Usage
from backends.options import LoadOptions
from backends.other_python import Child, start_child
from backends.questions import Question
from backends.worker import run_worker
from backends.worker_log import WorkerLog
from backends.worker_protocol import (
    Answered,
    Ask,
    Cancel,
    CancelLoad,
    Close,
    Command,
    Count,
    Counted,
    Embed,
    Embedded,
    Events,
    Forget,
    Forgotten,
    Generate,
    Loaded,
    LoadFailed,
    Loading,
    Report,
    WorkerStart,
    pack,
)
from models.errors import EngineCrashed, EngineError, GenerationFailed, LoadCancelled, UserFacingError
from models.torch_place import find_torch_python

_CANCEL_GRACE = 1.0
"""Seconds that a load has to heed a cancel before its process is killed."""

Answer = Counted | Answered | Embedded | Forgotten
ExitCallback = Callable[[UserFacingError | None], None]


Listener = Callable[[Sequence[GenerationEvent]], None]
"""Takes the events of one request on the link's thread, those together that came together, so it must be quick; the last of all is
Finished or Failed."""


class GenerationStream:
    """The events of one request, in order, ending in Finished or Failed. Iterate once, from any one thread.

    With a ``listener`` they go there, and there is nothing to iterate.
    """

    def __init__(self, link: WorkerLink, request_id: int, listener: Listener | None = None) -> None:
        self._link = link
        self._id = request_id
        self._listener = listener
        self._events: queue.SimpleQueue[GenerationEvent] = queue.SimpleQueue()
        self._ended = False

    def __iter__(self) -> Iterator[GenerationEvent]:
        while not self._ended:
            event = self._events.get()
            self._ended = isinstance(event, Finished | Failed)
            yield event

    def cancel(self) -> None:
        """Ask for the end; it comes as ``Finished("cancelled")`` within 200 ms. Harmless at any time."""
        self._link._send(Cancel(self._id))

    def _put(self, *events: GenerationEvent) -> None:
        if self._listener is not None:
            self._listener(events)
            return
        for event in events:
            self._events.put(event)


class WorkerLink:
    """One worker process and the model in it. Thread-safe.

    ``on_exit`` is called once, from the link's thread, when the process dies without having been told to: with the reason.
    """

    def __init__(
        self, backend: str, path: str, options: LoadOptions, *, on_exit: ExitCallback | None = None, access: str = ""
    ) -> None:
        """``access`` is what a distant engine needs beside the path; see :meth:`backends.backend.DistantBackend.set_access`."""
        self._backend = backend
        self._access = access
        self._path = path
        self._options = options
        self._on_exit = on_exit
        self._lock = threading.RLock()
        self._send_lock = threading.Lock()
        self._ids = itertools.count(1)
        self._streams: dict[int, GenerationStream] = {}
        self._answers: dict[int, queue.SimpleQueue[Answer]] = {}
        self._load_reports: queue.SimpleQueue[Loading | Loaded | UserFacingError] = queue.SimpleQueue()
        self._process: Child | None = None
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._load_cancelled_at = 0.0
        self._is_closing = False
        self._ended: UserFacingError | None = None
        self._log = WorkerLog()
        self.facts: LoadedModel | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None before it started and after it ended."""
        process = self._process
        return process.pid if process is not None and self._ended is None else None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._ended is None and not self._is_closing

    def log_tail(self) -> str:
        """The last lines that the engine printed."""
        return self._log.tail()

    def load(self, on_progress: Callable[[float], None] | None = None) -> LoadedModel:
        """Start the process and put the model in memory. Blocks; call it once.

        Raises:
            UserFacingError: classified; LoadCancelled after :meth:`cancel_load` or :meth:`close`.
        """
        with self._lock:
            if self._thread is not None:
                raise EngineError(details="a link loads once")
            if self._is_closing or self._load_cancelled_at:
                raise LoadCancelled()
            self._thread = threading.Thread(target=self._supervise, name=f"engine {Path(self._path).name}", daemon=True)
            self._thread.start()
        while True:
            report = self._next_load_report()
            match report:
                case Loading(fraction):
                    if on_progress is not None:
                        on_progress(fraction)
                case Loaded(facts):
                    self.facts = facts
                    return facts
                case _:
                    self.close()
                    raise LoadCancelled() if self._load_cancelled_at else report

    def cancel_load(self) -> None:
        """Make :meth:`load` end with LoadCancelled; an engine that does not listen is killed after a second."""
        self._load_cancelled_at = self._load_cancelled_at or time.monotonic()
        self._send(CancelLoad())

    def generate(self, request: GenerationRequest, listener: Listener | None = None) -> GenerationStream:
        """Queue a request and return at once. Trouble, a dead process included, comes as the stream's last event."""
        request_id = next(self._ids)
        stream = GenerationStream(self, request_id, listener)
        with self._lock:
            if self._ended is not None or self.facts is None or self._is_closing:
                stream._put(Failed(self._ended or EngineCrashed(reason="The model is not loaded.")))
                return stream
            self._streams[request_id] = stream
        self._send(Generate(request_id, request))
        return stream

    def count_tokens(self, request: GenerationRequest, timeout: float = 10.0) -> int:
        """Prompt tokens of the request, counted beside a running generation. ``timeout`` in seconds.

        Raises:
            GenerationFailed: no answer in time.
            UserFacingError: the template failed, or the process died.
        """
        answer = self._ask(Count(next(self._ids), request), timeout)
        assert isinstance(answer, Counted)
        return answer.tokens

    def ask(self, question: Question, timeout: float = 10.0) -> Any:
        """What the model's tokenizer or template answers; see :mod:`backends.questions`. ``timeout`` in seconds.

        Raises:
            GenerationFailed: no answer in time.
            UserFacingError: the engine cannot answer, or the process died.
        """
        answer = self._ask(Ask(next(self._ids), question), timeout)
        assert isinstance(answer, Answered)
        return answer.value

    def embed(self, request: EmbeddingRequest, timeout: float = 600.0) -> EmbeddingResult:
        """The vectors of texts, computed beside a running generation; ``timeout`` in seconds, after which it is given up.

        Raises:
            GenerationFailed: no answer in time.
            UserFacingError: see :meth:`backends.embeddings.EmbeddingBackend.embed`; or the process died.
        """
        answer = self._ask(Embed(next(self._ids), request), timeout)
        assert isinstance(answer, Embedded)
        assert isinstance(answer.result, EmbeddingResult)
        return answer.result

    def rerank(self, request: RerankRequest, timeout: float = 600.0) -> RerankResult:
        """The scores of documents, as for :meth:`embed`.

        Raises:
            UserFacingError: see :meth:`backends.embeddings.EmbeddingBackend.rerank`; or as for :meth:`embed`.
        """
        answer = self._ask(Embed(next(self._ids), request), timeout)
        assert isinstance(answer, Embedded)
        assert isinstance(answer.result, RerankResult)
        return answer.result

    def forget(self, owner: str, timeout: float = 10.0) -> None:
        """Keep nothing of an owner any more, in memory or on disk, but for the replies that are being written; ``timeout`` in seconds.

        Raises:
            GenerationFailed: no answer in time.
            UserFacingError: the process died.
        """
        self._ask(Forget(next(self._ids), owner), timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Free the model and end the process: politely, then, after ``timeout`` seconds, with its descendants by force."""
        with self._lock:
            self._is_closing = True
            thread = self._thread
        if thread is None:
            self._log.close()
            return
        self._started.wait(timeout)
        self._send(Close())
        if thread is threading.current_thread():
            return  # on_exit may call us: the process is dead already
        thread.join(timeout)
        if thread.is_alive() and self._process is not None:
            _kill_tree(self._process)
            thread.join(5.0)

    def _ask(self, question: Count | Ask | Embed | Forget, timeout: float) -> Answer:
        """Send a question that has one answer, and wait for it."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        with self._lock:
            if self._ended is not None or self._is_closing or self._thread is None:
                raise self._ended or EngineCrashed(reason="The model is not loaded.")
            self._answers[question.id] = answers
        self._send(question)
        try:
            answer = answers.get(timeout=timeout)
        except queue.Empty:
            self._send(Cancel(question.id))
            raise GenerationFailed(reason="The engine did not answer in time.") from None
        finally:
            with self._lock:
                self._answers.pop(question.id, None)
        if answer.error is not None:
            raise answer.error
        return answer

    def _next_load_report(self) -> Loading | Loaded | UserFacingError:
        while True:
            try:
                return self._load_reports.get(timeout=0.1)
            except queue.Empty:
                since = self._load_cancelled_at
                if since and time.monotonic() - since > _CANCEL_GRACE and self._process is not None:
                    _kill_tree(self._process)

    def _send(self, command: Command) -> None:
        """Write a command; one that ends something gives way where a long request is stuck in the pipe of a hanging process."""
        patience = -1.0 if isinstance(command, Generate | Forget | Count | Ask | Embed) else _CANCEL_GRACE
        if not self._send_lock.acquire(timeout=patience):
            return
        try:
            if self._connection is not None:
                self._connection.send_bytes(pack(command))
        except (OSError, ValueError):
            pass  # a broken pipe is the reader's to report
        finally:
            self._send_lock.release()

    def _supervise(self) -> None:
        """The life of the link's thread: start the process, read until it ends, say why it ended."""
        try:
            process, connection = self._start_process()
        except UserFacingError as error:
            self._finish(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits in load() must hear of it
            self._finish(EngineCrashed(reason=f"Its process could not be started: {error}.", details=repr(error)))
            return
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._take(connection.recv())
        process.join(1.0)
        if process.is_alive():  # it closed its pipe but goes on: nothing can be heard from it any more
            _kill_tree(process)
            process.join(5.0)
        self._finish(explain_crash(_await_exit_code(process), self.log_tail(), self._path, loading=self.facts is None))
        with self._send_lock:
            self._connection = None
            connection.close()

    def _start_process(self) -> tuple[Child, Connection]:
        self._log.open()
        start = WorkerStart(self._backend, self._path, self._options, self._log.path, os.getpid(), self._access)
        python = find_torch_python() if self._backend == "torch_transformers" else None
        name = f"yanmo {Path(self._path).name}"
        process, ours = start_child(run_worker, (start,), name=name, log_path=self._log.path, python=python)
        with self._lock:
            self._process, self._connection = process, ours
        self._started.set()
        if self._load_cancelled_at or self._is_closing:
            self._send(CancelLoad())
        return process, ours

    def _take(self, report: Report) -> None:
        self._log.unname()  # the worker speaks, so it has the file open
        match report:
            case Events(pairs):
                self._pass_on(pairs)
            case Counted() | Answered() | Embedded() | Forgotten():
                if (answers := self._answers.get(report.id)) is not None:
                    answers.put(report)
            case LoadFailed(error):
                self._load_reports.put(error)
            case Loading():
                self._load_reports.put(report)
            case Loaded(facts):
                self.facts = facts
                self._load_reports.put(report)

    def _pass_on(self, pairs: Sequence[tuple[int, GenerationEvent]]) -> None:
        """Give every request what came for it, all of it at once: each call can wake a thread that waits for Python's lock."""
        news: dict[int, list[GenerationEvent]] = {}
        for request_id, event in pairs:
            news.setdefault(request_id, []).append(event)
        for request_id, events in news.items():
            is_over = isinstance(events[-1], Finished | Failed)
            with self._lock:
                stream = self._streams.pop(request_id, None) if is_over else self._streams.get(request_id)
            if stream is not None:
                stream._put(*events)

    def _finish(self, reason: UserFacingError) -> None:
        """Tell everyone who waits that nothing more will come."""
        with self._lock:
            expected = self._is_closing
            self._ended = reason
            streams, self._streams = self._streams, {}
            questions, self._answers = self._answers, {}
        self._started.set()
        self._log.close()
        for stream in streams.values():
            stream._put(Finished("cancelled", Usage()) if expected else Failed(reason))
        for request_id, answers in questions.items():
            answers.put(Counted(request_id, 0, reason))
        was_loaded = self.facts is not None
        self._load_reports.put(LoadCancelled() if expected else reason)
        if self._on_exit is not None and was_loaded and not expected:
            self._on_exit(reason)


def _await_exit_code(process: Child) -> int | None:
    """The exit code of a dead process; another thread that starts one may have collected it and be about to note it."""
    for _ in range(50):
        if process.exitcode is not None:
            return process.exitcode
        time.sleep(0.01)
    return None


def _kill_tree(process: Child) -> None:
    """Kill the process and whatever it started."""
    import psutil

    with contextlib.suppress(psutil.Error, ValueError):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    with contextlib.suppress(OSError, ValueError):
        process.kill()
