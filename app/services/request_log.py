"""What other programs asked, live: for the Server page, and to find out why something was slow."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from backends.backend import GenerationRequest
from backends.events import Failed, Finished, GenerationEvent, PromptProgress, ReasoningDelta, TextDelta, Usage

RequestState = Literal["waiting", "reading", "writing", "done", "cancelled", "failed"]
_KEPT = 500
_MOST_TEXT = 200_000


@dataclass(eq=False)
class RequestRecord:
    """One call. Times in seconds since the epoch; ``request`` is what the engine was asked.

    ``model`` is the model's name and ``reference`` the one it is found by; a body that ``is_cut`` was too long to be kept whole.
    """

    id: int
    path: str
    client: str
    key: str
    model: str
    body: dict[str, Any]
    started_at: float = field(default_factory=time.time)
    ended_at: float = 0.0
    state: RequestState = "waiting"
    status: int = 0
    request: GenerationRequest | None = None
    reference: str = ""
    is_cut: bool = False
    error: str = ""
    usage: Usage = field(default_factory=Usage)
    read_tokens: int = 0
    prompt_tokens: int = 0
    _pieces: list[str] = field(default_factory=list, repr=False)
    _length: int = 0
    on_change: Callable[[RequestRecord], None] = field(default=lambda record: None, repr=False)

    @property
    def text(self) -> str:
        """What was answered so far."""
        return "".join(self._pieces)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return (self.ended_at or time.time()) - self.started_at

    def note_begin(self, model: str) -> None:
        """The engine has it."""
        self.model = model

    def note(self, event: GenerationEvent) -> None:
        """Take in what the engine said. What comes after the end changes how it ended no more."""
        before = self.state
        match event:
            case PromptProgress(done, total):
                self.state = "reading" if self.state == "waiting" else self.state
                self.read_tokens, self.prompt_tokens = done, total
            case TextDelta(text) | ReasoningDelta(text):
                self.state = self.state if self.ended_at else "writing"
                if self._length < _MOST_TEXT:
                    self._pieces.append(text)
                    self._length += len(text)
            case Finished(reason, usage):
                self.usage = usage
                if reason == "cancelled":
                    self.end("cancelled")
            case Failed(error):
                self.fail(error.english())
        if self.state != before:
            self.on_change(self)

    def note_cancelled(self) -> None:
        """The client went away."""
        self.end("cancelled")

    def fail(self, message: str, status: int = 0) -> None:
        """It could not be answered."""
        self.error = self.error or message
        self.status = status or self.status
        self.end("failed")

    def end(self, state: RequestState) -> None:
        """It is over; the first word about that counts."""
        if not self.ended_at:
            self.ended_at, self.state = time.time(), state
            self.on_change(self)


class RequestLog:
    """The last calls, oldest first. Thread-safe. ``on_change`` is called from whichever thread knows more."""

    def __init__(self, on_change: Callable[[RequestRecord], None] = lambda record: None) -> None:
        self._lock = threading.Lock()
        self._records: OrderedDict[int, RequestRecord] = OrderedDict()
        self._ids = itertools.count(1)
        self._on_change = on_change
        self.totals = Totals()

    def start(self, path: str, client: str, key: str, body: dict[str, Any]) -> RequestRecord:
        """A new call, which is in the list at once; :meth:`announce` tells of it."""
        model = body.get("model")
        record = RequestRecord(
            next(self._ids), path, client, key, model if isinstance(model, str) else "", body, on_change=self._note
        )
        with self._lock:
            self._records[record.id] = record
            while len(self._records) > _KEPT:
                self._records.popitem(last=False)
        return record

    def announce(self, record: RequestRecord) -> None:
        """Tell of a new call, once what it waits for is under way."""
        self._on_change(record)

    def list(self) -> list[RequestRecord]:
        """All that are kept, oldest first."""
        with self._lock:
            return list(self._records.values())

    def clear(self) -> None:
        """Forget what is over."""
        with self._lock:
            for number in [number for number, record in self._records.items() if record.ended_at]:
                del self._records[number]

    def _note(self, record: RequestRecord) -> None:
        if record.ended_at:
            with self._lock:
                self.totals.add(record)
        self._on_change(record)


@dataclass
class Totals:
    """Sums over every call since the server started, for ``/metrics``."""

    requests: int = 0
    failed: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    prompt_seconds: float = 0.0
    output_seconds: float = 0.0

    def add(self, record: RequestRecord) -> None:
        """One more is over."""
        usage = record.usage
        self.requests += 1
        self.failed += record.state == "failed"
        self.cancelled += record.state == "cancelled"
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.output_tokens += usage.output_tokens
        self.drafted_tokens += usage.drafted_tokens
        self.accepted_tokens += usage.accepted_tokens
        self.prompt_seconds += usage.prompt_seconds
        self.output_seconds += usage.output_seconds
