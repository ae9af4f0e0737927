"""Pictures that a request names by address, fetched where the server was told that it may, and from public places only."""

from __future__ import annotations

import ipaddress
import socket
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from app.api.errors import ApiError, bad_request

MOST_BYTES = 20 * 1024 * 1024
_MOST_REDIRECTS = 3
_STEP_SECONDS, _WHOLE_SECONDS = 10.0, 30.0
_PIECE = 65_536


def check_address(url: object, place: str) -> str:
    """An ``http`` or ``https`` address.

    Raises:
        ApiError: it is none.
    """
    parts = urlsplit(url) if isinstance(url, str) and len(url) < 4096 else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad_request(f"“{place}” must be a data: address with base64, or an http address.", place)
    return str(url)


def fetch(url: str, target: Path, place: str) -> None:
    """Write what lies at an address to a file. Takes its time: for a thread.

    Whoever sends a request could reach through this server what he cannot reach himself: so a name is looked up once, every address
    that is not public is refused, and the connection goes to the very address that was looked at, after each redirect anew.

    Raises:
        ApiError: it is not public, too large, too slow, or not to be had.
    """
    import urllib3

    deadline = time.monotonic() + _WHOLE_SECONDS
    for _ in range(_MOST_REDIRECTS + 1):
        parts = urlsplit(check_address(url, place))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = _find_public(str(parts.hostname), port, place)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "Yanmo", "Accept": "image/*"}
        timeout = urllib3.Timeout(connect=_STEP_SECONDS, read=_STEP_SECONDS)
        try:
            if parts.scheme == "https":
                pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
                    address, port, timeout=timeout, retries=False, server_hostname=parts.hostname, assert_hostname=parts.hostname
                )
            else:
                pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
            with pool:
                response = pool.request("GET", path, headers=headers, redirect=False, preload_content=False)
                location = response.headers.get("Location")
                if response.status in (301, 302, 303, 307, 308) and location:
                    url = urljoin(url, location)
                    continue
                if response.status != 200:
                    raise _refuse(place, f"its server answers {response.status}")
                _write(response, target, deadline, place)
                return
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _refuse(place, f"{type(error).__name__}: {str(error)[:200]}") from error
    raise _refuse(place, "it is redirected too often")


def _find_public(host: str, port: int, place: str) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _refuse(place, f"{host[:100]} is not known") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise _refuse(place, "it lies on this machine or in a private network")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether anybody in the Internet can reach this address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or found
    return bool(inner.is_global) and not inner.is_multicast


def _write(response: object, target: Path, deadline: float, place: str) -> None:
    count = 0
    with target.open("wb") as file:
        for piece in response.stream(_PIECE):  # type: ignore[attr-defined]
            count += len(piece)
            if count > MOST_BYTES:
                raise _refuse(place, f"it is larger than {MOST_BYTES // 2**20} MB")
            if time.monotonic() > deadline:
                raise _refuse(place, f"it did not come within {_WHOLE_SECONDS:.0f} seconds")
            file.write(piece)


def _refuse(place: str, reason: str) -> ApiError:
    return bad_request(f"The picture of “{place}” could not be fetched: {reason}.", place, "image_not_fetched")
