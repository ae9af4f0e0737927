"""Hugging Face and its mirrors, through ``huggingface-hub``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from models.download_errors import GatedModel, HubRefused, HubUnreachable, RepositoryNotFound
from models.downloads.remote_file import NO_PROXY, SYSTEM_PROXY
from models.hubs.connected_hub import ConnectedHub
from models.hubs.hub import (
    HubFile,
    HubKey,
    HubModel,
    Repository,
    SearchQuery,
    is_within,
    parameters_in_name,
)

_SECONDS = 15.0
_PAUSE = 0.5
_TASKS = {
    "chat": "text-generation",
    "vision": "image-text-to-text",
    "embedding": "feature-extraction",
    "rerank": "text-ranking",
    "audio": "automatic-speech-recognition",
}
_SORTS = {"trending": "trending_score", "downloads": "downloads", "likes": "likes", "updated": "last_modified"}
_EXPANDED = ["downloads", "likes", "lastModified", "gated", "tags", "pipeline_tag", "gguf", "trendingScore"]

_CLIENT = threading.Lock()
"""The client library has one session for the whole process: who uses it, sets it up."""

T = TypeVar("T")


class HuggingFace(ConnectedHub):
    """See :class:`models.hubs.connected_hub.ConnectedHub`."""

    key: HubKey = "huggingface"
    name = "Hugging Face"
    OFFICIAL = "https://huggingface.co"

    def search(self, query: SearchQuery) -> list[HubModel]:
        """See :class:`models.hubs.hub.Hub`."""
        tags: list[str] = [query.format] if query.format else []
        if query.licence:
            tags.append(f"license:{query.licence}")
        low, high = query.parameters
        bounds = ",".join(f"{name}:{count / 1e9:g}B" for name, count in (("min", low), ("max", high)) if count)

        def ask(api: Any) -> list[Any]:
            return list(
                api.list_models(
                    search=query.text or None,
                    author=query.author or None,
                    pipeline_tag=_TASKS.get(query.task),
                    filter=tags or None,
                    num_parameters=bounds or None,
                    sort=_SORTS[query.sort],
                    limit=query.limit,
                    expand=_EXPANDED,
                )
            )

        models = [_read_model(info) for info in self._ask(ask, query.text)]
        return [model for model in models if is_within(model.parameter_count, query.parameters) or not model.parameter_count]

    def read_repository(self, repository_id: str, revision: str = "") -> Repository:
        """See :class:`models.hubs.hub.Hub`."""
        info = self._ask(lambda api: api.model_info(repository_id, revision=revision or None, files_metadata=True), repository_id)
        files = []
        for sibling in info.siblings or ():
            lfs = sibling.lfs
            sha256 = str(getattr(lfs, "sha256", "") or (lfs.get("sha256", "") if isinstance(lfs, dict) else "")) if lfs else ""
            size = int(sibling.size or 0)
            files.append(HubFile(sibling.rfilename, size, sha256, "" if sha256 else str(sibling.blob_id or "")))
        if not files:
            raise RepositoryNotFound(model=repository_id, hub=self.name)
        model = _read_model(info)
        return Repository(
            self.key,
            str(info.id),
            str(info.sha or revision or "main"),
            tuple(files),
            f"{self._official}/{info.id}",
            model.licence,
            model.is_gated,
            model.tags,
            model.parameter_count,
        )

    def _address_of(self, repository: Repository, path: str) -> str:
        return f"{self.endpoint}/{repository.id}/resolve/{quote(repository.revision, safe='')}/{quote(path)}"

    def _ask(self, question: Callable[[Any], T], about: str) -> T:
        with _CLIENT, self._told(about):
            api = self._make_api()
            return question(api)

    def _make_api(self) -> Any:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        import httpx2
        from huggingface_hub import HfApi, close_session, set_client_factory

        options: dict[str, Any] = {"follow_redirects": True, "timeout": httpx2.Timeout(_SECONDS)}
        if self._proxy == NO_PROXY:
            options["trust_env"] = False
        elif self._proxy != SYSTEM_PROXY:
            options |= {"trust_env": False, "proxy": self._proxy}
        name, endpoint = self.name, self.endpoint

        class ImpatientClient(httpx2.Client):
            """The library asks six times over half a minute, too long for a person who waits: this one asks twice."""

            def send(self, request: Any, **how: Any) -> Any:
                for is_last in (False, True):
                    try:
                        answer = super().send(request, **how)
                    except httpx2.TransportError as error:
                        if is_last:
                            reason = f"{endpoint} does not answer."
                            raise HubUnreachable(hub=name, reason=reason, details=repr(error)) from error
                    else:
                        if answer.status_code < 500 and answer.status_code != 429:
                            return answer
                        answer.close()
                        if is_last:
                            raise HubRefused(hub=name, reason=f"It reports error {answer.status_code}.")
                    time.sleep(_PAUSE)
                raise AssertionError("the second answer ends the loop")

        close_session()
        set_client_factory(lambda: ImpatientClient(**options))
        # False forbids the library to look for a token of its own, which it would send to a mirror as well.
        return HfApi(endpoint=self.endpoint, token=self._token or False, library_name="yanmo")

    @contextmanager
    def _told(self, about: str) -> Iterator[None]:
        """Errors of the library in words."""
        import httpx2
        from huggingface_hub import errors

        try:
            yield
        except errors.GatedRepoError as error:
            raise GatedModel(model=about, hub=self.name, url=f"{self._official}/{about}") from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
            raise RepositoryNotFound(model=about, hub=self.name) from error
        except errors.HFValidationError as error:
            raise RepositoryNotFound(model=about, hub=self.name) from error
        except errors.HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status == 401:
                reason = "It does not accept your token."
                raise HubRefused(hub=self.name, reason=reason) from error
            raise HubRefused(hub=self.name, reason=f"It reports error {status}.", details=str(error)) from error
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as error:
            raise HubUnreachable(hub=self.name, reason=f"{self.endpoint} does not answer.", details=repr(error)) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"{self.endpoint} sent something that is no list of models."
            raise HubRefused(hub=self.name, reason=reason, details=repr(error)) from error


def _read_model(info: Any) -> HubModel:
    tags = tuple(str(tag) for tag in info.tags or ())
    licence = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    gguf = getattr(info, "gguf", None)
    count = int(gguf.get("total") or 0) if isinstance(gguf, dict) else 0
    updated = info.last_modified.timestamp() if info.last_modified else 0.0
    return HubModel(
        "huggingface",
        str(info.id),
        int(info.downloads or 0),
        int(info.likes or 0),
        updated,
        str(info.pipeline_tag or ""),
        licence,
        bool(info.gated),
        tags,
        count or parameters_in_name(str(info.id).rpartition("/")[2]),
    )
