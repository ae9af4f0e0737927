"""Finding out what a model of another server can do: by asking for it, with answers of one token."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from backends.remote.address import RemoteAddress
from backends.remote.capabilities import Capabilities, ListedModel
from backends.remote.connection import Connection
from models.errors import UserFacingError
from models.remote_errors import RemoteBusy, RemoteKeyRefused, RemoteModelMissing, RemoteUnreachable

_HELLO = "Hi"
_TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "look a word up",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    },
}
_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAEklEQVR42mP4DwUMo4xRBukMAOPT/hAC2mzjAAAAAElFTkSuQmCC"
)
"""64 × 64 white dots."""
_FATAL = (RemoteUnreachable, RemoteKeyRefused, RemoteBusy)


def list_remote_models(url: str, key: str) -> list[ListedModel]:
    """What a server offers. Blocks; for a thread without an event loop.

    Raises:
        UserFacingError: it cannot be reached, or does not answer as such a server does.
    """

    async def work() -> list[ListedModel]:
        connection = Connection(RemoteAddress(url, ""), key)
        try:
            return await connection.list_models()
        finally:
            await connection.close()

    return asyncio.run(work())


def probe_model(address: RemoteAddress, key: str) -> Capabilities:
    """As :func:`probe`, for a thread without an event loop. Raises UserFacingError."""

    async def work() -> Capabilities:
        connection = Connection(address, key)
        try:
            return await probe(connection)
        finally:
            await connection.close()

    return asyncio.run(work())


async def probe(connection: Connection) -> Capabilities:
    """What the connection's model can do.

    Raises:
        UserFacingError: the server cannot be reached, or refuses whatever is asked of this model.
    """
    address = connection.address
    listed = next((model for model in await connection.list_models() if model.id == address.model), None)
    if listed is None:
        raise RemoteModelMissing(server=address.server, model=address.model, reason="Its list does not have it.")
    can = Capabilities(server=listed.server, context_length=listed.context_length, parameter_count=listed.parameter_count)
    if listed.server == "llamacpp":
        can = replace(can, context_length=await _ask_llama_server(connection) or can.context_length)
    if listed.kind != "chat":
        return await _probe_vectors(connection, can)
    try:
        can, tokens = await _probe_chat(connection, can)
    except _FATAL:
        raise
    except UserFacingError:
        try:
            return await _probe_vectors(connection, can)
        except UserFacingError:
            pass
        raise
    with_tool = await _try(connection, can, {"messages": _ask(_HELLO), "tools": [_TOOL]})
    picture = [{"type": "text", "text": _HELLO}, {"type": "image_url", "image_url": {"url": _PICTURE}}]
    with_picture = await _try(connection, can, {"messages": [{"role": "user", "content": picture}]})
    # A server may take what it passes over: only what made the prompt longer was read.
    return replace(can, can_call_tools=with_tool > tokens, can_see=with_picture > tokens)


def _ask(content: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


async def _probe_chat(connection: Connection, can: Capabilities) -> tuple[Capabilities, int]:
    """The first of some ways of asking, from the richest to the plainest, that this server takes; and the prompt's tokens."""
    extensions: dict[str, Any] = {"top_k": 40, "min_p": 0.05}
    logprobs: dict[str, Any] = {"logprobs": True, "top_logprobs": 1}
    ways: tuple[tuple[dict[str, Any], str], ...] = (
        ({**extensions, **logprobs}, "max_tokens"),
        (extensions, "max_tokens"),
        (logprobs, "max_tokens"),
        ({}, "max_tokens"),
        (logprobs, "max_completion_tokens"),
        ({}, "max_completion_tokens"),
    )
    first: UserFacingError | None = None
    for more, limit in ways:
        body = {"model": connection.address.model, "messages": _ask(_HELLO), limit: 1, **more}
        try:
            reply = await connection.ask("/chat/completions", body)
        except _FATAL:
            raise
        except UserFacingError as error:
            first = first or error
            continue
        found = replace(can, takes_extensions="top_k" in more, has_logprobs=_has_logprobs(reply), limit_name=limit)
        return found, _prompt_tokens(reply)
    assert first is not None
    raise first


async def _try(connection: Connection, can: Capabilities, more: dict[str, Any]) -> int:
    """Tokens of the prompt where the server takes this; 0 where it does not."""
    try:
        reply = await connection.ask("/chat/completions", {"model": connection.address.model, can.limit_name: 1, **more})
    except _FATAL:
        raise
    except UserFacingError:
        return 0
    return _prompt_tokens(reply)


async def _probe_vectors(connection: Connection, can: Capabilities) -> Capabilities:
    reply = await connection.ask("/embeddings", {"model": connection.address.model, "input": _HELLO, "encoding_format": "float"})
    entries = reply.get("data") if isinstance(reply, dict) else None
    vector = entries[0].get("embedding") if isinstance(entries, list) and entries and isinstance(entries[0], dict) else None
    return replace(can, can_write=False, embedding_width=len(vector) if isinstance(vector, list) else 0)


async def _ask_llama_server(connection: Connection) -> int:
    """The context of one place of a llama-server, which its list does not tell; 0 where it does not say."""
    try:
        props = await connection.ask("/props", at_root=True)
        held = props["default_generation_settings"]["n_ctx"]
    except (UserFacingError, KeyError, TypeError):
        return 0
    return held if isinstance(held, int) and held > 0 else 0


def _has_logprobs(reply: Any) -> bool:
    try:
        return bool(reply["choices"][0]["logprobs"]["content"])
    except (KeyError, IndexError, TypeError):
        return False


def _prompt_tokens(reply: Any) -> int:
    try:
        count = reply["usage"]["prompt_tokens"]
    except (KeyError, TypeError):
        return 0
    return count if isinstance(count, int) else 0
