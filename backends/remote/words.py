"""Tokens and prompts as another server counts and makes them: llama-server and Yanmo in one way, vLLM and SGLang in another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from backends.backend import GenerationRequest
from backends.remote.capabilities import Capabilities
from backends.remote.connection import Connection
from backends.remote.requests import make_messages
from models.errors import EngineUnavailable
from models.remote_errors import RemoteRefused

_LIKE_LLAMA = ("llamacpp", "yanmo")
_LIKE_VLLM = ("vllm", "sglang")


async def count_prompt(connection: Connection, can: Capabilities, request: GenerationRequest) -> int:
    """How many tokens the request's prompt has. Raises EngineUnavailable, RemoteError."""
    if request.prompt_tokens:
        return len(request.prompt_tokens)
    if request.messages and can.server in _LIKE_VLLM:
        body = {"model": connection.address.model, "messages": make_messages(request.messages), "add_generation_prompt": True}
        values = json.loads(request.template_values) if request.template_values else {}
        if tools := values.pop("tools", None):
            body["tools"] = tools
        if values:
            body["chat_template_kwargs"] = values
        return len(_read_tokens(connection, await connection.ask("/tokenize", body, at_root=True)))
    text = await render(connection, can, request) if request.messages else request.prompt or ""
    tokens = await tokenize(connection, can, text, True, True)
    # Where the template writes the begin token itself, the engine does not put another before it.
    return len(tokens) - (bool(request.messages) and tokens[:1] == tokens[1:2])


async def tokenize(connection: Connection, can: Capabilities, text: str, add_special: bool, parse_special: bool) -> list[int]:
    """Ids of a text. Raises EngineUnavailable, RemoteError."""
    body: dict[str, Any] = {"model": connection.address.model}
    if can.server in _LIKE_LLAMA:
        body |= {"content": text, "add_special": add_special, "parse_special": parse_special}
    elif can.server in _LIKE_VLLM:
        body |= {"prompt": text, "add_special_tokens": add_special}
    else:
        _refuse(connection)
    return _read_tokens(connection, await connection.ask("/tokenize", body, at_root=True))


async def detokenize(connection: Connection, can: Capabilities, tokens: Sequence[int]) -> bytes:
    """The text of ids. Raises EngineUnavailable, RemoteError."""
    if can.server not in (*_LIKE_LLAMA, *_LIKE_VLLM):
        _refuse(connection)
    value = await connection.ask("/detokenize", {"model": connection.address.model, "tokens": list(tokens)}, at_root=True)
    text = value.get("content", value.get("prompt")) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise RemoteRefused(server=connection.address.server, reason="It does not say what the tokens stand for.")
    return text.encode()


async def render(connection: Connection, can: Capabilities, request: GenerationRequest) -> str:
    """The prompt that messages become there. Raises EngineUnavailable, RemoteError."""
    if request.prompt is not None:
        return request.prompt
    if can.server not in _LIKE_LLAMA:
        _refuse(connection)
    body: dict[str, Any] = {"model": connection.address.model, "messages": make_messages(request.messages)}
    values = json.loads(request.template_values) if request.template_values else {}
    if tools := values.pop("tools", None):
        body["tools"] = tools
    if values:
        body["chat_template_kwargs"] = values
    value = await connection.ask("/apply-template", body, at_root=True)
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        raise RemoteRefused(server=connection.address.server, reason="It does not show the prompt.")
    return str(value["prompt"])


def _read_tokens(connection: Connection, value: Any) -> list[int]:
    tokens = value.get("tokens") if isinstance(value, dict) else None
    if not isinstance(tokens, list) or any(not isinstance(token, int) for token in tokens):
        raise RemoteRefused(server=connection.address.server, reason="It does not say which tokens a text has.")
    return tokens


def _refuse(connection: Connection) -> NoReturn:
    raise EngineUnavailable(engine=connection.address.server, reason="This server does not show its tokenizer and template.")
