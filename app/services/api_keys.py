"""Keys for the server: named, with scopes, and kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.settings import Settings
from models.errors import InvalidOption

SCOPES = ("use", "manage")
"""``use``: every endpoint that answers; ``manage``: also those that load, unload, download and delete models."""
_SETTING = "server.keys"
_PREFIX = "yanmo-"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: ``digest`` is its salted SHA-256, ``hint`` its last four characters, ``created_at`` in seconds."""

    name: str
    salt: str
    digest: str
    hint: str
    scopes: tuple[str, ...] = SCOPES
    created_at: float = 0.0


class ApiKeys:
    """Thread-safe. ``extra`` are keys of this run alone, from a command line or an environment.

    ``inner`` is the key with which this program asks its own server; it is of this run alone, told to nobody and in no list.
    """

    def __init__(self, settings: Settings, extra: Sequence[str] = ()) -> None:
        self._settings = settings
        self.inner = _PREFIX + secrets.token_urlsafe(24)
        self._inner = _make("Yanmo itself", self.inner, SCOPES)
        self._extra = tuple(_make("command line", key, SCOPES) for key in extra if key)

    def list(self) -> list[ApiKey]:
        """Every key that is kept."""
        found = []
        for value in self._settings.get(_SETTING):
            if isinstance(value, dict) and value.get("digest"):
                scopes = tuple(scope for scope in value.get("scopes") or () if scope in SCOPES)
                found.append(
                    ApiKey(
                        str(value.get("name")),
                        str(value.get("salt")),
                        str(value["digest"]),
                        str(value.get("hint") or ""),
                        scopes,
                        float(value.get("created_at") or 0),
                    )
                )
        return found

    @property
    def are_needed(self) -> bool:
        """Whether there is any key, so that a request must have one."""
        return bool(self._extra or self._settings.get(_SETTING))

    def create(self, name: str, scopes: Sequence[str] = SCOPES) -> str:
        """A new key; this is the only time that it can be read.

        Raises:
            InvalidOption: the name is empty or used already.
        """
        name = name.strip()
        if not name or any(key.name == name for key in self.list()):
            raise InvalidOption(option="name", value=repr(name), allowed="a name that no other key has")
        secret = _PREFIX + secrets.token_urlsafe(24)
        self._keep([*self.list(), _make(name, secret, tuple(scopes))])
        return secret

    def remove(self, name: str) -> bool:
        """Take a key back; false where there is none of that name."""
        keys = self.list()
        left = [key for key in keys if key.name != name]
        self._keep(left)
        return len(left) < len(keys)

    def find(self, secret: str) -> ApiKey | None:
        """The key that this is, if it is one."""
        if not secret:
            return None
        for key in (self._inner, *self._extra, *self.list()):
            if hmac.compare_digest(key.digest, _digest(secret, key.salt)):
                return key
        return None

    def _keep(self, keys: Sequence[ApiKey]) -> None:
        values: list[dict[str, Any]] = [
            {
                "name": key.name,
                "salt": key.salt,
                "digest": key.digest,
                "hint": key.hint,
                "scopes": list(key.scopes),
                "created_at": key.created_at,
            }
            for key in keys
        ]
        self._settings.set(_SETTING, values)


def _make(name: str, secret: str, scopes: tuple[str, ...]) -> ApiKey:
    salt = secrets.token_hex(16)
    return ApiKey(name, salt, _digest(secret, salt), secret[-4:], scopes, time.time())


def _digest(secret: str, salt: str) -> str:
    """The keys are 192 random bits, so one round of a fast hash is as good as many of a slow one."""
    return hashlib.sha256(f"{salt}:{secret}".encode("utf-8", "surrogatepass")).hexdigest()
