"""What a hub is, whichever it is: a search, a repository with its files, and addresses to fetch them from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from models.downloads.remote_file import SYSTEM_PROXY, Source

HubKey = Literal["huggingface", "modelscope"]
Task = Literal["", "chat", "vision", "embedding", "rerank", "audio"]
HubFormat = Literal["", "gguf", "safetensors", "awq"]
SortOrder = Literal["trending", "downloads", "likes", "updated"]

HUB_KEYS: tuple[HubKey, ...] = ("huggingface", "modelscope")
TASKS: tuple[Task, ...] = ("", "chat", "vision", "embedding", "rerank", "audio")
FORMATS: tuple[HubFormat, ...] = ("", "gguf", "safetensors", "awq")
SORT_ORDERS: tuple[SortOrder, ...] = ("trending", "downloads", "likes", "updated")

LONGEST_CARD = 1 << 20
"""Bytes of a model card that are read; what is longer is cut."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How to reach a hub. An empty ``endpoint`` is the official one, ``https://…``; any other address is a mirror.

    ``token`` is sent to the official endpoint only. ``proxy`` as in :class:`models.downloads.remote_file.Source`.
    """

    endpoint: str = ""
    token: str = ""
    proxy: str = SYSTEM_PROXY


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for. ``parameters`` are the fewest and the most, 0 for no bound."""

    text: str = ""
    author: str = ""
    task: Task = ""
    format: HubFormat = "gguf"
    licence: str = ""
    parameters: tuple[int, int] = (0, 0)
    sort: SortOrder = "trending"
    limit: int = 30


@dataclass(frozen=True, slots=True)
class HubModel:
    """One row of a search. ``updated`` in seconds since 1970, 0 where unknown; counts are 0 where unknown."""

    hub: HubKey
    id: str
    downloads: int = 0
    likes: int = 0
    updated: float = 0.0
    task: str = ""
    licence: str = ""
    is_gated: bool = False
    tags: tuple[str, ...] = ()
    parameter_count: int = 0

    @property
    def author(self) -> str:
        """Who published it."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The repository without its author."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository. ``size`` in bytes; a small file may have only its git blob hash."""

    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one revision. ``page`` is where a person reads about it and accepts conditions."""

    hub: HubKey
    id: str
    revision: str
    files: tuple[HubFile, ...]
    page: str
    licence: str = ""
    is_gated: bool = False
    tags: tuple[str, ...] = ()
    parameter_count: int = 0


class Hub(Protocol):
    """A hub. Every method may take seconds, may be called from any thread, and raises a ``HubError``."""

    key: HubKey
    name: str

    def search(self, query: SearchQuery) -> list[HubModel]:
        """Models that fit the query, best first."""
        ...

    def read_repository(self, repository_id: str, revision: str = "") -> Repository:
        """Its files with sizes and hashes."""
        ...

    def read_card(self, repository: Repository) -> str:
        """Its README as Markdown without the block of metadata; empty where there is none."""
        ...

    def source_of(self, repository: Repository, path: str) -> Source:
        """Where a file of it can be fetched."""
        ...


def strip_metadata(text: str) -> str:
    """A model card without the YAML block at its head."""
    if not text.startswith("---"):
        return text
    end = text.find("\n---", 3)
    return text[text.find("\n", end + 4) + 1 :].lstrip("\n") if end > 0 and text.find("\n", end + 4) > 0 else text


def parameters_in_name(name: str) -> int:
    """The parameter count that a name such as ``Qwen3-4B-GGUF`` or ``…-0.5b-…`` tells; 0 where it tells none."""
    import re

    found = re.findall(r"(?<![\w.])(\d{1,4}(?:\.\d{1,2})?)\s?([bBmM])(?![a-zA-Z0-9])", name.replace("_", "-"))
    sizes = [round(float(number) * (1e9 if unit in "bB" else 1e6)) for number, unit in found]
    return max(sizes, default=0)


def is_within(count: int, bounds: tuple[int, int]) -> bool:
    """Whether a parameter count lies in the bounds; an unknown one counts as within only where there are none."""
    low, high = bounds
    if not low and not high:
        return True
    return bool(count) and count >= low and (not high or count <= high)
