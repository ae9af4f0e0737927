"""The child process that holds one model, so that whatever native code does, the program that the user sees lives on.

Threads: the main thread loads and generates, one request after another or, with an engine that serves, all of them together;
``reader`` takes commands, so that a cancel is heard at once; ``counter`` counts tokens and answers questions beside a generation,
``embedder`` makes vectors; ``sender`` writes reports, joining what came within some milliseconds; ``guardian`` ends an orphan.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from backends.backend import Backend, DistantBackend, ServingBackend, TellingBackend
from backends.child_process import prepare_child
from backends.embedding_desk import EmbeddingDesk
from backends.events import Failed, Finished, GenerationEvent, Usage
from backends.outbox import Outbox
from backends.questions import answer
from backends.registry import make_backend
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
    Forget,
    Forgotten,
    Generate,
    Loaded,
    LoadFailed,
    Loading,
    WorkerStart,
)
from models.errors import EngineError, LoadCancelled, OutOfMemory, UserFacingError

_log = logging.getLogger(__name__)
_PROGRESS_STEP = 0.01
_REST_AFTER = 1.0
_BETWEEN_RESTS = 0.02
_SWITCH_SECONDS = 0.001
"""How long a thread waits before it asks for Python's lock: the usual 5 ms are longer than a small model's step, and a command that
came, or an answer to a question, would wait for several of them."""


def run_worker(start: WorkerStart, connection: Connection) -> None:
    """The process's whole life. Never returns: exits without running destructors of libraries that may be in pieces."""
    prepare_child(start.log_path, start.parent_pid)
    sys.setswitchinterval(_SWITCH_SECONDS)
    worker = _Worker(start, connection)
    try:
        worker.run()
    except MemoryError:
        worker.outbox.put_report(LoadFailed(_say_memory_ran_out(start.path)))
    finally:
        worker.outbox.flush(2.0)
        os._exit(0)


class _Flag:
    """Whether a request was cancelled. A threading.Event would be waited for by nobody, and takes longer to make than all else of a
    request's arrival.
    """

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set


class _Worker:
    """Requests in, events out."""

    def __init__(self, start: WorkerStart, connection: Connection) -> None:
        self._start = start
        self._connection = connection
        self.outbox = Outbox(connection)
        self._backend: Backend | None = None
        self._load_cancelled = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._flags: dict[int, _Flag] = {}
        self._waiting: deque[Generate | Forget] = deque()
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._has_news = False
        self._counts: queue.SimpleQueue[Count | Ask] = queue.SimpleQueue()
        self._desk = EmbeddingDesk(self.outbox)

    def run(self) -> None:
        """Load, then serve until told to close."""
        for task, name in ((self._read_commands, "reader"), (self._answer_counts, "counter")):
            threading.Thread(target=task, name=name, daemon=True).start()
        if not self._load():
            return
        assert self._backend is not None
        self._desk.open(self._backend)
        if isinstance(self._backend, TellingBackend):
            self._backend.listen(self._tell, lambda: self._has_news)
        if isinstance(self._backend, ServingBackend):
            self._serve(self._backend)
        else:
            self._answer_in_turn()
        self._backend.close()

    def _answer_in_turn(self) -> None:
        """One request after another, for an engine that knows only one at a time."""
        while True:
            self._wakes.get()
            if self._closing.is_set():
                return
            work = self._next_waiting()
            if isinstance(work, Forget):  # such an engine keeps nothing
                self.outbox.put_report(Forgotten(work.id))
            elif work is not None:
                self._generate(work)

    def _next_waiting(self) -> Generate | Forget | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _serve(self, engine: ServingBackend) -> None:
        """All requests together: hand over what came, advance everything a little, and again."""
        while True:
            if engine.is_idle:
                self._await_work(engine)
            if self._closing.is_set():
                return
            self._has_news = False
            self._forget_wakes()
            try:
                while (work := self._next_waiting()) is not None:
                    self._hand_over(engine, work)
                self._tell(engine.step(), beside=engine.computes_long)
            except Exception as error:  # noqa: BLE001 - the worker loop, as above: a bug fails what runs, and the model stays
                engine.drop_all()
                with self._lock:
                    ids = set(self._flags) - {work.id for work in self._waiting}
                self._tell([(number, Failed(EngineError(details=_describe(error)))) for number in ids])

    def _await_work(self, engine: ServingBackend) -> None:
        """Wait for a request; at once, and again after a while of quiet, the engine may put things in order."""
        for tidy, first, between in ((engine.settle, 0.0, 0.0), (engine.rest, _REST_AFTER, _BETWEEN_RESTS)):
            patience, has_more = first, True
            while has_more:
                if self._is_woken(patience):
                    return
                try:
                    patience, has_more = between, tidy()
                except Exception:  # noqa: BLE001 - the worker loop, as above: what is done in a quiet moment may fail, and nobody waits for it
                    _log.debug("a quiet moment failed", exc_info=True)
                    has_more = False
        self._wakes.get()

    def _is_woken(self, patience: float) -> bool:
        """Whether a command came, or comes within so many seconds."""
        try:
            self._wakes.get(timeout=patience)
        except queue.Empty:
            return False
        return True

    def _forget_wakes(self) -> None:
        """Whoever looks for work now looks for all of it."""
        while not self._wakes.empty():
            self._wakes.get()

    def _hand_over(self, engine: ServingBackend, work: Generate | Forget) -> None:
        if isinstance(work, Forget):
            engine.forget(work.owner)
            self.outbox.put_report(Forgotten(work.id))
            return
        try:
            engine.submit(work.id, work.request, self._flags[work.id].is_set)
        except UserFacingError as error:
            self._tell([(work.id, Failed(error))])
        except Exception as error:  # noqa: BLE001 - the worker loop, as above
            self._tell([(work.id, Failed(EngineError(details=_describe(error))))])

    def _tell(self, pairs: Sequence[tuple[int, GenerationEvent]], *, beside: bool = False) -> None:
        """Send the events of one step together, ``beside`` the next one, and forget the requests that are over."""
        ended = [request_id for request_id, event in pairs if isinstance(event, Finished | Failed)]
        with self._lock:
            for request_id in ended:
                self._flags.pop(request_id, None)
        self.outbox.put_events(pairs, beside=beside)

    def _load(self) -> bool:
        shown = -1.0

        def progress(fraction: float) -> bool:
            nonlocal shown
            if fraction - shown >= _PROGRESS_STEP or fraction >= 1:
                shown = fraction
                self.outbox.put_report(Loading(min(fraction, 1.0)))
            return not (self._load_cancelled.is_set() or self._closing.is_set())

        try:
            self._backend = make_backend(self._start.backend)
            if isinstance(self._backend, DistantBackend):
                self._backend.set_access(self._start.access)
            facts = self._backend.load(self._start.path, self._start.options, progress)
            if self._load_cancelled.is_set():
                raise LoadCancelled()
        except UserFacingError as error:
            self.outbox.put_report(LoadFailed(error))
            return False
        except MemoryError:
            self.outbox.put_report(LoadFailed(_say_memory_ran_out(self._start.path)))
            return False
        except Exception as error:  # noqa: BLE001 - the worker loop: a bug in an engine must reach the user as words
            self.outbox.put_report(LoadFailed(EngineError(details=_describe(error))))
            return False
        self.outbox.put_report(Loaded(facts))
        return True

    def _generate(self, work: Generate) -> None:
        assert self._backend is not None
        flag = self._flags[work.id]
        ended = False
        try:
            for event in self._backend.generate(work.request, flag.is_set):
                self.outbox.put_event(work.id, event)
                ended = isinstance(event, Finished | Failed)
            if not ended:
                raise EngineError(details="the engine's reply had no end")
        except UserFacingError as error:
            self.outbox.put_event(work.id, Failed(error))
        except Exception as error:  # noqa: BLE001 - the worker loop, as above
            self.outbox.put_event(work.id, Failed(EngineError(details=_describe(error))))
        with self._lock:
            self._flags.pop(work.id, None)

    def _read_commands(self) -> None:
        while True:
            try:
                command: Command = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)  # the parent is gone: nobody will ever read what we write
            self._obey(command)
            self._has_news = True

    def _obey(self, command: Command) -> None:
        match command:
            case Generate():
                with self._lock:
                    self._flags[command.id] = _Flag()
                    self._waiting.append(command)
                self._wakes.put(None)
            case Forget():
                with self._lock:
                    self._waiting.append(command)
                self._wakes.put(None)
            case Cancel():
                self._desk.cancel(command.id)
                self._cancel(command.id)
            case Count() | Ask():
                self._counts.put(command)
            case Embed():
                self._desk.put(command)
            case CancelLoad():
                self._load_cancelled.set()
            case Close():
                self._closing.set()
                self._desk.cancel_all()
                with self._lock:
                    for flag in self._flags.values():
                        flag.set()
                self._wakes.put(None)

    def _cancel(self, request_id: int) -> None:
        with self._lock:
            if (flag := self._flags.get(request_id)) is None:
                return
            flag.set()
            waiting = next((work for work in self._waiting if work.id == request_id), None)
            if waiting is not None:
                self._waiting.remove(waiting)
                del self._flags[request_id]
        if waiting is None:
            if isinstance(self._backend, ServingBackend):
                self._backend.look_for_cancels()
            return
        self.outbox.put_events([(request_id, Finished("cancelled", Usage()))], beside=True)  # the reader must never wait

    def _answer_counts(self) -> None:
        while True:
            self.outbox.put_report(self._answer(self._counts.get()))

    def _answer(self, command: Count | Ask) -> Counted | Answered:
        is_count = isinstance(command, Count)
        try:
            if self._backend is None:
                raise EngineError(details="no model is loaded")
            if isinstance(command, Count):
                return Counted(command.id, self._backend.count_tokens(command.request))
            return Answered(command.id, answer(self._backend, command.question))
        except UserFacingError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - the worker loop, as above
            error = EngineError(details=_describe(caught))
        return Counted(command.id, 0, error) if is_count else Answered(command.id, None, error)


def _say_memory_ran_out(path: str) -> OutOfMemory:
    return OutOfMemory(model=Path(path).name, reason="Python ran out of memory.")


def _describe(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
