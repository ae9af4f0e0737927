"""A file that is not whole yet: ``NAME.part`` with the bytes, and ``NAME.part.journal`` with the digest of every block in it.

A line is added to the journal only after its block was written, so after ``kill -9`` no line claims what is not there; after a
power cut one may, and is found out, because every block of an earlier life is read and compared before it counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from models.downloads.remote_file import RemoteFile

_VERSION = 1
_SMALLEST_BLOCK, _LARGEST_BLOCK = 1 << 20, 16 << 20
_WANTED_BLOCKS = 512
DIGEST_DIGITS = 16


def choose_block_size(size: int) -> int:
    """Bytes of a block: a power of two from 1 to 16 MiB, so that a file has about 512 of them."""
    block = _SMALLEST_BLOCK
    while block < _LARGEST_BLOCK and size // block > _WANTED_BLOCKS:
        block *= 2
    return block


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """The first 64 bits of the SHA-256: enough against accidents; against malice there is the hash of the whole."""
    return hashlib.sha256(data).hexdigest()[:DIGEST_DIGITS]


class PartFile:
    """Blocks on disk. Thread-safe: any thread may write any block.

    Raises:
        OSError: from any method, where the disk refuses.
    """

    def __init__(self, target: Path, file: RemoteFile, identity: str, block_size: int = 0) -> None:
        self.path = target.with_name(target.name + ".part")
        self.journal = target.with_name(target.name + ".part.journal")
        self.size = file.size
        self.block_size = block_size or choose_block_size(file.size)
        self._identity = identity
        self._lock = threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        earlier = self._load()
        self.block_count = max(1, -(-self.size // self.block_size))
        self.digests = {block: digest for block, digest in earlier.items() if 0 <= block < self.block_count}
        """Of the blocks that are there, by number."""
        self._data = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        if os.fstat(self._data).st_size != self.size:
            os.ftruncate(self._data, self.size)
        self._log = self.journal.open("a", encoding="ascii")

    def extent(self, block: int) -> tuple[int, int]:
        """First byte of a block and its length."""
        start = block * self.block_size
        return start, min(self.block_size, self.size - start)

    def missing(self) -> list[int]:
        """Numbers of the blocks that are not there, in order."""
        with self._lock:
            return [block for block in range(self.block_count) if block not in self.digests]

    def write(self, block: int, data: bytes | bytearray | memoryview) -> None:
        """Keep a whole block."""
        digest = digest_of(data)
        start, _ = self.extent(block)
        with memoryview(data) as left:
            while left:
                done = _write_at(self._data, left, start)
                left, start = left[done:], start + done
        with self._lock:
            self.digests[block] = digest
            self._log.write(f"{block} {digest}\n")
            self._log.flush()

    def read(self, block: int) -> bytes:
        """The bytes of a block as the disk gives them."""
        start, length = self.extent(block)
        pieces = []
        while length:
            piece = _read_at(self._data, length, start)
            if not piece:
                break
            pieces.append(piece)
            start, length = start + len(piece), length - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def forget(self, blocks: Iterable[int]) -> None:
        """These blocks are damaged: they are missing again."""
        with self._lock:
            for block in blocks:
                self.digests.pop(block, None)
                self._log.write(f"{block} -\n")
            self._log.flush()

    def finish(self, target: Path) -> None:
        """Put the whole file under its name for good, and drop the journal."""
        os.fsync(self._data)
        self.close()
        self.path.replace(target)
        with contextlib.suppress(OSError):  # a system that cannot open folders keeps the rename in its own way
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        self.journal.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete everything that has arrived."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files; they stay. Safe to call twice."""
        if self._data >= 0:
            os.close(self._data)
            self._data = -1
            self._log.close()

    def _header(self) -> dict[str, object]:
        return {"version": _VERSION, "identity": self._identity, "size": self.size, "block": self.block_size}

    def _load(self) -> dict[int, str]:
        """The blocks of an earlier life; none where they belong to another file or there is no telling."""
        digests: dict[int, str] = {}
        whole = 0
        with contextlib.suppress(OSError, ValueError):
            lines = self.journal.read_bytes().split(b"\n")
            header = json.loads(lines[0])
            self._take_block_size(header)
            if header == self._header() and self._identity and self.path.stat().st_size == self.size:
                whole = len(lines[0]) + 1
                for line in lines[1:-1]:  # what follows the last line break was being written when the end came
                    number, _, digest = line.decode("ascii").partition(" ")
                    if digest == "-":
                        digests.pop(int(number), None)
                    elif len(digest) == DIGEST_DIGITS:
                        digests[int(number)] = digest
                    else:
                        break
                    whole += len(line) + 1
        if whole:
            os.truncate(self.journal, whole)
            return digests
        self.path.unlink(missing_ok=True)
        self.journal.write_text(json.dumps(self._header()) + "\n", encoding="ascii")
        return {}

    def _take_block_size(self, header: object) -> None:
        """Go on with the blocks of the earlier life, whatever would be chosen today."""
        block = header.get("block") if isinstance(header, dict) else None
        if isinstance(block, int) and 1 << 12 <= block <= _LARGEST_BLOCK:
            self.block_size = block


def resume_from(target: Path, file: RemoteFile, block_size: int, digests: list[str]) -> None:
    """Make an unfinished file of one that was whole once: blocks that no longer fit their digests will be fetched again.

    Raises:
        OSError: the disk refuses; the file is as it was, or unfinished.
    """
    part = target.with_name(target.name + ".part")
    journal = target.with_name(target.name + ".part.journal")
    header = {"version": _VERSION, "identity": file.identity, "size": file.size, "block": block_size}
    lines = [json.dumps(header), *(f"{block} {digest}" for block, digest in enumerate(digests))]
    journal.write_text("\n".join(lines) + "\n", encoding="ascii")
    target.replace(part)
    with part.open("r+b") as opened:
        opened.truncate(file.size)


if hasattr(os, "pwrite"):

    def _write_at(handle: int, data: memoryview, offset: int) -> int:
        return os.pwrite(handle, data, offset)

    def _read_at(handle: int, length: int, offset: int) -> bytes:
        return os.pread(handle, length, offset)

else:  # Windows knows no positioned access: one seek and one access at a time
    _SEEKING = threading.Lock()

    def _write_at(handle: int, data: memoryview, offset: int) -> int:
        with _SEEKING:
            os.lseek(handle, offset, os.SEEK_SET)
            return os.write(handle, data)

    def _read_at(handle: int, length: int, offset: int) -> bytes:
        with _SEEKING:
            os.lseek(handle, offset, os.SEEK_SET)
            return os.read(handle, length)
