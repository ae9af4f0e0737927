"""Brings one file from its sources to its name: fetched, verified as a whole, mended where it is not what the hub promises."""

from __future__ import annotations

import errno
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.download_errors import DownloadDamaged, DownloadFailed, NotEnoughSpace
from models.downloads.connection import Connection, Fault
from models.downloads.fetchers import Fetchers, Patience, SourceState
from models.downloads.part_file import PartFile, digest_of
from models.downloads.remote_file import ContentHash, RemoteFile
from models.downloads.speed import SpeedLimit, SpeedMeter
from models.errors import DiskFull

Phase = Literal["waiting", "fetching", "repairing", "done", "stopped"]

_SPARE_BYTES = 32 << 20
_CHECKED_AT_ONCE = 3
"""After so many blocks that came back different, the whole is read again only at the end: it is a damaged source, not an accident."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes kept of all, mean bytes a second, seconds left (None where unknown), and what is being done."""

    done: int
    total: int
    speed: float
    seconds_left: float | None
    phase: Phase
    source: str = ""
    fetched: int = 0
    """Bytes taken from the network in this life, repeated ones included."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was brought: enough to find damaged blocks later and to see whether the hub has another file now."""

    path: str
    size: int
    sha256: str
    block_size: int
    digests: tuple[str, ...]
    hub: str
    url: str


class Transfer:
    """One file on its way to ``target``. :meth:`run` does it in the calling thread and helpers; :meth:`stop` may come from any.

    A file that is at ``target`` already stays until the new one is whole, and is then replaced.
    """

    def __init__(
        self,
        file: RemoteFile,
        target: Path,
        *,
        connections: int = 4,
        limit: SpeedLimit | None = None,
        patience: Patience | None = None,
        block_size: int = 0,
    ) -> None:
        patience = patience or Patience()
        self.file = file
        self.target = target
        self._connections = max(1, connections)
        self._limit = limit or SpeedLimit()
        self._meter = SpeedMeter()
        self._patience = patience
        self._block_size = block_size
        self._stop = threading.Event()
        self._phase: Phase = "waiting"
        self._part: PartFile | None = None
        self._fetchers: Fetchers | None = None
        self._fetched_again = 0
        times = {"connect": patience.connect, "silence": patience.silence}
        self._sources = [SourceState(Connection(file, source, connections=self._connections, **times)) for source in file.sources]

    def stop(self) -> None:
        """End soon; what has arrived is kept and :meth:`run` gives None."""
        self._stop.set()
        for state in self._sources:
            state.connection.interrupt()

    def progress(self) -> Progress:
        """How far it is; cheap enough for every frame."""
        part, total = self._part, self.file.size
        done = min(total, len(part.digests) * part.block_size) if part else 0
        if self._phase == "done":
            done = total
        speed = self._meter.bytes_per_second() if self._phase == "fetching" else 0.0
        hub = next((state.connection.source.hub for state in self._sources if not state.is_given_up), "")
        fetched = (self._fetchers.fetched if self._fetchers else 0) + self._fetched_again
        return Progress(done, total, speed, (total - done) / speed if speed else None, self._phase, hub, fetched)

    def run(self) -> Receipt | None:
        """Fetch what is missing, verify everything, and give the file its name. None where it was stopped.

        Raises:
            NotEnoughSpace, DiskFull: before and while writing.
            GatedModel, DownloadFailed, FileChangedAtHub, DownloadDamaged: no source gave the file that was promised.
        """
        from filelock import FileLock, Timeout

        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            lock = Path(str(self.target) + ".part.lock")
            with FileLock(str(lock), timeout=0):
                try:
                    return self._run()
                finally:
                    lock.unlink(missing_ok=True)
        except Timeout as error:
            raise DownloadFailed(file=self.file.name, reason="Another Yanmo is downloading this file just now.") from error
        except OSError as error:
            raise self._disk_error(error) from error
        finally:
            for state in self._sources:
                state.connection.close()
            if self._part is not None:
                self._part.close()
            if self._phase != "done":
                self._phase = "stopped"

    def _run(self) -> Receipt | None:
        first = self.file.sources[0].url if self.file.sources else ""
        self._check_space()
        part = self._part = PartFile(self.target, self.file, self.file.identity or f"url:{first}", self._block_size)
        if self.file.size == 0:
            part.write(0, b"")
        fetchers = self._fetchers = Fetchers(
            self.file,
            part,
            self._sources,
            connections=self._connections,
            limit=self._limit,
            meter=self._meter,
            patience=self._patience,
            stop=self._stop,
        )
        self._phase = "fetching"
        try:
            content = self._follow(part, fetchers, frozenset(part.digests))
            if content is not None and not content.is_as_promised():
                self._phase = "repairing"
                content = self._repair(part, fetchers)
        finally:
            fetchers.close()
        return self._finish(part, content) if content is not None else None

    def _follow(self, part: PartFile, fetchers: Fetchers, earlier: frozenset[int]) -> ContentHash | None:
        """Hash the blocks in order as they come; those of an earlier life are compared with their digests first."""
        content = ContentHash(self.file)
        for block in range(part.block_count):
            while True:
                if not fetchers.wait_for(block):
                    return None
                data = part.read(block)
                if block not in earlier or digest_of(data) == part.digests[block]:
                    break
                earlier -= {block}
                fetchers.fetch_again([block])
            content.update(data)
        return content

    def _repair(self, part: PartFile, fetchers: Fetchers) -> ContentHash | None:
        """The whole is wrong. First what the disk did not keep is fetched again, then what a source may have sent wrong.

        Raises:
            DownloadDamaged: everything was asked for a second time and it is still another file.
        """
        content = self._follow(part, fetchers, frozenset(part.digests))
        if content is None or content.is_as_promised():
            return content
        replaced = 0
        for block in range(part.block_count):
            if self._stop.is_set():
                return None
            data = self._fetch_block_again(part, block)
            if data is None or digest_of(data) == part.digests[block]:
                continue
            part.write(block, data)
            replaced += 1
            if replaced <= _CHECKED_AT_ONCE:
                content = self._follow(part, fetchers, frozenset())
                if content is None or content.is_as_promised():
                    return content
        content = self._follow(part, fetchers, frozenset()) if replaced > _CHECKED_AT_ONCE else content
        if content is None or content.is_as_promised():
            return content
        part.discard()
        reason = "Its hash differs, and fetching it a second time gave the same bytes."
        raise DownloadDamaged(file=self.file.name, reason=reason)

    def _fetch_block_again(self, part: PartFile, block: int) -> bytes | None:
        """A block anew, from the last source first: the first one is suspected. None where none answers."""
        start, length = part.extent(block)
        for state in reversed(self._sources):
            try:
                with state.connection.open(start, start + length) as answer:
                    data: bytes = answer.read(length)
            except Fault:
                continue
            except Exception as error:
                import urllib3

                if isinstance(error, urllib3.exceptions.HTTPError | OSError):
                    continue
                raise
            self._fetched_again += len(data)
            if len(data) == length:
                return data
        return None

    def _finish(self, part: PartFile, content: ContentHash) -> Receipt:
        digests = tuple(part.digests[block] for block in range(part.block_count))
        part.finish(self.target)
        self._phase = "done"
        used = next((state.connection.source for state in self._sources if not state.is_given_up), None)
        hub, url = (used.hub, used.url) if used else ("", "")
        return Receipt(str(self.target), self.file.size, content.sha256, part.block_size, digests, hub, url)

    def _check_space(self) -> None:
        part = self.target.with_name(self.target.name + ".part")
        needed = self.file.size - (_occupied(part) if part.exists() else 0)
        free = shutil.disk_usage(self.target.parent).free
        if needed > 0 and needed + _SPARE_BYTES > free:
            raise NotEnoughSpace(
                file=self.file.name, needed=f"{needed / 1e9:.2f} GB", free=f"{free / 1e9:.2f} GB", folder=str(self.target.parent)
            )

    def _disk_error(self, error: OSError) -> Exception:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", -1)):
            free = shutil.disk_usage(self.target.parent).free
            return DiskFull(folder=self.target.parent, free=f"{free / 1e6:.0f} MB")
        return DownloadFailed(file=self.file.name, reason=f"The disk refused: {error.strerror or error}.")


def _occupied(path: Path) -> int:
    """Bytes that a file with holes takes on the disk; its length where the system does not tell."""
    status = path.stat()
    return int(getattr(status, "st_blocks", -(-status.st_size // 512))) * 512
