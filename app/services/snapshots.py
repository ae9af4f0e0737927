"""Snapshots as a person uses them: made on wish and every day, put back under a running program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.store.connections import Connections
from app.store.database import migrate, refuse_if_too_new
from app.store.records import Snapshot, SnapshotReason
from app.store.snapshots import Snapshots

SnapshotList = list[Snapshot]


class SnapshotService:
    """Thread-safe. ``before_restore`` ends what writes; ``after_restore`` tells everyone to read anew."""

    def __init__(
        self,
        connections: Connections,
        snapshots: Snapshots,
        before_restore: Callable[[], None],
        after_restore: Callable[[], None],
    ) -> None:
        self._connections = connections
        self._snapshots = snapshots
        self._before_restore = before_restore
        self._after_restore = after_restore

    def list(self) -> SnapshotList:
        """Every snapshot, newest first."""
        return self._snapshots.list()

    def make(self, reason: SnapshotReason = "manual") -> Snapshot:
        """Copy the database as it is now. Raises StoreError where that was not possible."""
        return self._snapshots.make(reason)

    def make_daily(self, is_cancelled: Callable[[], bool]) -> Snapshot | None:
        """Today's snapshot, unless there is one, or nobody has said anything yet."""
        is_used = self._connections.row("SELECT 1 FROM messages WHERE role = 'user' LIMIT 1") is not None
        return self._snapshots.make("daily", is_cancelled) if is_used and self._snapshots.is_due() else None

    def restore(self, name: str) -> None:
        """Put a snapshot back; what was there becomes a snapshot itself.

        Raises:
            SnapshotNotFound: there is none of that name.
            DatabaseTooNew: a later Yanmo made it.
            StoreError: the snapshot is damaged, a reply could not be kept, or the disk is full; nothing was changed.
        """
        snapshot = self._snapshots.find(name)
        refuse_if_too_new(Path(snapshot.path))
        self._before_restore()
        self._snapshots.restore_into(self._connections, Path(snapshot.path))
        migrate(self._connections)
        self._after_restore()
