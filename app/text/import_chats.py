"""Reads exported conversations back, trusting nothing in the file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import fields
from typing import Any, cast, get_args

from app.text.document import ATTACHMENT_SCHEME, Document, ExportedAttachment, ExportedConversation, ExportedMessage
from app.text.export_json import FORMAT, VERSION
from backends.messages import Part, ReasoningPart, Role, part_from_json
from backends.options import generation_options_from_json
from models.errors import ImportFailed, UserFacingError

STATES = ("complete", "stopped", "length", "failed", "interrupted")

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_LATEST = 100_000_000_000.0


class _Wrong(Exception):
    """What is wrong, in words for a person."""


def read_json(text: str, name: str = "the file") -> Document:
    """The inverse of ``export_json``. What was growing when it was exported is ``interrupted``.

    Raises:
        ImportFailed: the file is no export of Yanmo, of a later version, or something in it is not as it should be.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ImportFailed(file=name, reason="It is nested too deeply.") from None
    except ValueError as error:
        raise ImportFailed(file=name, reason=f"It is not JSON: {error}.") from None
    try:
        return _document(value)
    except _Wrong as wrong:
        raise ImportFailed(file=name, reason=str(wrong)) from None


def _document(value: Any) -> Document:
    top = _table(value, "the file")
    if top.get("format") != FORMAT:
        raise _Wrong("It is not an export of Yanmo.")
    if top.get("version") != VERSION:
        raise _Wrong(f"It is of version {str(top.get('version'))[:20]}, and this Yanmo reads version {VERSION}.")
    attachments = {key: _attachment(key, item) for key, item in _table(top.get("attachments", {}), "attachments").items()}
    conversations = tuple(_conversation(item, attachments) for item in _array(top.get("conversations"), "conversations"))
    ids = [conversation.id for conversation in conversations]
    ids += [message.id for conversation in conversations for message in conversation.messages]
    if len(set(ids)) != len(ids):
        raise _Wrong("Two entries have the same id.")
    return Document(conversations, attachments)


def _conversation(value: Any, attachments: dict[str, ExportedAttachment]) -> ExportedConversation:
    row = _table(value, "a conversation")
    messages: dict[str, ExportedMessage] = {}
    for item in _array(row.get("messages"), "messages"):
        message = _message(item, attachments)
        if message.parent_id is not None and message.parent_id not in messages:
            raise _Wrong(f"The message {message.id} has no parent before it.")
        if message.id in messages:
            raise _Wrong("Two entries have the same id.")
        messages[message.id] = message
    leaf = row.get("active_leaf")
    if leaf is not None and (not isinstance(leaf, str) or leaf not in messages):
        raise _Wrong("The active branch ends in a message that is not there.")
    return ExportedConversation(
        id=_identity(row.get("id")),
        title=_text(row, "title"),
        created_at=_time(row, "created_at"),
        updated_at=_time(row, "updated_at"),
        messages=tuple(messages.values()),
        active_leaf=leaf,
        folder=_text(row, "folder", ""),
        pinned=_flag(row, "pinned", False),
        archived=_flag(row, "archived", False),
        system_prompt=_text(row, "system_prompt", ""),
        model=_text(row, "model", ""),
        preset=_text(row, "preset", ""),
        options=_options(row.get("options", {})),
        draft=_text(row, "draft", ""),
        title_is_automatic=_flag(row, "title_is_automatic", True),
    )


def _message(value: Any, attachments: dict[str, ExportedAttachment]) -> ExportedMessage:
    row = _table(value, "a message")
    role, state = row.get("role"), row.get("state")
    if role not in get_args(Role):
        raise _Wrong(f"A message has the role {str(role)[:40]!r}.")
    if state == "streaming":
        state = "interrupted"
    if state not in STATES:
        raise _Wrong(f"A message is in the state {str(state)[:40]!r}.")
    parent = row.get("parent_id")
    return ExportedMessage(
        id=_identity(row.get("id")),
        parent_id=None if parent is None else _identity(parent),
        role=cast(Role, role),
        parts=tuple(_part(item, attachments) for item in _array(row.get("parts"), "parts")),
        state=state,
        created_at=_time(row, "created_at"),
        run=_run(row.get("run")),
        error=_error(row.get("error")),
    )


def _part(value: Any, attachments: dict[str, ExportedAttachment]) -> Part:
    row = _table(value, "a part of a message")
    try:
        part = part_from_json(row)
    except (ValueError, TypeError) as error:
        raise _Wrong(f"{error}.") from None
    for field in fields(part):
        item = getattr(part, field.name)
        if isinstance(item, str):
            _checked_text(item, field.name)
    if isinstance(part, ReasoningPart):
        _number(part.seconds, "seconds", 0, _LATEST)
    path = getattr(part, "path", "")
    if path and path.removeprefix(ATTACHMENT_SCHEME) not in attachments:
        raise _Wrong("A message names a file that is not in the export.")
    if path and not path.startswith(ATTACHMENT_SCHEME):
        raise _Wrong("A message names a file outside the export.")
    return part


def _attachment(key: str, value: Any) -> ExportedAttachment:
    row = _table(value, "an attachment")
    try:
        data = base64.b64decode(_text(row, "data"), validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong("An attachment is not base64.") from None
    if not _HASH.fullmatch(key) or hashlib.sha256(data).hexdigest() != key:
        raise _Wrong("An attachment is damaged: its SHA-256 differs.")
    return ExportedAttachment(key, _text(row, "name"), _text(row, "mime"), data)


def _options(value: Any) -> dict[str, Any]:
    row = _table(value, "options")
    if not row:
        return {}
    try:
        if not isinstance(row.get("stop", []), list) or not isinstance(row.get("sampling", {}), dict):
            raise _Wrong("The options are not a table.")
        generation_options_from_json(row)
    except UserFacingError as error:
        raise _Wrong(error.english()) from None
    except (TypeError, ValueError, OverflowError):
        raise _Wrong("An option is not a number.") from None
    return _plain(row, "options")


def _run(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    row = _plain(_table(value, "a run card"), "a run card")
    for key, item in row.items():
        if key not in ("options", "unseen", "sources") and not isinstance(item, str | int | float):
            raise _Wrong(f"The run card's {key[:40]} is neither text nor a number.")
    _table(row.get("options", {}), "a run card's options")
    for key, item in _table(row.get("unseen", {}), "what a run card says was not seen").items():
        if not isinstance(item, str | int):
            raise _Wrong(f"The run card's {key[:40]} is neither text nor a number.")
    for source in _array(row.get("sources", []), "the sources of a run card"):
        for key, item in _table(source, "a source of a run card").items():
            if not isinstance(item, str | int):
                raise _Wrong(f"The source's {key[:40]} is neither text nor a number.")
    return row


def _error(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    row = _plain(_table(value, "an error"), "an error")
    facts = _table(row.get("facts", {}), "an error's facts")
    if not isinstance(row.get("code"), str) or not all(isinstance(item, str) for item in facts.values()):
        raise _Wrong("An error has no code.")
    return row


def _plain(row: dict[str, Any], what: str) -> dict[str, Any]:
    """The table itself, once every text in it can be written and no number is too large."""
    try:
        encoded = json.dumps(row, ensure_ascii=False, allow_nan=False)
        encoded.encode("utf-8")
    except (ValueError, RecursionError):
        raise _Wrong(f"There is a broken value in {what}.") from None
    if len(encoded) > 1_000_000:
        raise _Wrong(f"There is too much in {what}.")
    return row


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"Where {what} should be, there is none.")
    return value


def _array(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong(f"There is no list of {what}.")
    return value


def _identity(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _Wrong("An id is missing or broken.")
    return value


def _text(row: dict[str, Any], key: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str):
        raise _Wrong(f"The {key} is missing or not a text.")
    return _checked_text(value, key)


def _checked_text(value: str, key: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _Wrong(f"The {key} holds half a character.") from None
    return value


def _flag(row: dict[str, Any], key: str, default: bool) -> bool:
    value = row.get(key, default)
    if not isinstance(value, bool):
        raise _Wrong(f"{key} is neither true nor false.")
    return value


def _time(row: dict[str, Any], key: str) -> float:
    return float(_number(row.get(key), key, 0, _LATEST))


def _number(value: Any, key: str, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise _Wrong(f"The {key} is missing or not a sensible number.")
    return float(value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
