"""What another server or the way to it reports, as errors that say what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from backends.remote.address import RemoteAddress
from models.errors import ContextOverflow, UserFacingError
from models.remote_errors import (
    RemoteBroken,
    RemoteBusy,
    RemoteError,
    RemoteKeyRefused,
    RemoteModelMissing,
    RemoteRefused,
    RemoteUnreachable,
)

_LONGEST = 600
_CONTEXT_WORDS = re.compile(
    r"context[ _-]?(length|window|size)|maximum context|too many tokens|prompt is too long|longer than the (model|context)"
)
_CONTEXT_SIZE = re.compile(r"context\D{0,40}(\d[\d,]*)")
_NUMBERS = re.compile(r"\d[\d,]*")


def explain_trouble(error: Exception, address: RemoteAddress, *, has_begun: bool = False) -> UserFacingError:
    """An error of httpx, by what went wrong; with ``has_begun`` a part of the reply was there already."""
    server, words = address.server, str(error) or type(error).__name__
    if has_begun:
        return RemoteBroken(server=server, reason=f"The connection ended in the middle: {words}.")
    match error:
        case httpx.ConnectTimeout():
            reason = "It did not answer in time."
        case httpx.ConnectError() if "certificate" in words.lower():
            reason = f"Its certificate is not trusted: {words}."
        case httpx.ConnectError():
            reason = f"Nobody answers there: {words}."
        case httpx.TimeoutException():
            reason = "It took the request and then said nothing for too long."
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            reason = f"The address is not right: {words}."
        case _:
            reason = f"The connection ended without an answer: {words}."
    return RemoteUnreachable(server=server, reason=reason)


def explain_status(status: int, body: bytes, address: RemoteAddress) -> UserFacingError:
    """An answer that is none, by its status and its words."""
    message, code = read_message(body)
    return explain_refusal(status, message or f"It answered with status {status}.", code, address)


def explain_refusal(status: int, message: str, code: str, address: RemoteAddress) -> UserFacingError:
    """An error in a server's own words; ``status`` 0 where it came inside of a stream."""
    server, lower = address.server, message.lower()
    message = message[:_LONGEST]
    if code == "context_length_exceeded" or (status in (0, 400, 413, 422, 500) and _CONTEXT_WORDS.search(lower)):
        return _explain_overflow(message, server)
    if status in (401, 403):
        return RemoteKeyRefused(server=server, reason=message)
    if status == 404 or code == "model_not_found":
        return RemoteModelMissing(server=server, model=address.model, reason=message)
    if status in (429, 503, 529):
        return RemoteBusy(server=server, reason=message)
    if 300 <= status < 400:
        return RemoteUnreachable(server=server, reason="It sends the request on to another address. Use that address instead.")
    if status in (502, 504):
        return RemoteUnreachable(server=server, reason=f"What stands before it does not reach it: {message}")
    if status >= 500:
        return RemoteError(server=server, reason=message)
    return RemoteBroken(server=server, reason=message) if status == 0 else RemoteRefused(server=server, reason=message)


def _explain_overflow(message: str, server: str) -> UserFacingError:
    """The context is the number after that word; the greatest one that is larger is what was asked for."""
    found = _CONTEXT_SIZE.search(message.lower())
    if found is None:
        return RemoteRefused(server=server, reason=message)
    available = _whole(found[1])
    larger = [number for number in map(_whole, _NUMBERS.findall(message)) if number > available]
    return ContextOverflow(needed=max(larger) if larger else f">{available}", available=available, details=message)


def _whole(text: str) -> int:
    return int(text.replace(",", ""))


def read_message(body: bytes) -> tuple[str, str]:
    """Message and code out of an error's body, in whichever of the usual shapes; empty where there is none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        text = re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))
        return " ".join(text.split())[:_LONGEST], ""
    inner = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(inner, dict):
        text = inner.get("message") or inner.get("detail") or inner.get("error") or ""
        return (text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))[:_LONGEST], str(inner.get("code") or "")
    return str(inner)[:_LONGEST], ""
