"""Looks at pictures and listens to sounds beside the replies that are being written, and remembers what it saw within a budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from backends.backend import CancelCheck
from backends.llamacpp.projector import MediaChunk
from backends.media_files import MediaFile
from models.errors import GenerationFailed

_PATIENCE = 0.02
"""Seconds that the engine waits for a picture where there is nothing else to do."""


class Seer(Protocol):
    """What computes embeddings: see :meth:`backends.llamacpp.projector.Projector.encode`."""

    def encode(self, source: MediaFile, is_wanted: Callable[[], bool]) -> dict[bytes, Any]:
        """The embeddings of all chunks of a medium by their keys; fewer once nobody wants them."""


class _Look:
    """One medium that is being looked at, and those who wait for it."""

    def __init__(self) -> None:
        self.askers: list[CancelCheck] = []
        self.future: Future[dict[bytes, Any]] = Future()
        self.is_whole = False

    def is_wanted(self) -> bool:
        return not all(is_cancelled() for is_cancelled in self.askers)


class Eyes:
    """Embeddings of chunks, computed once in a thread of its own. ``budget`` in bytes is what is remembered of them.

    One thread asks. A medium that is asked for while it is being looked at is not looked at again.
    """

    def __init__(self, projector: Seer, budget: int) -> None:
        self._projector = projector
        self._budget = budget
        self._kept: OrderedDict[bytes, Any] = OrderedDict()
        self._size = 0
        self._looks: dict[tuple[bytes, bool], _Look] = {}
        self._thread = ThreadPoolExecutor(1, "eyes")
        self.encoded = 0
        """Chunks that were computed since the load."""

    def see(self, chunk: MediaChunk, is_cancelled: CancelCheck) -> Any | None:
        """The embeddings of a chunk, ``float32[count, width]``; None while they are being computed.

        Raises:
            UserFacingError: it cannot be seen.
        """
        if (known := self._kept.get(chunk.key)) is not None:
            self._kept.move_to_end(chunk.key)
            return known
        source = (chunk.source.digest, chunk.source.is_sound)
        look = self._looks.get(source)
        if look is None:
            look = self._looks[source] = _Look()
            look.askers.append(is_cancelled)
            look.future = self._thread.submit(self._encode, chunk.source, look)
            return None
        if not look.future.done():
            if is_cancelled not in look.askers:
                look.askers.append(is_cancelled)
            return None
        del self._looks[source]
        found = look.future.result()
        self._remember(found)
        if chunk.key not in found and look.is_whole:
            raise GenerationFailed(reason=f"The engine cut {chunk.source.name} into other pieces than it had announced.")
        return found.get(chunk.key)

    def prepare(self, chunk: MediaChunk, is_cancelled: CancelCheck) -> None:
        """Begin to look at a chunk that will be needed, where it is not known yet."""
        source = (chunk.source.digest, chunk.source.is_sound)
        if chunk.key not in self._kept and source not in self._looks:
            look = self._looks[source] = _Look()
            look.askers.append(is_cancelled)
            look.future = self._thread.submit(self._encode, chunk.source, look)

    def wait_a_moment(self) -> None:
        """Wait until something was seen, for a fraction of a second. For an engine that has nothing else to do."""
        awaited = [look.future for look in self._looks.values() if not look.future.done()]
        if awaited:
            wait(awaited, timeout=_PATIENCE, return_when="FIRST_COMPLETED")

    def close(self) -> None:
        """End the thread, and forget everything. Safe to call twice."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._kept.clear()
        self._looks.clear()

    def _encode(self, source: MediaFile, look: _Look) -> dict[bytes, Any]:
        found = self._projector.encode(source, look.is_wanted) if look.is_wanted() else {}
        look.is_whole = look.is_wanted()
        self.encoded += len(found)
        return found

    def _remember(self, found: dict[bytes, Any]) -> None:
        """Keep what was seen; what was used least recently goes, but never what came just now."""
        for key, embeddings in found.items():
            if key not in self._kept:
                self._kept[key] = embeddings
                self._size += embeddings.nbytes
        while self._size > self._budget and len(self._kept) > len(found):
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.nbytes
