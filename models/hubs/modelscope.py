"""ModelScope and its mirrors, through ``modelscope-hub``, the light part of its own client."""

from __future__ import annotations

import threading
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
_TASKS = {
    "chat": "text-generation",
    "vision": "image-text-to-text",
    "embedding": "sentence-embedding",
    "rerank": "text-ranking",
    "audio": "auto-speech-recognition",
}
_SORTS = {"trending": "default", "downloads": "downloads", "likes": "likes", "updated": "last_modified"}
_USER_AGENT = "modelscope_hub/yanmo"
_IMPORT = threading.Lock()

T = TypeVar("T")


class ModelScope(ConnectedHub):
    """See :class:`models.hubs.connected_hub.ConnectedHub`."""

    key: HubKey = "modelscope"
    name = "ModelScope"
    OFFICIAL = "https://modelscope.cn"

    def search(self, query: SearchQuery) -> list[HubModel]:
        """See :class:`models.hubs.hub.Hub`. Formats are told by names and tags: the hub has no filter for them."""
        text = query.text
        if query.format in ("gguf", "awq") and query.format not in text.lower():
            text = f"{text} {query.format}".strip()
        filters = {"task": _TASKS.get(query.task), "license": query.licence or None}

        def ask(api: Any) -> Any:
            return api.list_repos(
                "model",
                owner=query.author or None,
                search=text or None,
                sort=_SORTS[query.sort],
                page_size=query.limit,
                **filters,
            )

        found = [_read_model(info) for info in self._ask(ask, text).items]
        return [model for model in found if is_within(model.parameter_count, query.parameters)]

    def read_repository(self, repository_id: str, revision: str = "") -> Repository:
        """See :class:`models.hubs.hub.Hub`."""

        def ask(api: Any) -> tuple[Any, Any]:
            return api.get_repo(repository_id, "model"), api.list_repo_files(
                repository_id, "model", revision=revision or "master"
            )

        info, entries = self._ask(ask, repository_id)
        files = []
        for entry in entries:
            if str(entry.type or "blob") != "tree":
                files.append(HubFile(str(entry.path), int(entry.size or 0), str(entry.sha256 or "").lower()))
        if not files:
            raise RepositoryNotFound(model=repository_id, hub=self.name)
        model = _read_model(info, repository_id)
        page = f"{self._official}/models/{repository_id}"
        facts = (model.licence, model.is_gated, model.tags, model.parameter_count)
        return Repository(self.key, repository_id, revision or "master", tuple(files), page, *facts)

    def _address_of(self, repository: Repository, path: str) -> str:
        revision = quote(repository.revision, safe="")
        return f"{self.endpoint}/api/v1/models/{quote(repository.id)}/repo?Revision={revision}&FilePath={quote(path, safe='')}"

    def _ask(self, question: Callable[[Any], T], about: str) -> T:
        with self._told(about):
            return question(self._make_api())

    def _make_api(self) -> Any:
        with _IMPORT:
            from modelscope_hub import HubApi
            from modelscope_hub.config import HubConfig

        class QuietConfig(HubConfig):
            """Without the number by which the library tells one machine from another, and without the files it keeps it in."""

            def get_session_id(self) -> str:
                return "0" * 32

        # An empty token forbids the library to look for one of its own, which it would send to a mirror as well.
        api = HubApi(QuietConfig(endpoint=self.endpoint, token=self._token))
        # WORKAROUND modelscope-hub 0.5: proxies, patience and the user agent (platform, processor, session) have no public setting.
        api.openapi._max_retries = 2
        for client in (api.openapi, api.legacy):
            client._timeout = (_SECONDS / 2, _SECONDS)
            client._user_agent = _USER_AGENT
            for session in (client._session, client._read_session):
                session.headers["User-Agent"] = _USER_AGENT
                session.trust_env = self._proxy == SYSTEM_PROXY
                if self._proxy not in (SYSTEM_PROXY, NO_PROXY):
                    session.proxies = {"http": self._proxy, "https": self._proxy}
        return api

    @contextmanager
    def _told(self, about: str) -> Iterator[None]:
        """Errors of the library in words."""
        with _IMPORT:
            import requests
            from modelscope_hub import errors

        try:
            yield
        except errors.NotExistError as error:
            raise RepositoryNotFound(model=about, hub=self.name) from error
        except (errors.AuthenticationError, errors.PermissionDeniedError) as error:
            raise GatedModel(model=about, hub=self.name, url=f"{self._official}/models/{about}") from error
        except (errors.NetworkError, requests.ConnectionError, requests.Timeout) as error:
            raise HubUnreachable(hub=self.name, reason=f"{self.endpoint} does not answer.", details=repr(error)) from error
        except errors.APIError as error:
            status = getattr(error, "status_code", None) or getattr(error, "status", "")
            raise HubRefused(hub=self.name, reason=f"It reports error {status}.", details=str(error)) from error
        except (errors.HubError, requests.RequestException, ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"{self.endpoint} sent something that is no list of models."
            raise HubRefused(hub=self.name, reason=reason, details=repr(error)) from error


def _read_model(info: Any, repository_id: str = "") -> HubModel:
    identity = repository_id or f"{info.owner}/{info.name}"
    updated = info.last_modified
    seconds = (
        updated.timestamp() if hasattr(updated, "timestamp") else float(updated) if isinstance(updated, int | float) else 0.0
    )
    tags = tuple(str(tag) for tag in info.tags or ())
    return HubModel(
        "modelscope",
        identity,
        int(info.downloads or 0),
        int(info.likes or 0),
        seconds,
        str((info.tasks or [""])[0] or ""),
        str(info.license or ""),
        bool(info.gated or info.login_required),
        tags,
        parameters_in_name(identity.rpartition("/")[2]),
    )
