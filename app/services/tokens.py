"""Tokens for hubs and keys of other servers: in the system's keyring where it has one, else in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Protocol

from app.paths import make_private_folder
from models.errors import StoreError

_SERVICE = "Yanmo"
_VARIABLES: dict[str, str] = {"huggingface": "HF_TOKEN", "modelscope": "MODELSCOPE_API_TOKEN"}
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
        self._known: dict[str, str] = {}

    def get(self, name: str) -> str:
        """The token of a hub (``huggingface``, ``modelscope``) or of a connection (``remote:NAME``); empty where there is none."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name] or os.environ.get(_VARIABLES.get(name, ""), "")

    def keep(self, name: str, token: str) -> Path | None:
        """Keep a token; an empty one forgets it. Gives the file where this system has no keyring, None where it has.

        Raises:
            StoreError: neither took it.
        """
        token = token.strip()
        self._known[name] = token
        if self._keep_in_keyring(name, token):
            self._write_file(name, "")
            return None
        self._write_file(name, token)
        return self._file if token else None

    def _read(self, name: str) -> str:
        import keyring.errors

        with contextlib.suppress(keyring.errors.KeyringError, RuntimeError, OSError):
            found = self._find_keyring().get_password(_SERVICE, name)
            if found:
                return found
        return self._read_file().get(name, "")

    def _keep_in_keyring(self, name: str, token: str) -> bool:
        import keyring.errors

        try:
            ring = self._find_keyring()
            if token:
                ring.set_password(_SERVICE, name, token)
            elif ring.get_password(_SERVICE, name) is not None:
                ring.delete_password(_SERVICE, name)
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

    def _write_file(self, name: str, token: str) -> None:
        known = self._read_file()
        if known.get(name, "") == token:
            return
        known = {**known, name: token} if token else {key: item for key, item in known.items() if key != name}
        try:
            make_private_folder(self._file.parent)
            self._file.unlink(missing_ok=True)
            if known:
                handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(known, file)
        except OSError as error:
            raise StoreError(reason=f"The token could not be kept: {error.strerror or error}.") from error
