"""The switch of the server that other programs use: on, off, and how it is set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.services.api_keys import ApiKeys
from app.services.engine_pool import EnginePool, PoolOptions
from app.services.events import EventBus, RequestChanged, ServerChanged
from app.services.request_log import RequestLog
from app.settings import Settings
from models.errors import EngineUnavailable, UserFacingError

ServerState = Literal["off", "starting", "running", "failed"]
OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and for whom: ``port`` 0 takes any; ``ollama_port`` is a second one for programs that know only Ollama's, 0 for none.

    With ``fetches_images`` pictures that requests name by address are fetched, from public addresses only.
    """

    host: str = "127.0.0.1"
    port: int = 8040
    ollama_port: int = 0
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    parallel: int = 8
    most_bytes: int = 64 * 1024 * 1024
    fetches_images: bool = False


class RunningServer(Protocol):
    """A server that answers."""

    port: int
    ports: tuple[int, ...]

    def stop(self) -> None:
        """End it."""


StartServer = Callable[[ServerOptions], RunningServer]


class ServerSwitch:
    """Thread-safe. ``start_server`` is given by whoever starts the program, because services know no web framework."""

    def __init__(self, bus: EventBus, settings: Settings, pool: EnginePool) -> None:
        self._bus = bus
        self._settings = settings
        self._lock = threading.RLock()
        self._running: RunningServer | None = None
        self._host = ""
        self.start_server: StartServer | None = None
        self.pool = pool
        self.keys = ApiKeys(settings)
        self.log = RequestLog(lambda record: bus.publish(RequestChanged(record.id)))
        self.extra_aliases: dict[str, str] = {}
        self.main_model = ""
        """The reference of the model that answers requests that name none; empty for the one in memory, or the default."""
        self.is_loading = False
        """Whether that model is on its way into memory, so that who waits for the server waits for it too."""
        self.state: ServerState = "off"
        self.error: UserFacingError | None = None

    @property
    def address(self) -> str:
        """``http://127.0.0.1:8040`` while it runs, else empty."""
        with self._lock:
            if self._running is None:
                return ""
            host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)
            return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self._running.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that it listens at."""
        with self._lock:
            return self._running.ports if self._running else ()

    def options(self) -> ServerOptions:
        """What a person set."""
        get = self._settings.get
        return ServerOptions(
            host=str(get("server.host")),
            port=int(get("server.port")),
            ollama_port=OLLAMA_PORT if get("server.ollama_port") else 0,
            hosts=tuple(get("server.hosts")),
            origins=tuple(get("server.origins")),
            parallel=int(get("server.parallel")),
            fetches_images=bool(get("server.fetches_images")),
        )

    def pool_options(self) -> PoolOptions:
        """What a person set about the models."""
        get = self._settings.get
        return PoolOptions(
            most=int(get("server.models_at_once")),
            idle_seconds=60.0 * float(get("server.idle_minutes")),
            context_length=int(get("server.context_length")),
            parallel=int(get("server.parallel")),
        )

    def start(
        self,
        options: ServerOptions | None = None,
        pool_options: PoolOptions | None = None,
        extra_keys: Sequence[str] = (),
    ) -> str:
        """Start it where it does not run; gives its address.

        Raises:
            UserFacingError: it could not be started.
        """
        with self._lock:
            if self._running is not None:
                return self.address
            if self.start_server is None:
                raise EngineUnavailable(engine="server", reason="This program was started without it.")
            options = options or self.options()
            if extra_keys:
                self.keys = ApiKeys(self._settings, extra_keys)
            self.pool.options = pool_options or self.pool_options()
            self.state, self.error = "starting", None
            try:
                self._running = self.start_server(options)
            except UserFacingError as error:
                self.state, self.error = "failed", error
                self._bus.publish(ServerChanged())
                raise
            self._host, self.state = options.host, "running"
        self._bus.publish(ServerChanged())
        return self.address

    def stop(self) -> None:
        """Stop it. Its models leave the memory."""
        with self._lock:
            running, self._running = self._running, None
            was_running, self.state = running is not None, "off"
        if running is not None:
            running.stop()
            self.pool.unload_all()
        if was_running:
            self._bus.publish(ServerChanged())

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        self.pool.close()
