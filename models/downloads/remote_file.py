"""What is to be downloaded and from where: pure values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

SYSTEM_PROXY = "system"
NO_PROXY = "none"


@dataclass(frozen=True, slots=True)
class Source:
    """One place that has the file. ``token`` is sent only to the origin of ``url``, never along a redirect to another.

    ``proxy`` is ``system``, ``none``, or the address of an ``http``, ``https``, ``socks5`` or ``socks5h`` proxy.
    """

    url: str
    hub: str = ""
    token: str = field(default="", repr=False)
    proxy: str = SYSTEM_PROXY


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that may be fetched from any of ``sources``, the first preferred. ``size`` in bytes, -1 where unknown.

    The hub's promise is ``sha256`` (LFS and Xet files) or ``git_sha1`` (the blob hash of small files); one of them may be
    enough, and with neither only the size and the server's own mark (ETag) can be checked.
    """

    name: str
    size: int
    sources: tuple[Source, ...]
    sha256: str = ""
    git_sha1: str = ""

    @property
    def identity(self) -> str:
        """What tells this content from another; empty where the hub promises nothing."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        return f"git:{self.git_sha1}" if self.git_sha1 else ""


class ContentHash:
    """Computes the hash that the hub promises, and the SHA-256 in any case, over bytes given in order."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._git = None if file.sha256 or not file.git_sha1 else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._sha256.update(data)
        if self._git is not None:
            self._git.update(data)

    @property
    def sha256(self) -> str:
        """SHA-256 of everything so far, as hex."""
        return self._sha256.hexdigest()

    def is_as_promised(self) -> bool:
        """Whether it is the hub's file; true where the hub promises nothing."""
        if self._file.sha256:
            return self.sha256 == self._file.sha256.lower()
        return self._git is None or self._git.hexdigest() == self._file.git_sha1.lower()
