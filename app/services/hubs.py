"""Both hubs as one: searched side by side, read with the user's mirrors, proxies and tokens, and each the other's substitute."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from app.services.tokens import Tokens
from app.settings import Settings
from models.download_errors import HubError, HubOffline, HubRefused
from models.downloads.remote_file import RemoteFile
from models.errors import UserFacingError
from models.hubs.hub import HUB_KEYS, LONGEST_CARD, Hub, HubFile, HubKey, HubModel, HubSettings, Repository, SearchQuery
from models.hubs.variants import Variant
from models.memory_shape import MemoryShape, read_shape

MakeHub = Callable[[HubKey, HubSettings], Hub]

NAMES: dict[HubKey, str] = {"huggingface": "Hugging Face", "modelscope": "ModelScope"}
_ENDPOINTS: dict[HubKey, str] = {"huggingface": "HF_ENDPOINT", "modelscope": "MODELSCOPE_ENDPOINT"}

_TWIN_SECONDS = 600.0
_TWIN_PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, best first of each hub in turn; ``troubles`` says for each hub why it gave nothing."""

    models: tuple[HubModel, ...] = ()
    troubles: dict[HubKey, UserFacingError] = field(default_factory=dict)


def make_hub(key: HubKey, settings: HubSettings) -> Hub:
    """A connection to a hub as it is published."""
    if key == "huggingface":
        from models.hubs.huggingface import HuggingFace

        return HuggingFace(settings)
    from models.hubs.modelscope import ModelScope

    return ModelScope(settings)


class Hubs:
    """Thread-safe. Everything here may take seconds and raises a ``HubError``; offline, nothing is sent at all."""

    def __init__(self, settings: Settings, tokens: Tokens, make: MakeHub = make_hub) -> None:
        self._settings = settings
        self._tokens = tokens
        self._make = make
        self._lock = threading.Lock()
        self._twins: dict[tuple[HubKey, str], tuple[float, Repository | None]] = {}

    @property
    def is_offline(self) -> bool:
        """Whether the user forbade every connection."""
        return bool(self._settings.get("hubs.offline"))

    @property
    def preferred(self) -> HubKey:
        """The hub to ask where nobody said which."""
        chosen: HubKey = self._settings.get("hubs.preferred")
        return chosen

    def connect(self, key: HubKey) -> Hub:
        """A hub with the mirror, proxy and token of the settings.

        Raises:
            HubOffline: no connection is allowed.
        """
        if self.is_offline:
            raise HubOffline()
        endpoint = self._settings.get(f"hubs.{key}.endpoint") or os.environ.get(_ENDPOINTS[key], "")
        proxy = self._settings.get(f"hubs.{key}.proxy") or "system"
        return self._make(key, HubSettings(str(endpoint), self._tokens.get(key), str(proxy)))

    def search(self, query: SearchQuery, keys: Sequence[HubKey] = HUB_KEYS) -> SearchResult:
        """Ask the hubs at the same time. One that fails leaves the other's answers.

        Raises:
            HubOffline: no connection is allowed.
        """
        if self.is_offline:
            raise HubOffline()
        found: dict[HubKey, list[HubModel]] = {}
        troubles: dict[HubKey, UserFacingError] = {}

        def ask(key: HubKey) -> None:
            try:
                found[key] = self.connect(key).search(query)
            except UserFacingError as error:
                troubles[key] = error

        with ThreadPoolExecutor(len(keys), thread_name_prefix="hub search") as pool:
            list(pool.map(ask, keys))
        lists = [found[key] for key in keys if key in found]
        longest = max((len(models) for models in lists), default=0)
        mixed = [models[place] for place in range(longest) for models in lists if place < len(models)]
        return SearchResult(tuple(mixed), troubles)

    def read_repository(self, key: HubKey, repository_id: str, revision: str = "") -> Repository:
        """The files of a repository."""
        return self.connect(key).read_repository(repository_id, revision)

    def read_card(self, repository: Repository) -> str:
        """The model card as Markdown."""
        return self.connect(repository.hub).read_card(repository)

    def remote_file(self, key: HubKey, repository_id: str, revision: str, file: HubFile) -> RemoteFile:
        """How to fetch a file: from its hub, and from the other one where that has the same bytes under the same name."""
        hub = self.connect(key)
        repository = Repository(key, repository_id, revision, (file,), "")
        sources = [hub.source_of(repository, file.path)]
        if file.sha256:
            twin = self._find_twin(key, repository_id, file)
            if twin is not None:
                other, where, path = twin
                sources.append(other.source_of(where, path))
        return RemoteFile(file.name, file.size, tuple(sources), file.sha256, file.git_sha1)

    def read_memory_shape(self, repository: Repository, variant: Variant) -> MemoryShape:
        """What decides a variant's memory: a GGUF's header, or a checkpoint's configuration and the size of its files.

        Raises:
            UserFacingError: it is neither, or is damaged.
        """
        from models.hubs.remote_header import open_remote_headers

        hub = self.connect(repository.hub)
        if variant.format != "gguf":
            return _read_checkpoint_shape(hub, repository, variant)
        files = [(hub.source_of(repository, file.path), file.size) for file in variant.files]
        with open_remote_headers(files, hub=hub.name) as headers:
            return read_shape(headers)

    def other(self, key: HubKey) -> HubKey:
        """The hub that can be asked instead."""
        return "modelscope" if key == "huggingface" else "huggingface"

    def _find_twin(self, key: HubKey, repository_id: str, file: HubFile) -> tuple[Hub, Repository, str] | None:
        """The same bytes on the other hub. A hub that does not answer at once is not waited for: it may be known by the next try."""
        other, now = self.other(key), time.monotonic()
        with self._lock:
            asked_at, repository = self._twins.get((other, repository_id), (float("-inf"), None))
        if now - asked_at > _TWIN_SECONDS:
            thread = threading.Thread(target=self._ask_twin, args=(other, repository_id), name="hub twin", daemon=True)
            thread.start()
            thread.join(_TWIN_PATIENCE)
            with self._lock:
                repository = self._twins.get((other, repository_id), (0.0, None))[1]
        if repository is None:
            return None
        same = (one for one in repository.files if one.sha256 == file.sha256 and one.size == file.size)
        found = next(same, None)
        return (self.connect(other), repository, found.path) if found else None

    def _ask_twin(self, key: HubKey, repository_id: str) -> None:
        try:
            repository: Repository | None = self.connect(key).read_repository(repository_id)
        except HubError:
            repository = None
        with self._lock:
            self._twins[key, repository_id] = (time.monotonic(), repository)


def _read_checkpoint_shape(hub: Hub, repository: Repository, variant: Variant) -> MemoryShape:
    from models.checkpoint_shape import guess_checkpoint_shape
    from models.hubs.small_file import read_text

    place = next((file.path for file in variant.files if file.name == "config.json"), "")
    text = read_text(hub.source_of(repository, place), LONGEST_CARD, hub=hub.name) if place else ""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise HubRefused(hub=hub.name, reason="The configuration of this model cannot be read, so its memory is not known.")
    return guess_checkpoint_shape(config, sum(file.size for file in variant.files if file.name.endswith(".safetensors")))
