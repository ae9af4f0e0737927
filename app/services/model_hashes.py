"""The hashes of models' files on run cards: known ones at once, others when they are computed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from app.services.jobs import Jobs
from app.store.messages import Messages
from models.card import ModelCard
from models.errors import UserFacingError
from models.library import Library

_HASHED_AT_ONCE_BYTES = 64 * 1024 * 1024


class ModelHashes:
    """``library`` gives the library as it is now. A scripted engine and a model of another server have no file to hash."""

    def __init__(self, library: Callable[[], Library], messages: Messages, jobs: Jobs) -> None:
        self._library = library
        self._messages = messages
        self._jobs = jobs

    def find(self, reference: str) -> str:
        """The hash of a model's file where the library has it, or where the file is so small that it takes no time."""
        with contextlib.suppress(UserFacingError):
            card = self._find_card(reference)
            if card is not None:
                known = self._library().known_sha256(card)
                return known if known or card.size_bytes > _HASHED_AT_ONCE_BYTES else self._library().verify(card.path).sha256
        return ""

    def fill_in(self, message_id: str, reference: str) -> None:
        """Compute the hash of the model's file in the background (the library remembers it) and write it into the run card."""

        def job(is_cancelled: Callable[[], bool]) -> None:
            if is_cancelled():
                return
            with contextlib.suppress(UserFacingError):
                card = self._find_card(reference)
                if card is None:
                    return
                sha256 = self._library().known_sha256(card)
                if not sha256:
                    sha256 = self._library().verify(card.path, lambda done, total: not is_cancelled()).sha256
                self._messages.set_model_hash(message_id, sha256)

        if reference:
            self._jobs.submit("disk", job, "model hash")

    def _find_card(self, reference: str) -> ModelCard | None:
        if reference.startswith("echo:"):
            return None
        card = self._library().find(reference)
        return card if card.format != "remote" else None
