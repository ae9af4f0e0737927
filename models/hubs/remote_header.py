"""Reads the header of a GGUF that lies on a hub: some megabytes of a file of many gigabytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from models.downloads.remote_file import Source
from models.gguf_header import GgufHeader, NeedsMore, read_header
from models.hubs.small_file import read_bytes

_FIRST = 1 << 20
_MOST = 96 << 20
"""Headers with a vocabulary of 262,144 tokens have some 15 MB; what claims more than this is not read."""


@contextmanager
def open_remote_headers(files: list[tuple[Source, int]], *, hub: str) -> Iterator[list[GgufHeader]]:
    """The headers of all parts of a model, valid inside the block. ``files`` are sources and sizes in bytes.

    Raises:
        HubUnreachable, HubRefused: the hub did not give them.
        UserFacingError: as for :func:`models.gguf_header.read_header`.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="yanmo-header-")))
        yield [_fetch(source, size, folder / f"{number}.gguf", hub) for number, (source, size) in enumerate(files)]


def _fetch(source: Source, size: int, path: Path, hub: str) -> GgufHeader:
    """Fetch until the header is whole. The file is as long as the real one, so that weights beyond its end are noticed."""
    have, wanted = 0, min(_FIRST, size)
    with path.open("wb") as file:
        file.truncate(size)
    while True:
        if wanted > have:
            data = read_bytes(source, have, wanted, size, hub=hub)
            with path.open("r+b") as file:
                file.seek(have)
                file.write(data)
            have = wanted
        try:
            return read_header(path, have)
        except NeedsMore as error:
            wanted = min(size, max(have * 2, error.end))
            if have >= size or wanted > _MOST:
                from models.errors import DamagedModelFile

                reason = "Its header claims to be larger than any header is."
                raise DamagedModelFile(file=Path(source.url).name, reason=reason) from error
