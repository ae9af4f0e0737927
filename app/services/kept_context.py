"""What engines keep on disk of conversations, so that they go on at once after a restart; it goes when its conversation goes."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from backends.kept_sequences import remove_kept, remove_orphans
from models.errors import UserFacingError


class ForgettingLink(Protocol):
    """A model in its own process that can forget; see ``backends.worker_link.WorkerLink``."""

    def forget(self, owner: str, timeout: float = 10.0) -> None: ...


class KeptContext:
    """Thread-safe. ``list_ids`` gives the ids of all conversations that exist, those in the trash too."""

    def __init__(self, folder: Path, list_ids: Callable[[], Iterable[str]]) -> None:
        self._folder = folder
        self._list_ids = list_ids
        self._lock = threading.Lock()
        self._links: weakref.WeakSet[ForgettingLink] = weakref.WeakSet()

    def watch(self, link: ForgettingLink) -> None:
        """Remember a process, so that it can be told to forget."""
        with self._lock:
            self._links.add(link)

    def forget(self, conversation_ids: Iterable[str]) -> None:
        """Remove what is kept of conversations: in every process that runs, then on the disk. Blocks for the processes' answers."""
        with self._lock:
            links = list(self._links)
        for conversation_id in conversation_ids:
            for link in links:
                with contextlib.suppress(UserFacingError):  # one that died can write nothing any more
                    link.forget(conversation_id)
            remove_kept(self._folder, conversation_id)

    def sweep(self) -> None:
        """Remove whatever belongs to no conversation any more."""
        if self._folder.is_dir():
            remove_orphans(self._folder, self._list_ids())
