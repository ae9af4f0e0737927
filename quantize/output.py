"""The place where a file is made: a hidden folder beside its final one, from which it moves only when it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path
from types import TracebackType

from models.errors import DiskFull, QuantizationFailed

_STALE_SECONDS = 600
_FULL = (28, 122)
"""ENOSPC and EDQUOT."""


class Output:
    """Use as a context: write to :attr:`path` (or, cut into parts, beside it), then :meth:`keep`. What is not kept is removed.

    Entering also removes what killed runs left for the same target: a folder whose process is gone.

    Raises:
        QuantizationFailed: the folder cannot be written to; ``source`` is the file that is worked on.
    """

    def __init__(self, target: Path, *, source: str) -> None:
        self.target = target
        self._source = source
        self.folder = target.parent / f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.part"
        self.path = self.folder / target.name

    def __enter__(self) -> Output:
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            remove_stale(self.target)
            self.folder.mkdir()
        except OSError as error:
            raise explain_write(self._source, self.target, error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise explain_write(self._source, self.target, error) from error

    def keep(self) -> Path:
        """Give what was made its final name; of several parts the first is named last. Returns the file to open."""
        made = sorted(self.folder.iterdir())
        if not made:
            raise QuantizationFailed(file=self._source, reason="Nothing was written.")
        for path in reversed(made):
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(self.target.with_name(path.name))
        return self.target.with_name(made[0].name)


def explain_write(source: str, target: Path, error: OSError) -> DiskFull | QuantizationFailed:
    """The error to show where a file could not be written."""
    if error.errno in _FULL:
        free = 0.0
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(target.parent).free / 2**30
        return DiskFull(folder=target.parent, free=f"{free:.1f} GB")
    return QuantizationFailed(file=source, reason=f"{target.name} could not be written: {error.strerror or error}.")


def remove_stale(target: Path) -> None:
    """Remove half-made files of this target whose process is gone, or that nobody has written to for ten minutes."""
    for stale in target.parent.glob(f".{_escape(target.name)}.*.part"):
        with contextlib.suppress(OSError):
            owner = stale.name.removeprefix(f".{target.name}.").split(".")[0]
            is_alive = owner.isdigit() and int(owner) != os.getpid() and _is_running(int(owner))
            if is_alive or (not owner.isdigit() and time.time() - stale.stat().st_mtime < _STALE_SECONDS):
                continue
            if owner.isdigit() and int(owner) == os.getpid():
                continue  # another thread of this process
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()


def _escape(name: str) -> str:
    import glob

    return glob.escape(name)


def _is_running(process: int) -> bool:
    import psutil

    return psutil.pid_exists(process)
