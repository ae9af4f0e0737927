"""A web server for tests that serves bytes by ranges and misbehaves as told; it notes every request."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

FAULTS = (
    "drop",
    "stall",
    "html",
    "whole",
    "shifted",
    "no_range",
    "etag",
    "total",
    "503",
    "429",
    "reset",
    "gzip",
    "contradiction",
)


@dataclass
class Request:
    """What one client asked. ``sent`` counts the bytes of the file that left."""

    method: str
    path: str
    headers: dict[str, str]
    query: str = ""
    fault: str = ""
    sent: int = 0


@dataclass
class Answer:
    """What a route gives: a status, headers, and a body; ``is_file`` bodies are served by ranges."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_file: bool = False


Route = Callable[[Request], Answer | None]


class FileServer(ThreadingHTTPServer):
    """``files`` maps paths to bytes; ``route`` may answer anything else. ``choose_fault`` is asked at every range."""

    daemon_threads = True
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.route: Route = lambda request: None
        self.choose_fault: Callable[[Request], str] = lambda request: ""
        self.has_ranges = True
        self.etag = '"one"'
        self.stall_seconds = 1.0
        self.requests: list[Request] = []
        self.pace: float = 0.0
        self.sockets: list[socket.socket] = []
        self.is_closing = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.sockets.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End every connection that clients keep for later."""
        with self.lock:
            for connection in self.sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def sent(self) -> int:
        """Bytes of files that left in all."""
        with self.lock:
            return sum(request.sent for request in self.requests)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileServer
    wbufsize = 0
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        request = Request(self.command, unquote(parts.path), {k.lower(): v for k, v in self.headers.items()}, parts.query)
        with self.server.lock:
            self.server.requests.append(request)
        answer = self.server.route(request)
        if answer is None and request.path in self.server.files:
            answer = Answer(self.server.files[request.path], is_file=True)
        answer = answer or Answer(b'{"error": "Not Found"}', 404, {"Content-Type": "application/json"})
        with suppress(OSError):
            if answer.is_file:
                self._send_file(request, answer)
            else:
                self._send(answer.status, answer.headers, answer.body)

    def _send(self, status: int, headers: dict[str, str], body: bytes | memoryview) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_file(self, request: Request, answer: Answer) -> None:
        data, size = memoryview(answer.body), len(answer.body)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        headers = {
            "Content-Type": "application/octet-stream",
            "ETag": self.server.etag,
            "Accept-Ranges": "bytes",
            **answer.headers,
        }
        if match is None or not self.server.has_ranges:
            self._send_body(request, 200, headers, data)
            return
        first = int(match[1])
        last = min(int(match[2]) if match[2] else size - 1, size - 1)
        if first >= size:
            self._send(416, {"Content-Range": f"bytes */{size}"}, b"")
            return
        request.fault = fault = self.server.choose_fault(request)
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if fault in ("503", "429"):
            self._send(int(fault), {"Retry-After": "0"}, b"busy")
        elif fault == "html":
            self._send(200, {"Content-Type": "text/html; charset=utf-8"}, b"<!DOCTYPE html><title>Sign in to the network</title>")
        elif fault == "whole":
            del headers["Content-Range"]
            self._send_body(request, 200, headers, data)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            if fault == "shifted":
                headers["Content-Range"] = f"bytes {max(0, first - 1)}-{last - 1}/{size}"
            elif fault == "no_range":
                del headers["Content-Range"]
            elif fault == "etag":
                headers["ETag"] = '"another"'
            elif fault == "total":
                headers["Content-Range"] = f"bytes {first}-{last}/{size + 1}"
            elif fault == "gzip":
                headers["Content-Encoding"] = "gzip"
            elif fault == "contradiction":
                headers["Content-Range"] = f"bytes {first}-{max(first, last - 7)}/{size}"
            self._send_body(request, 206, headers, data[first : last + 1], fault)

    def _send_body(self, request: Request, status: int, headers: dict[str, str], data: memoryview, fault: str = "") -> None:
        self._send(status, {**headers, "Content-Length": str(len(data))}, b"")
        if self.command == "HEAD":
            return
        stop = len(data) // 2 if fault in ("drop", "stall") else len(data)
        step = 1 << 16
        for at in range(0, stop, step):
            piece = data[at : min(at + step, stop)]
            self.wfile.write(piece)
            request.sent += len(piece)
            if self.server.pace:
                time.sleep(self.server.pace)
        if fault == "stall":
            self.server.is_closing.wait(self.server.stall_seconds)
        if fault in ("drop", "stall"):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True


@contextmanager
def serve() -> Iterator[FileServer]:
    """A server that runs until the block ends."""
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="file server")
    thread.start()
    try:
        yield server
    finally:
        server.is_closing.set()
        server.shutdown()
        server.hang_up()
        thread.join()
        server.server_close()
