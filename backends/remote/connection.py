"""The HTTP side of a connection: one client, its key, its patience, and the ways to ask."""

from __future__ import annotations

import contextlib
import ipaddress
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from backends.remote.address import RemoteAddress
from backends.remote.capabilities import ListedModel, read_listed
from backends.remote.failures import explain_status, explain_trouble
from backends.remote.replies import LineReader, read_data
from models.remote_errors import RemoteBroken, RemoteRefused

_CONNECT_SECONDS, _SILENCE_SECONDS = 10.0, 600.0
_MOST_CONNECTIONS = 512
_MOST_ERROR_BYTES = 64 * 1024
_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""How it shows that the server had closed a connection that was kept open."""


class Connection:
    """One server, asked in one event loop. A proxy of the environment is not used for machines of the own network.

    Redirects are not followed: the key is for this server alone.
    """

    def __init__(self, address: RemoteAddress, key: str) -> None:
        self.address = address
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=32, keepalive_expiry=4.0),
            follow_redirects=False,
            trust_env=not _is_near(address.url),
        )

    async def close(self) -> None:
        """End every connection."""
        await self._client.aclose()

    async def ask(self, path: str, body: Mapping[str, Any] | None = None, *, at_root: bool = False) -> Any:
        """The JSON that a POST (or, without a body, a GET) is answered with; ``at_root`` leaves ``/v1`` out.

        Raises:
            UserFacingError: no answer, an error, or something else than JSON.
        """
        url = (self.address.root if at_root else self.address.url) + path
        try:
            reply = await self._retry("GET" if body is None else "POST", url, body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise explain_trouble(error, self.address) from error
        if reply.status_code != 200:
            raise explain_status(reply.status_code, reply.content, self.address)
        try:
            return reply.json()
        except ValueError:
            raise RemoteRefused(
                server=self.address.server, reason="It answers, but not as such a server does: no JSON."
            ) from None

    async def _retry(self, method: str, url: str, body: Mapping[str, Any] | None) -> httpx.Response:
        """Once more where a connection that was kept open turned out to be closed."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return await self._client.request(method, url, content=content, headers=headers)
        except _STALE:
            return await self._client.request(method, url, content=content, headers=headers)

    async def list_models(self) -> list[ListedModel]:
        """What the server offers. Raises UserFacingError."""
        value = await self.ask("/models")
        entries = value.get("data") if isinstance(value, dict) else None
        if not isinstance(entries, list):
            raise RemoteRefused(server=self.address.server, reason="Its list of models is not as such servers send it.")
        return [model for entry in entries if (model := read_listed(entry)) is not None]

    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Any]:
        """The JSON objects of a reply as they come; the whole answer at once from a server that does not stream.

        Raises:
            UserFacingError: an error instead of a reply; RemoteBroken where it breaks off.
        """
        has_begun = False
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        url, content = self.address.url + path, json.dumps(body).encode()
        try:
            request = self._client.build_request("POST", url, content=content, headers=headers)
            try:
                reply = await self._client.send(request, stream=True)
            except _STALE:
                reply = await self._client.send(request, stream=True)
            async with contextlib.aclosing(reply):
                if reply.status_code != 200:
                    raise explain_status(reply.status_code, await _read_some(reply), self.address)
                has_begun = True
                if "json" in reply.headers.get("content-type", ""):
                    yield json.loads(await reply.aread())
                    return
                async for value in _iter_objects(reply):
                    yield value
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise explain_trouble(error, self.address, has_begun=has_begun) from error
        except (ValueError, RecursionError) as error:
            reason = f"It sent something that is no reply: {error}."
            raise RemoteBroken(server=self.address.server, reason=reason) from error


async def _iter_objects(reply: httpx.Response) -> AsyncIterator[Any]:
    lines = LineReader()
    async for data in reply.aiter_bytes():
        for line in lines.add(data):
            text = read_data(line)
            if text == b"[DONE]":
                return
            if text:
                yield json.loads(text)


async def _read_some(reply: httpx.Response) -> bytes:
    """An error's words, however long a server makes them."""
    found = b""
    async for data in reply.aiter_bytes():
        found += data
        if len(found) > _MOST_ERROR_BYTES:
            break
    return found


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".lan", ".internal", ".home.arpa"))
