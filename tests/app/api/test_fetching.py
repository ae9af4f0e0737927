"""Pictures by address: only where it is allowed, only from public places, only so much and so long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.api import fetching
from app.api.errors import ApiError
from app.api.fetching import fetch, is_public
from app.services.server import ServerOptions
from tests.app.api.conftest import Served, open_server


class _Pictures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        where = {"/again": "/picture.png", "/inside": "http://10.0.0.1/x", "/round": "/round", "/file": "file:///etc/passwd"}
        if self.path in where:
            self.send_response(302)
            self.send_header("Location", where[self.path])
            self.end_headers()
            return
        self.send_response(404 if self.path == "/gone" else 200)
        self.end_headers()
        data = b"\x89PNG" if self.path != "/huge" else bytes(1_000_000)
        for _ in range(1 if self.path != "/huge" else 30):
            try:
                self.wfile.write(data)
            except OSError:
                return

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of pictures on this machine, which counts as public here; other private addresses do not."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_picture_is_fetched_also_behind_a_redirection(address: str, tmp_path: Path) -> None:
    for path in ("/picture.png?size=1", "/again"):
        target = tmp_path / "picture"
        fetch(address + path, target, "x")
        assert target.read_bytes() == b"\x89PNG"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "answers 404"),
        ("/huge", "larger than 20 MB"),
        ("/round", "too often"),
        ("/inside", "private network"),
        ("/file", "http address"),
    ],
)
def test_what_cannot_be_had_is_said_with_the_reason(address: str, tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        fetch(address + path, tmp_path / "picture", "messages[0]")


@pytest.mark.parametrize("url", ["ftp://example.org/x", "http://", "//host/x", 7, "x" * 5000])
def test_other_addresses_are_refused(url: object, tmp_path: Path) -> None:
    with pytest.raises(ApiError):
        fetch(url, tmp_path / "picture", "x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.7",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "100.64.0.1",
    ],
)
def test_private_addresses_are_told_apart(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_told_apart() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


def test_through_the_server_only_where_it_was_allowed(address: str, tmp_path: Path) -> None:
    own = open_server(tmp_path / "data", ServerOptions(port=0, fetches_images=True))
    try:
        for path, wanted in (("/picture.png", "model_cannot_see"), ("/gone", "image_not_fetched")):
            content = [{"type": "image_url", "image_url": {"url": address + path}}]
            body = {"model": own.tiny, "messages": [{"role": "user", "content": content}]}
            assert own.post("/v1/chat/completions", body).json()["error"]["code"] == wanted
        block = {"type": "image", "source": {"type": "url", "url": address + "/gone"}}
        reply = own.post("/v1/messages", {"model": own.tiny, "max_tokens": 3, "messages": [{"role": "user", "content": [block]}]})
        assert reply.status_code == 400
        assert "404" in reply.json()["error"]["message"]
    finally:
        own.workstation.close()


def test_without_leave_nothing_is_fetched(served: Served, address: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": address + "/picture.png"}}]
    reply = served.post("/v1/chat/completions", {"model": served.tiny, "messages": [{"role": "user", "content": content}]})
    assert reply.status_code == 400
    assert "nothing is fetched" in reply.json()["error"]["message"]
