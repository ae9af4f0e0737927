"""Runs the application in a thread of its own: on loopback, or, with a key, for others."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Sequence

import uvicorn

from app.api.application import Application
from app.api.desk import Desk
from app.api.guard import Guard, GuardOptions
from app.api.model_names import Models
from app.services.server import RunningServer, ServerOptions
from app.workstation import Workstation
from models.errors import InvalidOption, ServerNotStarted

_log = logging.getLogger(__name__)
_HOUSEKEEPING_SECONDS = 2.0
_BACKLOG = 2048


class ApiServer:
    """A server that runs. Thread-safe."""

    def __init__(self, workstation: Workstation, options: ServerOptions) -> None:
        """Raises ServerNotStarted where the address cannot be used."""
        self._workstation = workstation
        self._sockets = [listen(options.host, options.port)]
        self.port = int(self._sockets[0].getsockname()[1])
        if options.ollama_port:
            with contextlib.suppress(ServerNotStarted):  # a real Ollama has it: that is no reason not to serve
                self._sockets.append(listen(options.host, options.ollama_port))
        self.ports = tuple(int(sock.getsockname()[1]) for sock in self._sockets)
        pool, log = workstation.server.pool, workstation.server.log
        desk = Desk(
            workstation, pool, Models(workstation, pool), log, parallel=options.parallel, fetches_images=options.fetches_images
        )
        guard = GuardOptions(options.host, options.hosts, options.origins, options.most_bytes)
        application = Guard(Application(desk), guard, workstation.server.keys)
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
            server_header=False,
            proxy_headers=False,
            ws="none",
            backlog=_BACKLOG,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._thread.start()
        self._server.has_started.wait(10.0)

    def stop(self) -> None:
        """End every answer and let go of the address."""
        self._server.should_exit = True
        self._thread.join(10.0)
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        config = self._server.config
        config.load()
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        keeper = asyncio.ensure_future(self._keep_house())
        try:
            await self._server.serve(sockets=self._sockets)
        except Exception:  # noqa: BLE001 - the thread's end: nobody above could say it
            _log.exception("the server stopped unexpectedly")
        finally:
            keeper.cancel()
            self._server.has_started.set()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            await asyncio.to_thread(self._workstation.server.pool.unload_idle)


class _Server(uvicorn.Server):
    """Signals belong to the program around it, and starting can be waited for."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = threading.Event()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave them alone."""
        yield

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """As the original, and tell."""
        await super().startup(sockets=list(sockets) if sockets else None)
        self.has_started.set()


def run_server(workstation: Workstation, options: ServerOptions) -> RunningServer:
    """Start a server; see :class:`ApiServer`.

    Raises:
        InvalidOption: there is no such port.
        ServerNotStarted: the address is in use, not of this machine, or open to others without a key.
    """
    if not 0 <= options.port <= 65535:  # the C library would take the number modulo 65536
        raise InvalidOption(option="port", value=options.port, allowed="a whole number from 0 to 65535")
    if not is_loopback(options.host) and not workstation.server.keys.are_needed:
        raise ServerNotStarted(
            address=f"{options.host}:{options.port}",
            reason="Everybody in the network could use it, because there is no key.",
        )
    return ApiServer(workstation, options)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound and listens.

    Raises:
        ServerNotStarted: it cannot be.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServerNotStarted(address=f"{host}:{port}", reason=f"The system says: {error.strerror or error}.") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        reason = "Another program uses this address." if error.errno in (98, 48, 10048) else f"The system says: {error.strerror}."
        raise ServerNotStarted(address=f"{host}:{port}", reason=reason, details=repr(error)) from error
    return sock
