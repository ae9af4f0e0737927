"""The threads that fetch blocks: who fetches what, from which source, and what happens when a source fails."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.download_errors import DownloadFailed, FileChangedAtHub, GatedModel
from models.downloads.connection import Connection, Fault, Replaced, WholeBody, describe
from models.downloads.part_file import PartFile, digest_of
from models.downloads.remote_file import RemoteFile
from models.downloads.speed import SpeedLimit, SpeedMeter

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

BLOCKS_OF_A_PART = 8
"""One request asks for a part: so many blocks. What a fault can cost at most is a part."""

_SMALLEST_READ, _LARGEST_READ = 1 << 16, 1 << 20
_SLOWEST = 1024
_TIMES = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, and how often. ``failures`` in a row without a byte before a source is given up."""

    connect: float = 10.0
    silence: float = 20.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    failures: int = 6


@dataclass(slots=True)
class SourceState:
    """How it stands with one source."""

    connection: Connection
    failures: int = 0
    replacements: int = 0
    ignored_ranges: int = 0
    serves_ranges: bool = False
    is_given_up: bool = False
    is_whole_body: bool = False
    mark_checks: int = 0
    marking: threading.Lock = field(default_factory=threading.Lock)
    is_replaced: bool = False
    reason: str = ""
    status: int = 0


@dataclass(slots=True)
class _Span:
    """Blocks that one thread fetches, in order; what has arrived of the first stays when a connection breaks."""

    blocks: list[int]
    buffer: bytearray = field(default_factory=bytearray)

    def run_length(self) -> int:
        """How many of the blocks follow one another from the first on."""
        length = 1
        while length < len(self.blocks) and self.blocks[length] == self.blocks[0] + length:
            length += 1
        return length


class Fetchers:
    """Fetches the missing blocks of ``part``, lowest first, until :meth:`close`. ``stop`` is the user's wish to end."""

    def __init__(
        self,
        file: RemoteFile,
        part: PartFile,
        sources: list[SourceState],
        *,
        connections: int,
        limit: SpeedLimit,
        meter: SpeedMeter,
        patience: Patience,
        stop: threading.Event,
    ) -> None:
        self._file = file
        self._part = part
        self._sources = sources
        self._limit = limit
        self._meter = meter
        self._patience = patience
        self._stop = stop
        self._is_over = False
        self._condition = threading.Condition()
        self._claimed: set[int] = set()
        self._missing = part.missing()
        self._error: Exception | None = None
        self.fetched = 0
        """Bytes taken from the network, repeated ones included."""
        count = min(connections, len(self._missing)) if file.size else 0
        self._threads = [threading.Thread(target=self._work, name=f"download {number}", daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, block: int) -> bool:
        """Wait until a block is there. False where the user stopped.

        Raises:
            UserFacingError, OSError: no source could give it, or the disk could not take it.
        """
        with self._condition:
            while block not in self._part.digests:
                if self._error is not None:
                    raise self._error
                if self._stop.is_set():
                    return False
                self._condition.wait(0.2)
            return not self._stop.is_set()

    def fetch_again(self, blocks: list[int]) -> None:
        """These blocks turned out to be damaged."""
        self._part.forget(blocks)
        with self._condition:
            self._missing = sorted({*self._missing, *blocks})
            if not self._threads:
                self._threads = [threading.Thread(target=self._work, name="download 0", daemon=True)]
                self._threads[0].start()
            self._condition.notify_all()

    def close(self) -> None:
        """Stop every thread and wait for it."""
        with self._condition:
            self._is_over = True
            self._condition.notify_all()
        for state in self._sources:
            state.connection.interrupt()
        for thread in self._threads:
            thread.join()

    # ---- threads

    def _is_ending(self) -> bool:
        return self._is_over or self._stop.is_set() or self._error is not None

    def _work(self) -> None:
        try:
            while not self._is_ending():
                state = next((one for one in self._sources if not one.is_given_up), None)
                if state is None:
                    raise self._all_failed()
                span = self._claim(is_all=state.is_whole_body)
                if span is None:
                    with self._condition:
                        self._condition.wait(0.2)
                    continue
                try:
                    self._fetch(state, span)
                finally:
                    self._release(span)
        except Exception as error:  # noqa: BLE001 - the thread that waits for blocks raises it
            with self._condition:
                self._error = self._error or error
                self._condition.notify_all()

    def _claim(self, *, is_all: bool) -> _Span | None:
        """The first missing blocks that nobody fetches; a server without ranges serves one reader everything."""
        with self._condition:
            if is_all:
                blocks = [] if self._claimed else list(self._missing)
            else:
                blocks = []
                for block in self._missing:
                    if block not in self._claimed:
                        blocks.append(block)
                        if len(blocks) == BLOCKS_OF_A_PART:
                            break
                    elif blocks:
                        break
            self._claimed.update(blocks)
            return _Span(blocks) if blocks else None

    def _release(self, span: _Span) -> None:
        with self._condition:
            self._claimed.difference_update(span.blocks)
            self._condition.notify_all()

    def _keep(self, block: int, data: bytearray) -> None:
        self._part.write(block, data)
        with self._condition:
            self._missing.remove(block)
            self._claimed.discard(block)
            self._condition.notify_all()

    def _fetch(self, state: SourceState, span: _Span) -> None:
        """Fetch a span from one source until it is there or the source is given up."""
        while span.blocks and not state.is_given_up and not self._is_ending():
            try:
                if state.is_whole_body:
                    self._read_whole(state, span)
                else:
                    self._read_range(state, span)
            except Fault as fault:
                self._note_fault(state, fault)

    def _read_range(self, state: SourceState, span: _Span) -> None:
        first = self._part.extent(span.blocks[0])[0] + len(span.buffer)
        last, length = self._part.extent(span.blocks[span.run_length() - 1])
        with state.connection.open(first, last + length) as answer:
            left = last + length - first
            for data in self._iter_body(answer, left, state):
                self._take(span, data)
                state.serves_ranges = True

    def _read_whole(self, state: SourceState, span: _Span) -> None:
        """Read the body from its beginning and pass over what is here."""
        span.buffer.clear()
        with state.connection.open_whole() as answer:
            at = 0
            for data in self._iter_body(answer, self._file.size, state):
                view = memoryview(data)
                while view and span.blocks:
                    start = self._part.extent(span.blocks[0])[0] + len(span.buffer)
                    skipped = min(len(view), max(0, start - at))
                    at, view = at + skipped, view[skipped:]
                    room = self._part.extent(span.blocks[0])[1] - len(span.buffer)
                    piece = view[:room]
                    self._take(span, piece)
                    at, view = at + len(piece), view[len(piece) :]
                if not span.blocks:
                    return

    def _take(self, span: _Span, data: bytes | memoryview) -> None:
        """Append to the block that is being filled; whole blocks go to the disk."""
        view = memoryview(data)
        while view:
            room = self._part.extent(span.blocks[0])[1] - len(span.buffer)
            span.buffer += view[:room]
            view = view[room:]
            if len(span.buffer) == self._part.extent(span.blocks[0])[1]:
                self._keep(span.blocks[0], span.buffer)
                del span.blocks[0]
                span.buffer = bytearray()

    def _iter_body(self, answer: BaseHTTPResponse, length: int, state: SourceState, *, resets: bool = True) -> Iterator[bytes]:
        """Pieces of a body of ``length`` bytes; a body that ends early, breaks off or only drips is a fault."""
        import urllib3

        size, began = _SMALLEST_READ, time.monotonic()
        mark, mark_bytes = began, 0
        while length and not self._is_ending():
            try:
                data = answer.read(min(size, length))
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise Fault(describe(error)) from error
            now = time.monotonic()
            if not data:
                raise Fault("It broke off the connection.")
            size = min(size * 2, _LARGEST_READ) if now - began < 0.02 * (size >> 16) else _SMALLEST_READ
            began = now
            length -= len(data)
            with self._condition:
                self.fetched += len(data)
                if resets:
                    state.failures = state.replacements = 0
            self._meter.note(len(data))
            yield data
            mark_bytes += len(data)
            if now - mark > 1.5 * self._patience.silence:
                if mark_bytes < _SLOWEST * (now - mark) and not self._limit.bytes_per_second:
                    raise Fault("It has almost stopped sending.")
                mark, mark_bytes = now, 0
            if wait := self._limit.take(len(data)):
                self._stop.wait(wait)
                began, mark = time.monotonic(), mark + wait

    # ---- faults

    def _note_fault(self, state: SourceState, fault: Fault) -> None:
        """Count it, perhaps give the source up, and wait a little."""
        with self._condition:
            state.reason, state.status = fault.reason, fault.status
            state.failures += 1
            if isinstance(fault, WholeBody):
                state.ignored_ranges += 1
                # Who gave a range once can give ranges: starting over would cost all that is here.
                state.is_whole_body = state.ignored_ranges >= _TIMES and not state.serves_ranges
            if isinstance(fault, Replaced):
                state.replacements += 1
            is_replaced = state.replacements >= _TIMES
        if is_replaced and not self._accept_mark(state):
            state.is_replaced = state.is_given_up = True
        with self._condition:
            if fault.is_final or state.failures >= self._patience.failures:
                state.is_given_up = True
            if state.is_given_up:
                return
            wait = min(self._patience.first_wait * 2 ** (state.failures - 1), self._patience.longest_wait)
        self._pause(max(fault.wait, wait * random.uniform(0.7, 1.3)))

    def _accept_mark(self, state: SourceState) -> bool:
        """Servers of one name may mark one file differently: the last block that is here decides, fetched once more."""
        with state.marking:
            with self._condition:
                if state.replacements < _TIMES:
                    return not state.is_given_up  # another thread has settled it
                if state.mark_checks == _TIMES or not self._file.identity:
                    return False
                state.mark_checks += 1
                kept = max(self._part.digests, default=None)
                digest = self._part.digests.get(kept, "") if kept is not None else ""
            same = kept is None or self._is_still_there(state, kept, digest)
            if same is False:
                return False
            with self._condition:
                state.replacements = 0
                if same is None:  # nobody knows: it is a fault as any other, and asked about again
                    state.mark_checks -= 1
                else:
                    state.failures = 0
                    state.connection.etag = ""
            return True

    def _is_still_there(self, state: SourceState, block: int, digest: str) -> bool | None:
        """Whether a block that is here is the same at the hub; None where no answer came."""
        start, length = self._part.extent(block)
        for _ in range(_TIMES):
            try:
                with state.connection.open(start, start + length, any_mark=True) as answer:
                    data = b"".join(self._iter_body(answer, length, state, resets=False))
            except Fault as fault:
                if fault.is_final:
                    return None
                self._pause(self._patience.first_wait)
            else:
                return digest_of(data) == digest
        return None

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_ending() and (left := end - time.monotonic()) > 0:
            self._stop.wait(min(left, 0.2))

    def _all_failed(self) -> Exception:
        if not self._sources:
            return DownloadFailed(file=self._file.name, reason="No source is known for it.")
        first = self._sources[0]
        if all(state.is_replaced for state in self._sources):
            return FileChangedAtHub(file=self._file.name, reason=first.reason)
        if all(state.status in (401, 403) for state in self._sources):
            source = first.connection.source
            page = source.url.partition("/resolve/")[0]
            return GatedModel(model=self._file.name, hub=source.hub or "The hub", url=page)
        said = [(state.reason, state.connection.source.hub or state.connection.source.url) for state in self._sources]
        reason = said[0][0]
        if len(said) > 1:
            (one, hub), (two, other) = said[0], said[1]
            reason = f"All sources failed. {hub} says: “{one}” {other} says: “{two}” Both were asked several times."
        return DownloadFailed(file=self._file.name, reason=reason, details=repr([state.status for state in self._sources]))
