"""Documents to answer from: collections, their index that follows the files, and the passages that fit a question."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.services.collections import Collection, Collections
from app.services.events import EventBus, KnowledgeChanged, KnowledgeProgress
from app.services.indexing import Indexer, iter_files
from app.settings import Settings
from models.errors import UserFacingError, WorkCancelled, error_from_json

if TYPE_CHECKING:
    from app.documents.reading import DocumentReader
    from app.retrieval.embedders import PassageEmbedder
    from app.retrieval.index import IndexedDocument, KnowledgeIndex
    from app.retrieval.search import Hit, PassageSearch, Rank
    from models.card import ModelCard

WATCH_SECONDS = 20.0
"""How often folders are looked at while a window is open."""

_log = logging.getLogger(__name__)


class Models(Protocol):
    """Which models passages are found with; see :mod:`app.services.knowledge_models`."""

    def find_embedder(self) -> PassageEmbedder:
        """The embedder that is chosen now."""

    def find_ranker(self) -> Rank | None:
        """A reranking model where one is to be used."""

    def embedders(self) -> list[ModelCard]:
        """The embedding models of the library."""

    def rerankers(self) -> list[ModelCard]:
        """The reranking models of the library."""


@dataclass(frozen=True, slots=True)
class RootState:
    """How it stands with one file or folder of a collection: documents and passages in the index, those that could not be read."""

    path: str
    documents: int
    passages: int
    failures: tuple[IndexedDocument, ...]
    is_there: bool


@dataclass(frozen=True, slots=True)
class Indexing:
    """What is being indexed now, ``done`` of ``total`` documents; ``error`` where the last run failed."""

    root: str = ""
    name: str = ""
    done: int = 0
    total: int = 0
    error: UserFacingError | None = None

    @property
    def is_running(self) -> bool:
        """Whether something is being indexed."""
        return bool(self.root)


@dataclass(eq=False)
class _Parts:
    """What is opened at the first use."""

    index: KnowledgeIndex
    search: PassageSearch
    indexer: Indexer
    reader: DocumentReader


class Knowledge:
    """Thread-safe. Indexing has a thread of its own; it is asked to stop between two documents and inside a long one."""

    def __init__(
        self,
        bus: EventBus,
        settings: Settings,
        path: Path,
        models: Models,
    ) -> None:
        """``path`` is the index's file."""
        self._bus = bus
        self._path = path
        self.models = models
        self.collections = Collections(settings)
        self._opening = threading.Lock()
        self._opened: _Parts | None = None
        self._condition = threading.Condition()
        self._waiting: dict[str, None] = {}
        self._current = Indexing()
        self._is_cancelled = threading.Event()
        self._is_closed = False
        self._is_watching = False
        self._thread: threading.Thread | None = None
        self._watcher: threading.Thread | None = None

    # ---- collections

    def create(self, name: str) -> Collection:
        """A new collection. Raises CollectionExists."""
        made = self.collections.create(name)
        self._bus.publish(KnowledgeChanged())
        return made

    def delete(self, collection_id: str) -> None:
        """Forget a collection and what was indexed for it alone."""
        roots = self.collections.find(collection_id).paths
        self.collections.delete(collection_id)
        self._forget(roots)

    def add(self, collection_id: str, path: Path | str) -> None:
        """Add a file or folder and begin to index it. Raises DocumentUnreadable where there is none."""
        root = self.collections.add_path(collection_id, Path(path))
        self._bus.publish(KnowledgeChanged())
        self.update([root])

    def remove(self, collection_id: str, path: str) -> None:
        """Take a file or folder out of a collection."""
        self.collections.remove_path(collection_id, path)
        self._forget([path])

    def roots(self, collection_id: str) -> list[RootState]:
        """How it stands with everything in a collection."""
        found = []
        for root in self.collections.find(collection_id).paths:
            documents = self._parts().index.documents([root])
            failures = tuple(one for one in documents if one.error)
            passages = sum(one.passages for one in documents)
            found.append(RootState(root, len(documents) - len(failures), passages, failures, Path(root).exists()))
        return found

    # ---- indexing

    def update(self, roots: Iterable[str] | None = None) -> None:
        """Look at these files and folders, or at all, and index what changed. Returns at once."""
        with self._condition:
            if self._is_closed:
                return
            self._waiting |= dict.fromkeys(self.collections.roots() if roots is None else roots)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="indexing", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def wait(self, is_cancelled: Callable[[], bool] = lambda: False) -> Indexing:
        """Until nothing is left to index; the state then. What ``is_cancelled`` says cancels the indexing."""
        with self._condition:
            while (self._waiting or self._current.is_running) and not self._is_closed:
                if is_cancelled():
                    self._is_cancelled.set()
                self._condition.wait(0.1)
            return self._current

    def cancel(self) -> None:
        """Stop indexing; what is done stays, and the next update goes on from there."""
        with self._condition:
            self._waiting.clear()
            self._is_cancelled.set()

    def indexing(self) -> Indexing:
        """What is being indexed now."""
        with self._condition:
            return self._current

    def is_waiting(self) -> bool:
        """Whether something is still to be indexed after what is indexed now."""
        with self._condition:
            return bool(self._waiting)

    def watch(self) -> None:
        """From now on look at all folders again and again, and index what changed."""
        with self._condition:
            if self._is_closed or self._is_watching:
                return
            self._is_watching = True
            self._watcher = threading.Thread(target=self._watch, name="watching", daemon=True)
            self._watcher.start()

    # ---- searching

    def search(self, question: str, collection_ids: Iterable[str] | None = None, limit: int = 8) -> list[Hit]:
        """The best passages of some collections, or of all. Raises UserFacingError where the index or a model cannot be used."""
        return self.search_roots(question, self.collections.roots(collection_ids), limit)

    def search_roots(self, question: str, roots: Sequence[str], limit: int = 8) -> list[Hit]:
        """The best passages below some files and folders. Raises as :meth:`search` does."""
        if not roots:
            return []
        return self._parts().search.find(question, roots, self.models.find_embedder(), limit, self.models.find_ranker())

    def index_attached(self, path: str, name: str, is_cancelled: Callable[[], bool] = lambda: False) -> str:
        """Index one document that was attached to a message, now; the root to search it under.

        Raises:
            DocumentUnreadable: it cannot be read.
            WorkCancelled: ``is_cancelled`` said so.
        """
        parts = self._parts()
        embedder = self.models.find_embedder()
        known = parts.index.find(path)
        if known is None or known.error or path in parts.index.foreign_documents(embedder.name):
            parts.indexer.update_file(path, path, embedder, is_cancelled, name=name, force=True)
            known = parts.index.find(path)
        if known is not None and known.error:
            raise error_from_json(known.error)
        return path

    def sweep(self, is_kept: Callable[[str], bool]) -> None:
        """Forget attached documents whose file is gone, and everything else that no collection names."""
        if not self._path.exists():
            return
        named = set(self.collections.roots())
        for root in self._parts().index.roots():
            if root not in named and not (is_kept(root) and Path(root).exists()):
                self._parts().index.remove(root)

    def close(self) -> None:
        """Stop, and wait for the threads."""
        with self._condition:
            self._is_closed = True
            self._waiting.clear()
            self._is_cancelled.set()
            self._condition.notify_all()
        for thread in (self._thread, self._watcher):
            if thread is not None:
                thread.join()
        with self._opening:
            if self._opened is not None:
                self._opened.reader.close()
                self._opened.index.close()

    # ---- inside

    def _parts(self) -> _Parts:
        with self._opening:
            if self._opened is None:
                from app.documents.reading import DocumentReader
                from app.retrieval.index import KnowledgeIndex
                from app.retrieval.search import PassageSearch

                index, reader = KnowledgeIndex(self._path), DocumentReader()
                self._opened = _Parts(index, PassageSearch(index), Indexer(index, reader), reader)
            return self._opened

    def _forget(self, roots: Iterable[str]) -> None:
        left = set(self.collections.roots())
        for root in roots:
            if root not in left:
                with self._condition:
                    self._waiting.pop(root, None)
                    if self._current.root == root:
                        self._is_cancelled.set()
                self._parts().index.remove(root)
        self._bus.publish(KnowledgeChanged())

    def _work(self) -> None:
        """The body of the indexing thread."""
        while True:
            with self._condition:
                while not self._waiting and not self._is_closed:
                    self._condition.wait()
                if self._is_closed:
                    return
                root = next(iter(self._waiting))
                del self._waiting[root]
                self._is_cancelled.clear()
                self._current = Indexing(root)
            error = self._update(root)
            with self._condition:
                self._current = Indexing(error=error)
                self._condition.notify_all()
            self._bus.publish(KnowledgeChanged())

    def _update(self, root: str) -> UserFacingError | None:
        try:
            parts = self._parts()
            parts.indexer.update(
                root, self.models.find_embedder(), lambda *told: self._tell(root, *told), self._is_cancelled.is_set
            )
            if root not in self.collections.roots():  # it was taken out while it was read
                parts.index.remove(root)
        except WorkCancelled:
            return None
        except UserFacingError as error:
            _log.warning("indexing failed: %s", error)
            return error
        return None

    def _tell(self, root: str, done: int, total: int, path: str) -> None:
        with self._condition:
            self._current = Indexing(root, Path(path).name if path else "", done, total)
        self._bus.publish(KnowledgeProgress(root, done, total, Path(path).name if path else ""))

    def _watch(self) -> None:
        """The body of the watching thread: compares what files look like now with what they looked like last."""
        before: dict[str, Any] = {}
        while True:
            for root in self.collections.roots():
                looks = hash(frozenset(iter_files(Path(root))))
                if before.get(root) != looks:
                    before[root] = looks
                    self.update([root])
            with self._condition:
                if self._is_closed or self._condition.wait_for(lambda: self._is_closed, WATCH_SECONDS):
                    return
