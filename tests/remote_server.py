"""A small server that answers as it is told, rightly or wrongly: for tests of connections to other servers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

MODELS = {"object": "list", "data": [{"id": "org/Model-8B", "object": "model", "owned_by": "vllm", "max_model_len": 4096}]}
Answer = Callable[["Asked", socket.socket], None]


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ScriptedServer:
    """``answers`` maps a path to what is done for it; what is not there is the list of models, or 404."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def serve(self, connection: socket.socket) -> None:
        with connection:
            asked = read_request(connection)
            if asked is None:
                return
            self.asked.append(asked)
            if (answer := self.answers.get(asked.path)) is not None:
                answer(asked, connection)
            elif asked.path == "/v1/models":
                send_json(connection, MODELS)
            else:
                send_json(connection, {"error": {"message": f"no such path: {asked.path}"}}, 404)


@contextmanager
def run_scripted(**answers: Answer) -> Iterator[ScriptedServer]:
    """A server for the length of a block. Names of answers are paths with ``_`` for ``/``: ``v1_chat_completions``."""
    server = ScriptedServer({"/" + name.replace("_", "/"): answer for name, answer in answers.items()})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=server.serve, args=(connection,), daemon=True)
                thread.start()
                threads.append(thread)

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    acceptor.join(5)
    for thread in threads:
        thread.join(5)


def read_request(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65536)):
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, json.loads(body) if body else {})


def send_json(connection: socket.socket, value: Any, status: int = 200, more: str = "") -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    kind = "application/json"
    connection.sendall(
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )


def send_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    value = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, **more}]}
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
END = b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\ndata: [DONE]\n\n"


def stream(*pieces: bytes | float) -> Answer:
    """Send pieces of an event stream; a number waits for as many seconds."""

    def answer(asked: Asked, connection: socket.socket) -> None:
        send_head(connection)
        for piece in pieces:
            if isinstance(piece, bytes):
                connection.sendall(piece)
            else:
                time.sleep(piece)

    return answer


def refuse(status: int, body: Any, more: str = "") -> Answer:
    """Answer with an error."""
    return lambda asked, connection: send_json(connection, body, status, more)


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "x", "param": None, "code": code}}
