"""Connections to other servers: their names, addresses and keys, which models they offer, and whether they answer."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.services.engines import Link, OnExit
from app.services.tokens import Tokens
from app.settings import Settings
from backends.events import LoadedModel
from backends.options import LoadOptions
from backends.remote.address import RemoteAddress, clean_url, read_address
from backends.remote.capabilities import Capabilities, ListedModel, capabilities_from_json
from models.card import ModelCard, ModelKind
from models.errors import InvalidOption, UserFacingError
from models.remote_errors import ConnectionNotFound

_KEY = "remote.connections"
_NAME = re.compile(r"[\w.-]{1,40}")


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model that a server offers; ``capabilities`` is what was found out when it was first used, else None."""

    listed: ListedModel
    capabilities: Capabilities | None = None


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """One connection. ``asked_at`` is when its list was read last, in seconds since the epoch."""

    name: str
    url: str
    models: tuple[RemoteModel, ...] = ()
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """What a test found: how many models, after how many seconds, and what the one that was tried can do."""

    server: RemoteServer
    seconds: float
    model: str = ""
    capabilities: Capabilities = field(default_factory=Capabilities)


class Remotes:
    """Thread-safe. What asks a server blocks for as long as it takes and raises a ``RemoteError``; nothing else goes out."""

    def __init__(self, settings: Settings, tokens: Tokens, on_changed: Callable[[], None] = lambda: None) -> None:
        """``on_changed`` is told when the models that are offered are others."""
        self._settings = settings
        self._tokens = tokens
        self._on_changed = on_changed
        self._lock = threading.RLock()

    def list(self) -> tuple[RemoteServer, ...]:
        """Every connection, by name."""
        found = [_read_server(value) for value in self._settings.get(_KEY)]
        return tuple(sorted((server for server in found if server is not None), key=lambda server: server.name))

    def get(self, name: str) -> RemoteServer:
        """One of them. Raises ConnectionNotFound."""
        servers = self.list()
        for server in servers:
            if server.name == name:
                return server
        raise ConnectionNotFound(name=name, known=", ".join(server.name for server in servers) or "–")

    def add(self, name: str, url: str, key: str = "") -> RemoteServer:
        """Make a connection, or change the one of this name, once the server has answered; an empty ``key`` leaves the old one.

        Raises:
            InvalidOption: a name or an address that is none.
            RemoteError: the server does not answer; nothing is kept.
            StoreError: the key could not be kept.
        """
        name, url = name.strip(), clean_url(url)
        if not _NAME.fullmatch(name):
            raise InvalidOption(option="name", value=repr(name), allowed="letters, digits, “-”, “_” and “.”, 40 at most")
        known = {server.name: server for server in self.list()}
        before = known.get(name)
        is_same = before is not None and before.url == url
        key = key.strip() or (
            self.key_of(name) if is_same else ""
        )  # a key is never sent to another address than it was given for
        server = _ask(RemoteServer(name, url, before.models if before and is_same else ()), key)
        self._tokens.keep(_token_name(name), key)
        self._keep(server)
        return server

    def set_key(self, name: str, key: str) -> Path | None:
        """Keep another key, or with an empty one none; gives the file where this system has no keyring. Raises ConnectionNotFound."""
        return self._tokens.keep(_token_name(self.get(name).name), key)

    def key_of(self, name: str) -> str:
        """The key of a connection; empty where it has none."""
        return self._tokens.get(_token_name(name))

    def remove(self, name: str) -> None:
        """Forget a connection and its key. Raises ConnectionNotFound."""
        server = self.get(name)
        self._tokens.keep(_token_name(server.name), "")
        with self._lock:
            self._write([other for other in self.list() if other.name != server.name])
        self._on_changed()

    def refresh(self, name: str) -> RemoteServer:
        """Read a server's list again. Raises ConnectionNotFound, RemoteError."""
        server = self.get(name)
        server = _ask(server, self.key_of(name))
        self._keep(server)
        return server

    def test(self, name: str, model: str = "") -> RemoteReport:
        """Try a connection: its list, its key, and one of its models (the first that chats, unless ``model`` names one).

        Raises:
            UserFacingError: what is wrong.
        """
        from backends.remote.probing import probe_model  # before the clock starts: it brings a library

        started = time.monotonic()
        server = self.refresh(name)
        seconds = time.monotonic() - started
        names = [each.listed.id for each in server.models]
        if not names:
            return RemoteReport(server, seconds)
        chats = [each.listed.id for each in server.models if each.listed.kind == "chat"]
        address = RemoteAddress(server.url, model or (chats or names)[0])
        found = probe_model(address, self.key_of(name))
        self.remember(address.path, found.to_json())
        return RemoteReport(self.get(name), seconds, address.model, found)

    def list_cards(self) -> Sequence[ModelCard]:
        """The models of all connections, as the library shows models."""
        return [_make_card(server, model) for server in self.list() for model in server.models]

    def offers(self, reference: str) -> bool:
        """Whether this is the reference of a model of a connection."""
        return any(card.id == reference for card in self.list_cards())

    def access_for(self, path: str) -> str:
        """What an engine needs to reach the model at this path; see :meth:`backends.backend.DistantBackend.set_access`."""
        address = read_address(path)
        for server in self.list():
            if server.url == address.url and any(model.listed.id == address.model for model in server.models):
                known = next(model.capabilities for model in server.models if model.listed.id == address.model)
                return json.dumps({"key": self.key_of(server.name), "known": known.to_json() if known else None})
        return ""

    def make_link(self, path: str, options: LoadOptions, on_exit: OnExit) -> Link:
        """The way to a model of another server; what it finds out about the model is kept."""
        from backends.worker_link import WorkerLink

        keep = self.remember

        class DistantLink(WorkerLink):
            """A link that tells what was found out when the model was first reached."""

            def load(self, on_progress: Callable[[float], None] | None = None) -> LoadedModel:
                """See :meth:`backends.worker_link.WorkerLink.load`."""
                facts = super().load(on_progress)
                with contextlib.suppress(UserFacingError, ValueError):  # another process may have the settings
                    keep(path, json.loads(facts.remote))
                return facts

        return DistantLink("remote", path, options, on_exit=on_exit, access=self.access_for(path))

    def remember(self, path: str, found: Any) -> None:
        """Keep what was found out about a model, so that it need not be asked again."""
        capabilities = capabilities_from_json(found)
        address = read_address(path)
        if capabilities is None:
            return
        for server in self.list():
            if server.url != address.url:
                continue
            models = tuple(
                replace(model, capabilities=capabilities) if model.listed.id == address.model else model
                for model in server.models
            )
            if models != server.models:
                self._keep(replace(server, models=models))

    def _keep(self, server: RemoteServer) -> None:
        with self._lock:
            before = self.list()
            self._write([*(other for other in before if other.name != server.name), server])
        self._on_changed()

    def _write(self, servers: Sequence[RemoteServer]) -> None:
        self._settings.set(_KEY, [_show_server(server) for server in servers])


def _token_name(name: str) -> str:
    return f"remote:{name}"


def _ask(server: RemoteServer, key: str) -> RemoteServer:
    """The server with the list that it sends now; what was found out of a model stays while its entry is the same."""
    from backends.remote.probing import list_remote_models

    known = {model.listed: model.capabilities for model in server.models}
    models = tuple(RemoteModel(listed, known.get(listed)) for listed in list_remote_models(server.url, key))
    return replace(server, models=models, asked_at=time.time())


def _make_card(server: RemoteServer, model: RemoteModel) -> ModelCard:
    listed, can = model.listed, model.capabilities
    kinds: dict[str, ModelKind] = {"embedding": "embedding", "reranker": "reranker"}
    is_silent = can is not None and not can.can_write
    return ModelCard(
        id=f"{server.name}/{listed.id}",
        path=RemoteAddress(server.url, listed.id).path,
        name=listed.id,
        format="remote",
        kind="embedding" if is_silent and listed.kind == "chat" else kinds.get(listed.kind, "chat"),
        parameter_count=listed.parameter_count,
        context_length=(can.context_length if can else 0) or listed.context_length,
        has_chat_template=True,
        modalities=("text", "image") if can and can.can_see else ("text",),
        store=server.name,
    )


def _show_server(server: RemoteServer) -> dict[str, Any]:
    models = [
        {**asdict(model.listed), "found": model.capabilities.to_json() if model.capabilities else None} for model in server.models
    ]
    return {"name": server.name, "url": server.url, "asked_at": server.asked_at, "models": models}


def _read_server(value: Any) -> RemoteServer | None:
    """A connection out of the settings; None where something else stands there."""
    with contextlib.suppress(UserFacingError, AttributeError, KeyError, TypeError, ValueError):
        models = []
        for entry in value["models"]:
            numbers = (int(entry["context_length"]), int(entry["parameter_count"]))
            listed = ListedModel(str(entry["id"]), str(entry["server"]), *numbers, str(entry["kind"]))
            models.append(RemoteModel(listed, capabilities_from_json(entry.get("found"))))
        return RemoteServer(str(value["name"]), clean_url(str(value["url"])), tuple(models), float(value["asked_at"]))
    return None
