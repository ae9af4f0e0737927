"""What both hubs do alike: whom a token belongs to, and how a model card is read."""

from __future__ import annotations

from typing import ClassVar

from models.downloads.connection import origin_of
from models.downloads.remote_file import Source
from models.hubs.hub import LONGEST_CARD, HubKey, HubSettings, Repository, strip_metadata


class ConnectedHub:
    """``official`` is the origin that a token belongs to; every other endpoint is a mirror and never hears one."""

    key: HubKey
    name: str
    OFFICIAL: ClassVar[str]

    def __init__(self, settings: HubSettings | None = None, *, official: str = "") -> None:
        settings = settings or HubSettings()
        self._official = official or self.OFFICIAL
        self.endpoint = (settings.endpoint or self._official).rstrip("/")
        self.is_mirror = origin_of(self.endpoint) != origin_of(self._official)
        self._token = "" if self.is_mirror else settings.token
        self._proxy = settings.proxy

    def read_card(self, repository: Repository) -> str:
        """See :class:`models.hubs.hub.Hub`."""
        found = next((file for file in repository.files if file.path.lower() == "readme.md"), None)
        if found is None:
            return ""
        from models.hubs.small_file import read_text

        return strip_metadata(read_text(self.source_of(repository, found.path), LONGEST_CARD, hub=self.name))

    def source_of(self, repository: Repository, path: str) -> Source:
        """See :class:`models.hubs.hub.Hub`."""
        return Source(self._address_of(repository, path), self.name, self._token, self._proxy)

    def _address_of(self, repository: Repository, path: str) -> str:
        raise NotImplementedError
