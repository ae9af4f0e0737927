"""The curated list of good first models, which ships with the program and bears a date."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class FirstModel:
    """One recommendation. ``memory_bytes`` with 8,192 tokens of context; ``languages`` are ``en`` and ``zh``."""

    repository: str
    variant: str
    memory_bytes: int
    parameters: int
    languages: tuple[str, ...]
    task: str
    why_en: str
    why_zh: str

    def to_json(self) -> dict[str, Any]:
        """A plain value."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FirstModels:
    """All of them, the smallest first, and the date on which they were chosen."""

    date: str
    models: tuple[FirstModel, ...]


def read_first_models(resources: Path) -> FirstModels:
    """The list of this version; empty where the file is missing."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        value = json.loads((resources / "first_models" / "first_models.json").read_text(encoding="utf-8"))
        models = tuple(FirstModel(**{**entry, "languages": tuple(entry["languages"])}) for entry in value["models"])
        return FirstModels(str(value["date"]), models)
    return FirstModels("", ())
