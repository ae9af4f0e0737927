"""A lock on the data folder, held by the system as long as the process lives, so that it can never be left behind."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from app.paths import make_private_folder
from models.errors import DatabaseInUse, StoreError

_LOCK_OFFSET = 1 << 20  # msvcrt locks bytes against reading too: lock one far behind the process id


class FolderLock:
    """Held from construction until :meth:`release`."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            DatabaseInUse: another process holds it; its id is in the message.
            StoreError: nothing can be written in that folder.
        """
        self._path = path
        try:
            make_private_folder(path.parent)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(reason=f"{path.parent}: {error.strerror or error}.") from error
        if not _try_lock(self._descriptor):
            pid = read_holder(path)
            os.close(self._descriptor)
            self._descriptor = -1
            raise DatabaseInUse(pid=pid, folder=path.parent)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Let go. Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_holder(path: Path) -> str:
    """The process id written into a lock file, as text; "unknown" where it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return str(int(path.read_text(encoding="ascii")[:20]))
    return "unknown"


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        import msvcrt

        os.lseek(descriptor, _LOCK_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a network folder without locks: better to open than to refuse for ever
        return True
