"""The queue of downloads: in order, kept on disk, paused and resumed, retried when the network comes back."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.services.download_records import Download, DownloadFile, QueueFile, Receipts
from app.services.events import DownloadEnded, DownloadProgress, DownloadsChanged, EventBus, LibraryChanged
from app.services.hubs import Hubs
from app.settings import Settings
from models.download_errors import DownloadFailed, HubError, HubOffline
from models.downloads.fetchers import Patience
from models.downloads.part_file import resume_from
from models.downloads.remote_file import RemoteFile
from models.downloads.speed import SpeedLimit
from models.downloads.transfer import Progress, Receipt, Transfer
from models.errors import UserFacingError
from models.hubs.hub import HubFile, Repository
from models.hubs.variants import Variant

_TELL_SECONDS = 0.4
_RETRY_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0)
_MOST_RETRIES = 200
"""With the last pause that is most of a day: a laptop that sleeps over night goes on in the morning."""


class Downloads:
    """Thread-safe. One download runs at a time, with several connections; ``start`` begins the thread that works the queue."""

    def __init__(
        self,
        bus: EventBus,
        settings: Settings,
        hubs: Hubs,
        models_folder: Path,
        data_folder: Path,
        *,
        keeps_queue: bool = True,
        patience: Patience | None = None,
        retry_seconds: tuple[float, ...] = _RETRY_SECONDS,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._hubs = hubs
        self._models_folder = models_folder
        # Beside an open window, which has the queue, another process downloads only what it was asked for.
        self._file = QueueFile(data_folder / "downloads.json" if keeps_queue else None)
        self.receipts = Receipts(data_folder / "receipts.json")
        self._patience = patience or Patience()
        self._retry_seconds = retry_seconds
        self._condition = threading.Condition()
        self._queue = self._file.read()
        self._limit = SpeedLimit(self._wanted_limit())
        self._running: tuple[str, Transfer] | None = None
        self._finished_bytes = 0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Go on with what is in the queue. Nothing happens where that is nothing or it goes on already."""
        with self._condition:
            is_needed = any(one.is_waiting for one in self._queue)
            if self._is_closed or not is_needed or (self._thread and self._thread.is_alive()):
                self._condition.notify_all()
                return
            self._thread = threading.Thread(target=self._work, name="downloads", daemon=True)
            self._thread.start()

    def add(self, repository: Repository, variant: Variant) -> Download:
        """Put a variant at the end of the queue; one that is there already is resumed."""
        files = tuple(DownloadFile(file.path, file.size, file.sha256, file.git_sha1) for file in variant.all_files)
        folder = self._models_folder.joinpath(*_safe_parts(repository.id))
        with self._condition:
            for known in self._queue:
                if (known.hub, known.repository, known.files) == (repository.hub, repository.id, files) and known.state != "done":
                    self._change(known.id, state="waiting", error=None, tries=0, not_before=0.0)
                    break
            else:
                name = f"{repository.id.rpartition('/')[2]} {variant.name}"
                known = Download(
                    uuid.uuid4().hex[:12], name, repository.hub, repository.id, repository.revision, files, str(folder)
                )
                self._queue = [*self._queue, known]
                self._changed()
        self.start()
        return self.get(known.id) or known

    def list(self) -> list[Download]:
        """Everything in the queue, in order; what is done stays until it is removed."""
        with self._condition:
            return list(self._queue)

    def get(self, download_id: str) -> Download | None:
        """One of the queue."""
        with self._condition:
            return next((one for one in self._queue if one.id == download_id), None)

    def progress(self, download_id: str) -> Progress | None:
        """How far the running one is; None for any other."""
        with self._condition:
            if self._running is None or self._running[0] != download_id:
                return None
            now, before = self._running[1].progress(), self._finished_bytes
            download = self.get(download_id)
        total = download.size if download else now.total
        done = before + now.done
        left = (total - done) / now.speed if now.speed else None
        return replace(now, done=done, total=total, seconds_left=left)

    def pause(self, download_id: str) -> None:
        """Stop it and keep what has arrived."""
        with self._condition:
            known = self.get(download_id)
            if known is None or known.state in ("done", "paused"):
                return
            self._change(download_id, state="paused")
            if self._running and self._running[0] == download_id:
                self._running[1].stop()

    def resume(self, download_id: str) -> None:
        """Put a paused or failed one back in line."""
        with self._condition:
            known = self.get(download_id)
            if known is None or known.state in ("done", "running"):
                return
            self._change(download_id, state="waiting", error=None, tries=0, not_before=0.0)
        self.start()

    def remove(self, download_id: str, *, keep_parts: bool = False) -> None:
        """Take it out of the queue; what has arrived of an unfinished one is deleted unless ``keep_parts``."""
        with self._condition:
            known = self.get(download_id)
            if known is None:
                return
            transfer = self._running[1] if self._running and self._running[0] == download_id else None
            self._queue = [one for one in self._queue if one.id != download_id]
            self._changed()
        if transfer is not None:
            transfer.stop()
            self._wait_until(lambda: self._running is None or self._running[0] != download_id)
        if known.state != "done" and not keep_parts:
            for file in known.files:
                for name in (".part", ".part.journal"):
                    with contextlib.suppress(OSError):
                        Path(str(known.target_of(file)) + name).unlink(missing_ok=True)

    def move(self, download_id: str, place: int) -> None:
        """Change the order: ``place`` counts from 0. What runs goes on."""
        with self._condition:
            known = self.get(download_id)
            if known is None:
                return
            rest = [one for one in self._queue if one.id != download_id]
            place = max(0, min(place, len(rest)))
            self._queue = [*rest[:place], known, *rest[place:]]
            self._changed()

    def repair(self, path: Path) -> Download | None:
        """Fetch again only the damaged blocks of a file that Yanmo brought; None where it did not bring it.

        The file bears the name of an unfinished one until it is whole again.

        Raises:
            OSError: the disk refuses.
        """
        receipt = self.receipts.find(path)
        if receipt is None or not path.is_file():
            return None
        promised = str(receipt["promised"])
        sha256, git_sha1 = (promised, "") if len(promised) == 64 else ("", promised)
        size = int(receipt["size"])
        name, place = str(receipt["repository"]), str(receipt["file"])
        file = DownloadFile(place, size, sha256, git_sha1)
        folder = Path(str(path)[: -len(place)]) if str(path).endswith(place) else path.parent
        title = f"{name.rpartition('/')[2]} {path.name}"
        download = Download(
            uuid.uuid4().hex[:12], title, receipt["hub"], name, receipt.get("revision") or "", (file,), str(folder)
        )
        resume_from(path, RemoteFile(file.path, size, (), sha256, git_sha1), int(receipt["block"]), list(receipt["digests"]))
        self.receipts.forget(path)
        with self._condition:
            self._queue = [download, *self._queue]
            self._changed()
        self.start()
        return download

    def forget_done(self) -> None:
        """Take everything that is done out of the list."""
        with self._condition:
            self._queue = [one for one in self._queue if one.state != "done"]
            self._changed()

    def setting_changed(self, key: str) -> None:
        """A setting has another value."""
        if key == "downloads.kilobytes_per_second":
            self._limit.change(self._wanted_limit())
        if key.startswith("hubs."):
            self.start()

    def wait(self, download_id: str, is_cancelled: Callable[[], bool] = lambda: False) -> Download | None:
        """Until it is done, failed, paused or removed; None where it was removed or cancelled."""
        while not is_cancelled():
            known = self.get(download_id)
            if known is None or known.state in ("done", "failed", "paused"):
                return known
            with self._condition:
                self._condition.wait(0.2)
        return None

    def close(self) -> None:
        """Stop, keep everything, and wait for the thread. The next start goes on."""
        with self._condition:
            self._is_closed = True
            if self._running:
                self._running[1].stop()
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    # ---- the thread

    def _work(self) -> None:
        while True:
            with self._condition:
                chosen = self._choose()
                while chosen is None:
                    if self._is_closed or not any(one.is_waiting for one in self._queue):
                        self._thread = None
                        return
                    self._condition.wait(0.2)
                    chosen = self._choose()
                self._change(chosen.id, state="running")
            try:
                self._fetch(chosen)
            except UserFacingError as error:
                self._note_failure(chosen, error)

    def _choose(self) -> Download | None:
        if self._is_closed:
            return None
        now = time.time()
        return next((one for one in self._queue if one.is_waiting and one.not_before <= now), None)

    def _fetch(self, download: Download) -> None:
        """All files of one download, one after the other; those that are here and unchanged are passed over."""
        self._finished_bytes = 0
        for file in download.files:
            if not self._is_wanted(download.id):
                return
            target = download.target_of(file)
            if not self.receipts.is_current(target, file.sha256 or file.git_sha1):
                receipt = self._fetch_file(download, file)
                if receipt is None:
                    return
                self.receipts.keep(target, receipt, download, file)
            self._finished_bytes += file.size
        with self._condition:
            if self._is_wanted(download.id):
                self._change(download.id, state="done", error=None)
        self._bus.publish(LibraryChanged())
        self._bus.publish(DownloadEnded(download.id, download.title, str(download.target_of(download.first_file()))))

    def _fetch_file(self, download: Download, file: DownloadFile) -> Receipt | None:
        remote = self._hubs.remote_file(
            download.hub, download.repository, download.revision, HubFile(file.path, file.size, file.sha256, file.git_sha1)
        )
        connections = int(self._settings.get("downloads.connections"))
        target = download.target_of(file)
        transfer = Transfer(remote, target, connections=connections, limit=self._limit, patience=self._patience)
        with self._condition:
            if not self._is_wanted(download.id):
                return None
            self._running = (download.id, transfer)
        teller = threading.Thread(target=self._tell, args=(download.id, transfer), name="download progress", daemon=True)
        teller.start()
        try:
            return transfer.run()
        finally:
            with self._condition:
                self._running = None
                self._condition.notify_all()
            teller.join()

    def _tell(self, download_id: str, transfer: Transfer) -> None:
        while True:
            with self._condition:
                self._condition.wait(_TELL_SECONDS)
                if self._running is None or self._running[1] is not transfer:
                    return
            now = self.progress(download_id)
            if now is not None:
                self._bus.publish(DownloadProgress(download_id, now.done, now.total, now.speed, now.seconds_left))

    def _note_failure(self, download: Download, error: UserFacingError) -> None:
        """What the network did is tried again after a while; everything else waits for the user."""
        with self._condition:
            if not self._is_wanted(download.id):
                return
            tries = download.tries + 1
            is_network = (
                isinstance(error, HubError | DownloadFailed) and not isinstance(error, HubOffline) and error.code in _PASSING
            )
            if is_network and tries <= _MOST_RETRIES:
                pause = self._retry_seconds[min(tries, len(self._retry_seconds)) - 1]
                self._change(download.id, state="retrying", error=error, tries=tries, not_before=time.time() + pause)
                return
            self._change(download.id, state="failed", error=error)
        self._bus.publish(DownloadEnded(download.id, download.title, "", error))

    def _is_wanted(self, download_id: str) -> bool:
        known = self.get(download_id)
        return not self._is_closed and known is not None and known.state == "running"

    def _change(self, download_id: str, **values: object) -> None:
        self._queue = [replace(one, **values) if one.id == download_id else one for one in self._queue]  # type: ignore[arg-type]
        self._changed()

    def _changed(self) -> None:
        self._file.write(self._queue)
        self._condition.notify_all()
        self._bus.publish(DownloadsChanged())

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        with self._condition:
            while not is_so():
                self._condition.wait(0.1)

    def _wanted_limit(self) -> int:
        return int(self._settings.get("downloads.kilobytes_per_second") * 1000)


_PASSING = ("hub_unreachable", "hub_refused", "download_failed")


def _safe_parts(repository_id: str) -> list[str]:
    """Owner and name as folders: nothing that leads elsewhere, and nothing that a system forbids."""
    parts = [
        "".join("_" if sign in '<>:"\\|?*' or ord(sign) < 32 else sign for sign in part) for part in repository_id.split("/")
    ]
    return [part.strip(". ") or "_" for part in parts]
