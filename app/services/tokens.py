"""Tokens for hubs: in the system's keyring where it has one, else in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Protocol

from app.paths import make_private_folder
from models.errors import StoreError
from models.hubs.hub import HubKey

_SERVICE = "Yanmo"
_VARIABLES: dict[HubKey, str] = {"huggingface": "HF_TOKEN", "modelscope": "MODELSCOPE_API_TOKEN"}
"""Where the hubs' own tools look for a token; used where none was given to Yanmo."""


class Keyring(Protocol):
    """The part of the package ``keyring`` that is used."""

    def get_password(self, service: str, name: str) -> str | None:
        """A secret, or None."""
        ...

    def set_password(self, service: str, name: str, password: str) -> None:
        """Keep a secret."""
        ...

    def delete_password(self, service: str, name: str) -> None:
        """Forget a secret."""
        ...


class Tokens:
    """Thread-safe as far as the keyring is. A token is never written to the database, a log, a backup or an export."""

    def __init__(self, data_folder: Path, keyring: Keyring | None = None) -> None:
        self._file = data_folder / "tokens.json"
        self._keyring = keyring
        self._known: dict[HubKey, str] = {}

    def get(self, hub: HubKey) -> str:
        """The token for a hub; empty where there is none."""
        if hub not in self._known:
            self._known[hub] = self._read(hub)
        return self._known[hub] or os.environ.get(_VARIABLES[hub], "")

    def keep(self, hub: HubKey, token: str) -> Path | None:
        """Keep a token; an empty one forgets it. Gives the file where this system has no keyring, None where it has.

        Raises:
            StoreError: neither took it.
        """
        token = token.strip()
        self._known[hub] = token
        if self._keep_in_keyring(hub, token):
            self._write_file(hub, "")
            return None
        self._write_file(hub, token)
        return self._file if token else None

    def _read(self, hub: HubKey) -> str:
        import keyring.errors

        with contextlib.suppress(keyring.errors.KeyringError, RuntimeError, OSError):
            found = self._find_keyring().get_password(_SERVICE, hub)
            if found:
                return found
        return self._read_file().get(hub, "")

    def _keep_in_keyring(self, hub: HubKey, token: str) -> bool:
        import keyring.errors

        try:
            ring = self._find_keyring()
            if token:
                ring.set_password(_SERVICE, hub, token)
            elif ring.get_password(_SERVICE, hub) is not None:
                ring.delete_password(_SERVICE, hub)
        except (keyring.errors.KeyringError, RuntimeError, OSError):
            return False
        return True

    def _find_keyring(self) -> Keyring:
        if self._keyring is None:
            import keyring

            self._keyring = keyring.get_keyring()
        return self._keyring

    def _read_file(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError):
            value = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(value, dict):
                return {str(key): str(item) for key, item in value.items()}
        return {}

    def _write_file(self, hub: HubKey, token: str) -> None:
        known = self._read_file()
        if known.get(hub, "") == token:
            return
        known = {**known, hub: token} if token else {key: item for key, item in known.items() if key != hub}
        try:
            make_private_folder(self._file.parent)
            self._file.unlink(missing_ok=True)
            if known:
                handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(known, file)
        except OSError as error:
            raise StoreError(reason=f"The token could not be kept: {error.strerror or error}.") from error
