"""Keeps the index in step with files: what is new or changed is read, what is gone is forgotten, one document at a time."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from app.documents.formats import SUFFIXES
from app.documents.reading import DocumentReader, is_unreadable
from app.retrieval.chunking import cut_document
from app.retrieval.embedders import PassageEmbedder
from app.retrieval.index import FileState, KnowledgeIndex
from models.document_errors import DocumentUnreadable
from models.errors import UserFacingError, WorkCancelled

LARGEST_INDEXED = 256 * 1024 * 1024
"""Bytes; larger files in a folder are left out and named."""

MOST_FILES = 100_000
_SKIPPED = frozenset(("node_modules", "__pycache__", "site-packages", "venv", "target", "dist", "build"))
_BATCH = 256
"""Passages that are embedded at once, so that a cancel is heard."""

IsCancelled = Callable[[], bool]
Told = Callable[[int, int, str], None]
"""Told the documents that are done, how many there are, and the one that is read now."""

_log = logging.getLogger(__name__)


class Indexer:
    """Brings one root of the index up to date. Whatever ends it, finished documents are kept, and the next run goes on."""

    def __init__(self, index: KnowledgeIndex, reader: DocumentReader) -> None:
        self._index = index
        self._reader = reader

    def update(self, root: str, embedder: PassageEmbedder, told: Told, is_cancelled: IsCancelled) -> int:
        """Look at every file below a root; returns how many were read anew.

        Raises:
            WorkCancelled: ``is_cancelled`` said so.
            StoreError: the index cannot be written.
            UserFacingError: the embedder failed.
        """
        files = dict(iter_files(Path(root)))
        known = {one.path: one for one in self._index.documents([root])}
        foreign = self._index.foreign_documents(embedder.name)
        if gone := [path for path in known if path not in files]:
            self._index.remove(root, gone)
        waiting = [
            path
            for path, (size, changed) in files.items()
            if path not in known or path in foreign or (known[path].size, known[path].changed) != (size, changed)
        ]
        done = 0
        for number, path in enumerate(waiting):
            if is_cancelled():
                raise WorkCancelled()
            told(len(files) - len(waiting) + number, len(files), path)
            done += self.update_file(root, path, embedder, is_cancelled, force=path in foreign)
        told(len(files), len(files), "")
        return done

    def update_file(
        self, root: str, path: str, embedder: PassageEmbedder, is_cancelled: IsCancelled, *, name: str = "", force: bool = False
    ) -> bool:
        """Read one file where its content changed; true where it did. One that cannot be read is remembered with its reason."""
        try:
            size, changed = _stat(Path(path))
            if size > LARGEST_INDEXED:
                raise DocumentUnreadable(file=Path(path).name, reason=f"It is larger than {LARGEST_INDEXED // 1024**2} MB.")
            state = FileState(size, changed, hash_file(Path(path)))
        except OSError as error:
            refused = DocumentUnreadable(file=name or Path(path).name, reason=f"{error.strerror or error}.")
            self._index.put_failure(root, path, FileState(0, 0), refused)
            return False
        except DocumentUnreadable as error:
            self._index.put_failure(root, path, FileState(size, changed), error)
            return False
        known = self._index.find(path)
        if known is not None and known.sha256 == state.sha256 and not force:
            self._index.touch(root, path, state)
            return False
        try:
            document = self._reader.read(path, is_cancelled=is_cancelled)
        except UserFacingError as error:
            if not is_unreadable(error):
                raise
            self._index.put_failure(root, path, state, error)
            return True
        if name:
            document = type(document)(
                name, document.kind, document.unit, document.count, document.sections, document.encoding, document.notes
            )
        passages = cut_document(document)
        encoded: list[bytes] = []
        for start in range(0, len(passages), _BATCH):
            if is_cancelled():
                raise WorkCancelled()
            titled = [f"{Path(document.name).stem} {one.heading}\n{one.text}" for one in passages[start : start + _BATCH]]
            encoded += embedder.encode(titled)
        self._index.put(root, path, state, document, passages, encoded, embedder.name)
        return True


def iter_files(root: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Documents below a root with size and time: hidden ones, other programs' folders and links out of it are passed over."""
    if root.is_file():
        with contextlib.suppress(OSError):
            yield str(root), _stat(root)
        return
    count = 0
    for folder, folders, names in os.walk(root, onerror=lambda error: _log.info("not indexed: %s", error)):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith((".", "~$")) or path.suffix.lower() not in SUFFIXES or path.is_symlink():
                continue
            with contextlib.suppress(OSError):
                state = _stat(path)
                count += 1
                if count > MOST_FILES:
                    return
                yield str(path), state


def hash_file(path: Path) -> str:
    """SHA-256. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stat(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
