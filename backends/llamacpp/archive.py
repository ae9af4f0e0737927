"""Sequences kept on disk, so that a conversation goes on at once after a restart: checked by hash, within a budget."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.kept_sequences import HEADER, MAGIC, SUFFIX, make_tag, remove_kept
from backends.llamacpp.kv_cache import common_length

_log = logging.getLogger(__name__)

WORTH_SAVING = 128
"""Tokens from which on a sequence is kept on disk, and looked for there."""

_PARTIAL = ".partial"
_HASHED_BLOCKS, _BLOCK = 64, 65_536
_ABANDONED_SECONDS = 600


@dataclass(frozen=True, slots=True)
class SavedSequence:
    """One file: the tokens that it holds, where, and the tag of whose they are."""

    path: Path
    tokens: list[int]
    byte_count: int
    tag: bytes


class Archive:
    """The saved sequences of one model, in a folder that all models share. One thread; writing has a thread of its own.

    ``key`` says what computed the numbers (model, cache type, engine version): sequences of another key are not looked at. A file
    that is damaged, foreign or gone is passed over: the worst that can happen is that a prompt is read again.
    """

    def __init__(self, folder: Path, budget: int, key: bytes) -> None:
        self._folder = folder
        self._budget = budget
        self._key = hashlib.sha256(key).digest()
        self._writer: threading.Thread | None = None
        self._lock = threading.Lock()
        self._saved: dict[Path, SavedSequence] = {}
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path in folder.glob(f"*{SUFFIX}"):
                if (found := self._read_head(path)) is not None:
                    self._saved[path] = found
            self._remove_abandoned()

    def match(self, tokens: Sequence[int]) -> tuple[SavedSequence | None, int]:
        """The saved sequence with the longest beginning of ``tokens``, and its length."""
        best, longest = None, 0
        with self._lock:
            candidates = list(self._saved.values())
        for saved in candidates:
            common = common_length(saved.tokens, tokens, len(tokens) - 1)
            if common > longest:
                best, longest = saved, common
        return best, longest

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether exactly these tokens, or more after them, are saved."""
        count = len(tokens)
        with self._lock:
            return any(len(saved.tokens) >= count and saved.tokens[:count] == tokens for saved in self._saved.values())

    def read(self, saved: SavedSequence) -> bytes | None:
        """The state of a saved sequence; None, and the file removed, where its hash is not what it should be."""
        try:
            data = saved.path.read_bytes()
            os.utime(saved.path)  # what is used stays longest
        except OSError:
            data = b""
        start = HEADER.size + 4 * len(saved.tokens)
        if len(data) < start or _hash(data) != data[8:40]:
            _log.debug("a saved sequence is damaged: %s", saved.path.name)
            self._remove(saved.path)
            return None
        return data[start:]

    def takes(self, byte_count: int) -> bool:
        """Whether a state of this size is kept: one that would fill half the folder is not worth what it costs to write."""
        return byte_count <= self._budget // 2

    def save(self, tokens: Sequence[int], state: bytes | memoryview, owner: str) -> None:
        """Write an owner's sequence, in the background; one that is a beginning of it goes. More than the budget is not kept."""
        self.wait()
        if len(state) + 4 * len(tokens) > self._budget:
            return
        self._writer = threading.Thread(
            target=self._write, args=(list(tokens), state, make_tag(owner)), name="archive", daemon=True
        )
        self._writer.start()

    @property
    def is_writing(self) -> bool:
        """Whether the last sequence is still on its way to the disk."""
        return self._writer is not None and self._writer.is_alive()

    def wait(self) -> None:
        """Until what was saved is on disk."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def forget(self, owner: str) -> None:
        """Remove what is saved of an owner, of every model."""
        self.wait()
        tag = make_tag(owner)
        with self._lock:
            self._saved = {path: saved for path, saved in self._saved.items() if saved.tag != tag}
        remove_kept(self._folder, owner)

    def _write(self, tokens: list[int], state: bytes | memoryview, tag: bytes) -> None:
        numbers = array("i", tokens).tobytes()
        head = HEADER.pack(MAGIC, b"\0" * 32, len(tokens), len(state), self._key, tag)
        digest = hashlib.sha256(head[40:])
        digest.update(numbers)
        digest.update(state)
        name = hashlib.sha256(self._key + numbers).hexdigest()[:40]
        path = self._folder / (name + SUFFIX)
        partial = path.with_suffix(f".{os.getpid()}{_PARTIAL}")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for part in (head[:8], digest.digest(), head[40:], numbers, state):
                    file.write(part)
            partial.replace(path)
        except OSError as error:
            _log.debug("a sequence could not be saved: %s", error)
            with contextlib.suppress(OSError):
                partial.unlink()
            return
        with self._lock:
            replaced = [saved.path for saved in self._saved.values() if tokens[: len(saved.tokens)] == saved.tokens]
            self._saved[path] = SavedSequence(path, tokens, len(head) + len(numbers) + len(state), tag)
        for other in replaced:
            if other != path:
                self._remove(other)
        self._keep_budget()

    def _keep_budget(self) -> None:
        """Remove what was used least recently, of any model, until the folder is as small as it should be."""
        files: list[tuple[float, int, Path]] = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._budget:
                return
            self._remove(path)
            total -= size

    def _remove(self, path: Path) -> None:
        with self._lock:
            self._saved.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink()

    def _remove_abandoned(self) -> None:
        for path in self._folder.glob(f"*{_PARTIAL}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

    def _read_head(self, path: Path) -> SavedSequence | None:
        """What a file says that it holds; None where it is not of this key, or not as long as it should be."""
        try:
            with path.open("rb") as file:
                head = file.read(HEADER.size)
                if len(head) < HEADER.size:
                    return None
                magic, _, count, state_bytes, key, tag = HEADER.unpack(head)
                size = os.fstat(file.fileno()).st_size
                if magic != MAGIC or key != self._key or size != HEADER.size + 4 * count + state_bytes:
                    return None
                tokens = array("i")
                tokens.frombytes(file.read(4 * count))
        except OSError:
            return None
        return SavedSequence(path, tokens.tolist(), size, tag)


def fingerprint(path: Path, facts: dict[str, object]) -> bytes:
    """What identifies a model's numbers without reading all of its file: its size, and blocks from all over it; and ``facts``."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        for number in range(_HASHED_BLOCKS):
            file.seek(max(0, (size - _BLOCK) * number // (_HASHED_BLOCKS - 1)))
            digest.update(file.read(_BLOCK))
    return digest.digest()


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(memoryview(data)[40:]).digest()
