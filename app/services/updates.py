"""Which downloaded models have another file on their hub now: found by hash, not by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.services.download_records import Download
from app.services.downloads import Downloads
from app.services.hubs import Hubs
from models.errors import UserFacingError
from models.hubs.hub import HubKey, Repository
from models.hubs.variants import group_files


@dataclass(frozen=True, slots=True)
class Update:
    """A file at ``path`` of which the hub has another now, called ``file`` in the repository."""

    path: str
    hub: HubKey
    repository: str
    file: str


class Updates:
    """Asks the hubs; takes seconds. A repository that cannot be read now is passed over."""

    def __init__(self, hubs: Hubs, downloads: Downloads) -> None:
        self._hubs = hubs
        self._downloads = downloads
        self._repositories: dict[tuple[HubKey, str], Repository] = {}

    def look(self) -> list[Update]:
        """Every file that differs from what its hub has.

        Raises:
            HubOffline: no connection is allowed.
        """
        self._repositories.clear()
        found = []
        for path, receipt in sorted(self._downloads.receipts.all().items()):
            key, name = receipt.get("hub"), str(receipt.get("repository"))
            if key not in ("huggingface", "modelscope"):
                continue
            repository = self._read(key, name)
            current = next((file for file in repository.files if file.path == receipt.get("file")), None) if repository else None
            if current is not None and receipt.get("promised") not in ("", current.sha256 or current.git_sha1):
                found.append(Update(path, key, name, current.path))
        return found

    def apply(self, updates: Sequence[Update]) -> list[Download]:
        """Put them into the queue; the old file stays until the new one is whole."""
        started: dict[str, Download] = {}
        for update in updates:
            repository = self._repositories.get((update.hub, update.repository))
            if repository is None:
                continue
            for variant in group_files(repository.files):
                if any(file.path == update.file for file in variant.files):
                    added = self._downloads.add(repository, variant)
                    started[added.id] = added
                    break
        return list(started.values())

    def _read(self, key: HubKey, name: str) -> Repository | None:
        if self._hubs.is_offline:
            self._hubs.connect(key)  # says that it is
        if (key, name) not in self._repositories:
            try:
                self._repositories[key, name] = self._hubs.read_repository(key, name)
            except UserFacingError:
                return None
        return self._repositories[key, name]
