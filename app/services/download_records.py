"""What is kept on disk of downloads: the queue, and a receipt for every file that was brought."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from app.paths import make_private_folder
from models.downloads.transfer import Receipt
from models.errors import UserFacingError, error_from_json
from models.hubs.hub import HUB_KEYS, HubKey

DownloadState = Literal["waiting", "running", "retrying", "paused", "failed", "done"]
_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"com{number}" for number in range(1, 10)),
    *(f"lpt{number}" for number in range(1, 10)),
}


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """A file of a repository that is to come. ``size`` in bytes."""

    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """One entry of the queue. ``not_before`` is when it is tried again, in seconds since 1970."""

    id: str
    title: str
    hub: HubKey
    repository: str
    revision: str
    files: tuple[DownloadFile, ...]
    folder: str
    state: DownloadState = "waiting"
    error: UserFacingError | None = field(default=None, compare=False)
    tries: int = 0
    not_before: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def is_waiting(self) -> bool:
        """Whether it will run without being asked again."""
        return self.state in ("waiting", "running", "retrying")

    def first_file(self) -> DownloadFile:
        """The file that stands for the model: a GGUF, or the first."""
        return next((file for file in self.files if file.path.lower().endswith(".gguf")), self.files[0])

    def target_of(self, file: DownloadFile) -> Path:
        """Where a file will lie. Names that lead out of the folder, or that a system forbids, are made harmless."""
        parts = [part for part in PurePosixPath(file.path.replace("\\", "/")).parts if part not in ("/", "..", ".")]
        safe = [_make_safe(part) for part in parts]
        return Path(self.folder).joinpath(*(safe or ["file"]))


def _make_safe(part: str) -> str:
    part = "".join("_" if sign in '<>:"|?*' or ord(sign) < 32 else sign for sign in part).rstrip(". ") or "_"
    return f"_{part}" if part.partition(".")[0].lower() in _RESERVED else part


class QueueFile:
    """The queue as JSON, replaced as a whole: a crash leaves the last state."""

    def __init__(self, path: Path | None) -> None:
        """Without a path nothing is kept."""
        self._path = path

    def read(self) -> list[Download]:
        """The queue as it was; what ran when the program ended is waiting again. What makes no sense is left out."""
        found = []
        values = _read_json(self._path).get("queue") if self._path else None
        for value in values if isinstance(values, list) else ():
            with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError):
                found.append(_download_from_json(value))
        return found

    def write(self, queue: Sequence[Download]) -> None:
        """Keep the queue; on a disk that cannot be written it lasts as long as the program."""
        if self._path is None:
            return
        values = []
        for one in queue:
            value = asdict(one)
            value["error"] = one.error.to_json() if one.error else None
            values.append(value)
        _write_json(self._path, {"queue": values})


class Receipts:
    """For every file that was brought: from where, what it was, and the digest of each block. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def keep(self, target: Path, receipt: Receipt, download: Download, file: DownloadFile) -> None:
        """Note what was brought."""
        status = target.stat()
        with self._lock:
            known = _read_json(self._path)
            known[str(target)] = {
                "hub": download.hub,
                "repository": download.repository,
                "revision": download.revision,
                "file": file.path,
                "promised": file.sha256 or file.git_sha1,
                "size": status.st_size,
                "mtime": status.st_mtime_ns,
                "sha256": receipt.sha256,
                "block": receipt.block_size,
                "digests": list(receipt.digests),
            }
            _write_json(self._path, known)

    def forget(self, target: Path) -> None:
        """The file is not what it was."""
        with self._lock:
            known = _read_json(self._path)
            if known.pop(str(target), None) is not None:
                _write_json(self._path, known)

    def find(self, target: Path) -> dict[str, Any] | None:
        """The receipt of a file; None where it was not brought by Yanmo."""
        with self._lock:
            found = _read_json(self._path).get(str(target))
        return found if isinstance(found, dict) else None

    def all(self) -> dict[str, dict[str, Any]]:
        """Every receipt by path, of files that are still there."""
        with self._lock:
            known = _read_json(self._path)
        return {path: value for path, value in known.items() if isinstance(value, dict) and Path(path).is_file()}

    def is_current(self, target: Path, promised: str) -> bool:
        """Whether this very file was brought already and has not changed since."""
        found = self.find(target)
        if not found or not promised or found.get("promised") != promised:
            return False
        with contextlib.suppress(OSError):
            status = target.stat()
            return (status.st_size, status.st_mtime_ns) == (found.get("size"), found.get("mtime"))
        return False


def _download_from_json(value: dict[str, Any]) -> Download:
    files = tuple(
        DownloadFile(str(file["path"]), int(file["size"]), str(file["sha256"]), str(file["git_sha1"])) for file in value["files"]
    )
    if value["hub"] not in HUB_KEYS or not files:
        raise ValueError("no such hub")
    state: DownloadState = value["state"] if value["state"] in ("paused", "failed", "done", "retrying") else "waiting"
    error = error_from_json(value["error"]) if isinstance(value.get("error"), dict) else None
    texts = [str(value[name]) for name in ("id", "title")]
    facts = [str(value[name]) for name in ("repository", "revision")]
    return Download(
        texts[0],
        texts[1],
        value["hub"],
        facts[0],
        facts[1],
        files,
        str(value["folder"]),
        state,
        error,
        int(value.get("tries", 0)),
    )


def _read_json(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            return value
    return {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    with contextlib.suppress(OSError):
        make_private_folder(path.parent)
        temporary.write_text(json.dumps(value), encoding="utf-8")
        temporary.replace(path)
