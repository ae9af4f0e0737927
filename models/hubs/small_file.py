"""Reads a small text or the first bytes of a large file straight from a source."""

from __future__ import annotations

from models.download_errors import HubRefused, HubUnreachable
from models.downloads.connection import Connection, Fault
from models.downloads.remote_file import RemoteFile, Source

_SECONDS = 15.0


def read_text(source: Source, most: int, *, hub: str) -> str:
    """A text file, at most ``most`` bytes of it; undecodable bytes become �.

    Raises:
        HubUnreachable, HubRefused: nothing, or something else came.
    """
    return _read(source, None, most, hub).decode("utf-8", "replace")


def read_bytes(source: Source, start: int, end: int, size: int, *, hub: str) -> bytes:
    """Bytes ``start`` to ``end`` of a file of ``size`` bytes.

    Raises:
        HubUnreachable, HubRefused: nothing, or something else came.
    """
    data = _read(source, (start, end, size), end - start, hub)
    if len(data) != end - start:
        raise HubRefused(hub=hub, reason="It broke off the connection.")
    return data


def _read(source: Source, extent: tuple[int, int, int] | None, most: int, hub: str) -> bytes:
    import urllib3

    size = extent[2] if extent else -1
    connection = Connection(RemoteFile(source.url, size, (source,)), source, connections=1, silence=_SECONDS)
    try:
        with connection.open(extent[0], extent[1]) if extent else connection.open_whole() as answer:
            data: bytes = answer.read(most)
            return data
    except Fault as fault:
        if fault.status:
            raise HubRefused(hub=hub, reason=fault.reason) from fault
        raise HubUnreachable(hub=hub, reason=fault.reason) from fault
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise HubUnreachable(hub=hub, reason="It broke off the connection.", details=repr(error)) from error
    finally:
        connection.close()
