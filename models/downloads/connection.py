"""One source over HTTP: asks for a range and makes sure that the answer is that range of that file."""

from __future__ import annotations

import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from models.downloads.remote_file import NO_PROXY, SYSTEM_PROXY, RemoteFile, Source

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_MOST_REDIRECTS = 6
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_LONGEST_RETRY_AFTER = 60.0
USER_AGENT = "yanmo"


class Fault(Exception):
    """The source did not give what was asked for; ``wait`` is how long it wishes to be left alone, in seconds."""

    def __init__(self, reason: str, *, is_final: bool = False, wait: float = 0.0, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        """No use in asking this source again."""
        self.wait = wait
        self.status = status


class WholeBody(Fault):
    """The server ignores ranges and sends the file from its beginning."""


class Replaced(Fault):
    """Another file lies there than before, by its size or its ETag."""


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: who hears a token."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def find_proxy(url: str, proxy: str) -> str:
    """The address of the proxy for a URL; empty where there is none. ``system`` asks the environment and the system."""
    if proxy == NO_PROXY:
        return ""
    if proxy != SYSTEM_PROXY:
        return proxy
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    found = urllib.request.getproxies()
    address = found.get(parts.scheme) or found.get("all") or ""
    return address if not address or "://" in address else f"http://{address}"


def make_pool(proxy: str, connections: int) -> PoolManager:
    """A pool of connections, through a proxy where one is given.

    Raises:
        Fault: the proxy's address makes no sense.
    """
    import urllib3

    options: dict[str, Any] = {"num_pools": 8, "maxsize": connections, "retries": False}
    try:
        if proxy.startswith(("socks5://", "socks5h://", "socks4://", "socks4a://")):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(proxy, **options)
        if proxy:
            return urllib3.ProxyManager(proxy, **options)
    except (ValueError, ImportError, urllib3.exceptions.HTTPError) as error:
        raise Fault(f"The proxy {proxy} cannot be used: {error}.", is_final=True) from error
    return urllib3.PoolManager(**options)


class Connection:
    """Thread-safe: every thread that fetches from ``source`` shares one of these. Times in seconds."""

    def __init__(
        self, file: RemoteFile, source: Source, *, connections: int = 4, connect: float = 10.0, silence: float = 20.0
    ) -> None:
        self._file = file
        self.source = source
        self._connections = connections
        self._timeouts = (connect, silence)
        self._lock = threading.Lock()
        self._pools: dict[str, PoolManager] = {}
        self._place = ""
        self._answers: set[BaseHTTPResponse] = set()
        self.etag = ""
        """The server's mark of the file; every answer must bear the same."""

    @contextmanager
    def open(self, start: int, end: int, *, any_mark: bool = False) -> Iterator[BaseHTTPResponse]:
        """An answer whose body is bytes ``start`` to ``end`` (exclusive) of the file, or a beginning of them.

        ``any_mark`` takes it even where the server marks the file as another one.

        Raises:
            Fault: anything else came, or nothing.
        """
        with self._answer({"Range": f"bytes={start}-{end - 1}"}) as answer:
            self._check(answer, start, end, any_mark=any_mark)
            yield answer

    @contextmanager
    def open_whole(self) -> Iterator[BaseHTTPResponse]:
        """The whole file from its beginning, from a server that knows no ranges.

        Raises:
            Fault: it is not that.
        """
        with self._answer({}) as answer:
            self._refuse_errors(answer)
            self._check_kind(answer)
            self._check_length(answer)
            yield answer

    def interrupt(self) -> None:
        """Wake every thread that waits for bytes; it will see a broken connection."""
        with self._lock:
            answers = list(self._answers)
        for answer in answers:
            with suppress(ValueError, RuntimeError, OSError):  # it ended in this moment
                answer.shutdown()

    def close(self) -> None:
        """Close every connection that nobody uses."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.clear()

    @contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
        answer = self._ask(headers)
        with self._lock:
            self._answers.add(answer)
        try:
            yield answer
        finally:
            with self._lock:
                self._answers.discard(answer)
            # A body that was read to its end leaves its connection for the next request.
            answer.release_conn() if answer.length_remaining == 0 else answer.close()

    def _ask(self, headers: dict[str, str]) -> BaseHTTPResponse:
        """Follow redirects by hand: the token goes to the source's own origin only; the last place is remembered."""
        import urllib3

        url = self._place or self.source.url
        is_remembered = url != self.source.url
        for _ in range(_MOST_REDIRECTS):
            sent = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT, **headers}
            if self.source.token and origin_of(url) == origin_of(self.source.url):
                sent["Authorization"] = f"Bearer {self.source.token}"
            try:
                timeout = urllib3.Timeout(connect=self._timeouts[0], read=self._timeouts[1])
                answer = self._pool(url).request("GET", url, headers=sent, preload_content=False, redirect=False, timeout=timeout)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self._place = ""
                raise Fault(describe(error)) from error
            if answer.status not in (301, 302, 303, 307, 308):
                if answer.status >= 300 and is_remembered:
                    # A signed address ends after a time: ask the hub for a new one.
                    self._place, url, is_remembered = "", self.source.url, False
                    answer.close()
                    continue
                self._place = url if answer.status < 300 else ""
                return answer
            is_remembered = False
            target = urljoin(url, answer.headers.get("Location", ""))
            answer.close()
            if urlsplit(target).scheme not in ("http", "https") or (url.startswith("https:") and target.startswith("http:")):
                raise Fault("It sends the reader to an address that is not safe.")
            url = target
        raise Fault("It sends the reader in circles.")

    def _pool(self, url: str) -> PoolManager:
        proxy = find_proxy(url, self.source.proxy)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = make_pool(proxy, self._connections)
            return self._pools[proxy]

    def _check(self, answer: BaseHTTPResponse, start: int, end: int, *, any_mark: bool) -> None:
        self._refuse_errors(answer)
        self._check_kind(answer)
        if answer.status == 200:
            self._check_length(answer)
            if start == 0 and end == self._file.size:
                return
            raise WholeBody("It ignores which part of the file was asked for.")
        match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if match is None:
            raise Fault("It does not say which part of the file it sends.")
        first, last = int(match[1]), int(match[2])
        if match[3] != "*" and int(match[3]) != self._file.size:
            raise Replaced(f"It has {int(match[3]):,} bytes instead of {self._file.size:,}.")
        if first != start or not start <= last < end:
            raise Fault(f"It sent bytes {first:,} to {last:,} where {start:,} to {end - 1:,} were asked for.")
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) != last - first + 1:
            raise Fault("The length of its answer contradicts itself.")
        etag = answer.headers.get("ETag", "")
        if any_mark:
            return
        with self._lock:
            if self.etag and etag and etag != self.etag:
                raise Replaced("It marks the file as another one than before.")
            self.etag = self.etag or etag

    def _check_length(self, answer: BaseHTTPResponse) -> None:
        length = answer.headers.get("Content-Length", "")
        if self._file.size >= 0 and length.isdecimal() and int(length) != self._file.size:
            raise Replaced(f"It has {int(length):,} bytes instead of {self._file.size:,}.")

    def _check_kind(self, answer: BaseHTTPResponse) -> None:
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html" and not self._file.name.lower().endswith((".html", ".htm")):
            raise Fault("It answers with a web page: a sign-in page of the network, or an error page.")
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise Fault("It sends the file compressed although that was not asked for.")

    def _refuse_errors(self, answer: BaseHTTPResponse) -> None:
        status = answer.status
        if status in (200, 206):
            return
        wait = 5.0 if status == 429 else 0.0
        if (text := answer.headers.get("Retry-After", "")).isdecimal():
            wait = min(float(text), _LONGEST_RETRY_AFTER)
        if status == 416:
            raise Replaced("The file is shorter there than it should be.")
        if status in (401, 403):
            raise Fault("It wants you to sign in, or to accept conditions first.", is_final=True, status=status)
        if status in (404, 410):
            raise Fault("The file is not there any more.", is_final=True, status=status)
        if status == 429:
            raise Fault("It asks to come back later: too many requests.", wait=wait, status=status)
        raise Fault(f"It reports error {status}.", wait=wait, status=status)


def describe(error: Exception) -> str:
    """A failure of the network in words."""
    import urllib3
    from urllib3 import exceptions

    if isinstance(error, exceptions.ProxyError):
        return "The proxy did not answer."
    if isinstance(error, exceptions.NameResolutionError):
        return "Its name cannot be found: there is no network, or the name server does not know it."
    if isinstance(error, exceptions.ConnectTimeoutError | exceptions.ReadTimeoutError | TimeoutError):
        return "It stays silent."
    if isinstance(error, exceptions.NewConnectionError | ConnectionRefusedError):
        return "It does not accept connections."
    if isinstance(error, urllib3.exceptions.SSLError):
        return "Its certificate cannot be trusted."
    if isinstance(error, exceptions.ProtocolError | exceptions.IncompleteRead | ConnectionError):
        return "It broke off the connection."
    return f"The connection failed: {error}."
