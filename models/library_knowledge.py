"""What the library knows beyond the files themselves: models added by hand, hashes, and the cards of the last look."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.card import ModelCard, card_from_json
from models.errors import ModelError

_CARDS_VERSION = 2


class Knowledge:
    """Two files: ``library.json``, which a person would miss, and ``library-cards.json``, which can be found again."""

    def __init__(self, data_folder: Path) -> None:
        self._file = data_folder / "library.json"
        self._cards_file = data_folder / "library-cards.json"
        self.references: list[str] = []
        self.hashes: dict[str, dict[str, Any]] = {}
        self._read()
        self._cards: dict[str, tuple[tuple[int, int], ModelCard]] | None = None
        self._kept: set[tuple[str, tuple[int, int]]] = set()

    @property
    def cards(self) -> dict[str, tuple[tuple[int, int], ModelCard]]:
        """Cards by path, each with the size and time of its file; read at the first use."""
        if self._cards is None:
            self._cards = self._read_cards()
            self._kept = {(path, stamp) for path, (stamp, _) in self._cards.items()}
        return self._cards

    def keep_cards(self, cards: Sequence[ModelCard]) -> None:
        """These are all there are; written only where something changed. A disk that refuses costs the next start some time."""
        known = self.cards
        listed = {card.path: (known[card.path][0], card) for card in cards if card.path in known}
        self._cards = listed
        kept = {(path, stamp) for path, (stamp, _) in listed.items()}
        if kept == self._kept:
            return
        value = {"version": _CARDS_VERSION, "cards": [[list(stamp), card.to_json()] for stamp, card in listed.values()]}
        with contextlib.suppress(OSError):
            _replace(self._cards_file, json.dumps(value))
            self._kept = kept

    def save(self) -> None:
        """Write what a person would miss.

        Raises:
            ModelError: the disk refuses.
        """
        try:
            _replace(self._file, json.dumps({"references": self.references, "hashes": self.hashes}, indent=1))
        except OSError as error:
            reason = f"{self._file.name} could not be written: {error.strerror or error}."
            raise ModelError(model="list", reason=reason) from error

    def _read(self) -> None:
        """A file that makes no sense is as good as none, for all of it can be found again."""
        value = _read_json(self._file)
        if isinstance(value.get("references"), list):
            self.references = [text for text in value["references"] if isinstance(text, str)]
        if isinstance(value.get("hashes"), dict):
            wanted = {"size", "mtime", "sha256"}
            self.hashes = {k: v for k, v in value["hashes"].items() if isinstance(v, dict) and wanted <= v.keys()}

    def _read_cards(self) -> dict[str, tuple[tuple[int, int], ModelCard]]:
        value = _read_json(self._cards_file)
        found: dict[str, tuple[tuple[int, int], ModelCard]] = {}
        if value.get("version") == _CARDS_VERSION and isinstance(value.get("cards"), list):
            for entry in value["cards"]:
                with contextlib.suppress(TypeError, ValueError, KeyError, IndexError, AttributeError):
                    card = card_from_json(entry[1])
                    found[card.path] = ((int(entry[0][0]), int(entry[0][1])), card)
        return found


def _read_json(file: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        value = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            return value
    return {}


def _replace(file: Path, text: str) -> None:
    """Write to a temporary name first: a crash leaves the old file."""
    temporary = file.with_suffix(".tmp")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
