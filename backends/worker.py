"""The child process that holds one model, so that whatever native code does, the program that the user sees lives on.

Threads: the main thread loads and generates; ``reader`` takes commands, so that a cancel is heard at once; ``counter`` counts
tokens beside a generation; ``sender`` writes reports, joining what came within some milliseconds; ``guardian`` ends an orphan.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path

from backends.backend import Backend
from backends.child_process import prepare_child
from backends.events import Failed, Finished, GenerationEvent, ReasoningDelta, TextDelta, Usage
from backends.registry import make_backend
from backends.worker_protocol import (
    Cancel,
    CancelLoad,
    Close,
    Command,
    Count,
    Counted,
    Events,
    Generate,
    Loaded,
    LoadFailed,
    Loading,
    Report,
    WorkerStart,
)
from models.errors import EngineError, LoadCancelled, OutOfMemory, UserFacingError

_SEND_INTERVAL = 0.012
"""Seconds between two messages: a window repaints every 33 ms, and each message wakes another process."""
_PROGRESS_STEP = 0.01


def run_worker(start: WorkerStart, connection: Connection) -> None:
    """The process's whole life. Never returns: exits without running destructors of libraries that may be in pieces."""
    prepare_child(start.log_path, start.parent_pid)
    worker = _Worker(start, connection)
    try:
        worker.run()
    except MemoryError:
        worker.outbox.put_report(LoadFailed(_say_memory_ran_out(start.path)))
    finally:
        worker.outbox.flush(2.0)
        os._exit(0)


class _Worker:
    """Requests in, events out."""

    def __init__(self, start: WorkerStart, connection: Connection) -> None:
        self._start = start
        self._connection = connection
        self.outbox = _Outbox(connection)
        self._backend: Backend | None = None
        self._load_cancelled = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._flags: dict[int, threading.Event] = {}
        self._waiting: deque[Generate] = deque()
        self._has_work = threading.Semaphore(0)
        self._counts: queue.SimpleQueue[Count] = queue.SimpleQueue()

    def run(self) -> None:
        """Load, then serve until told to close."""
        for task, name in ((self._read_commands, "reader"), (self._answer_counts, "counter")):
            threading.Thread(target=task, name=name, daemon=True).start()
        if not self._load():
            return
        while True:
            self._has_work.acquire()
            if self._closing.is_set():
                break
            with self._lock:
                work = self._waiting.popleft() if self._waiting else None
            if work is not None:
                self._generate(work)
        if self._backend is not None:
            self._backend.close()

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

    def _obey(self, command: Command) -> None:
        match command:
            case Generate():
                with self._lock:
                    self._flags[command.id] = threading.Event()
                    self._waiting.append(command)
                self._has_work.release()
            case Cancel():
                self._cancel(command.id)
            case Count():
                self._counts.put(command)
            case CancelLoad():
                self._load_cancelled.set()
            case Close():
                self._closing.set()
                with self._lock:
                    for flag in self._flags.values():
                        flag.set()
                self._has_work.release()

    def _cancel(self, request_id: int) -> None:
        with self._lock:
            if (flag := self._flags.get(request_id)) is None:
                return
            flag.set()
            waiting = next((work for work in self._waiting if work.id == request_id), None)
            if waiting is None:
                return
            self._waiting.remove(waiting)
            del self._flags[request_id]
        self.outbox.put_event(request_id, Finished("cancelled", Usage()))

    def _answer_counts(self) -> None:
        while True:
            command = self._counts.get()
            try:
                if self._backend is None:
                    raise EngineError(details="no model is loaded")
                answer = Counted(command.id, self._backend.count_tokens(command.request))
            except UserFacingError as error:
                answer = Counted(command.id, 0, error)
            except Exception as error:  # noqa: BLE001 - the worker loop, as above
                answer = Counted(command.id, 0, EngineError(details=_describe(error)))
            self.outbox.put_report(answer)


class _Outbox:
    """Writes reports in order from a thread of its own; neighbouring pieces of one reply travel as one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._condition = threading.Condition()
        self._reports: list[Report] = []
        self._pairs: list[tuple[int, GenerationEvent]] = []
        self._is_writing = False
        self._is_urgent = False
        self._last_kind: type[GenerationEvent] | None = None
        threading.Thread(target=self._write, name="sender", daemon=True).start()

    def put_event(self, request_id: int, event: GenerationEvent) -> None:
        """Add an event; joined with the one before it where both are pieces of the same reply."""
        with self._condition:
            last = self._pairs[-1] if self._pairs else None
            if last is not None and last[0] == request_id and type(last[1]) is type(event):
                match event, last[1]:
                    case TextDelta(text, count), TextDelta(before, earlier):
                        self._pairs[-1] = (request_id, TextDelta(before + text, earlier + count))
                        return
                    case ReasoningDelta(text, count), ReasoningDelta(before, earlier):
                        self._pairs[-1] = (request_id, ReasoningDelta(before + text, earlier + count))
                        return
            self._pairs.append((request_id, event))
            # The first piece of a reply, its end, and whatever is rare should not wait for company.
            self._is_urgent = self._is_urgent or type(event) is not self._last_kind
            self._last_kind = type(event)
            self._condition.notify_all()

    def put_report(self, report: Report) -> None:
        """Add anything else."""
        with self._condition:
            self._reports.append(report)
            self._is_urgent = True
            self._condition.notify_all()

    def flush(self, timeout: float) -> None:
        """Wait until everything is written; ``timeout`` in seconds."""
        with self._condition:
            self._condition.wait_for(lambda: not (self._reports or self._pairs or self._is_writing), timeout)

    def _write(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._reports or self._pairs)
                reports, self._reports = self._reports, []
                pairs, self._pairs = self._pairs, []
                self._is_urgent = False
                self._is_writing = True
            try:
                for report in reports:
                    self._connection.send(report)
                if pairs:
                    self._connection.send(Events(tuple(pairs)))
            except (OSError, ValueError):
                os._exit(0)  # the parent is gone
            with self._condition:
                self._is_writing = False
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._is_urgent, _SEND_INTERVAL)


def _say_memory_ran_out(path: str) -> OutOfMemory:
    return OutOfMemory(model=Path(path).name, reason="Python ran out of memory.")


def _describe(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
