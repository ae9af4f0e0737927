"""Requests that this program sends to its own server: self-tests as its clients would, and calls sent again to another model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.services.request_log import RequestRecord
from app.services.server import ServerSwitch
from models.errors import OwnRequestFailed, ServerNotStarted

_SECONDS = 600


def send(switch: ServerSwitch, path: str, body: Mapping[str, Any] | None, agent: str) -> str:
    """What the own server answers to a POST, or without a body to a GET, as text; blocks.

    Raises:
        ServerNotStarted: it is off.
        OwnRequestFailed: it answers with an error.
    """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if not switch.address:
        raise ServerNotStarted(address="127.0.0.1", reason="The server is off.")
    headers = {"Content-Type": "application/json", "User-Agent": agent, "Authorization": f"Bearer {switch.keys.inner}"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(switch.address + path, data, headers), timeout=_SECONDS) as reply:
            return str(reply.read().decode("utf-8", "replace"))
    except HTTPError as error:
        with error:
            said = error.read().decode("utf-8", "replace")
        raise OwnRequestFailed(reason=_find_message(said) or f"Status {error.code}.") from None
    except (OSError, ValueError) as error:
        raise OwnRequestFailed(reason=f"{error}.") from error


def replay(switch: ServerSwitch, record: RequestRecord, model: str) -> str:
    """Send a call again, to another model. Blocks until the answer is whole; the log has it as a call of its own.

    Raises:
        OwnRequestFailed: it was too long to be kept whole, or is refused.
        ServerNotStarted: the server is off.
    """
    if record.is_cut:
        raise OwnRequestFailed(reason="This call was too long to be kept whole, so it cannot be sent again.")
    return send(switch, record.path, {**record.body, "model": model}, "Yanmo replay")


def try_client(switch: ServerSwitch, requests: tuple[tuple[str, Mapping[str, Any] | None], ...]) -> str:
    """Send what a client sends, one after another; the last answer. Raises as :func:`send` does."""
    said = ""
    for path, body in requests:
        said = send(switch, path, body, "Yanmo self-test")
    return said


def _find_message(text: str) -> str:
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        return text[:300]
