"""Who may use the server: hosts, origins, keys, sizes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.api.application import Application
from app.api.desk import Desk
from app.api.guard import tidy_path
from app.api.server import run_server
from app.services.server import ServerOptions
from models.errors import InvalidOption, ServerNotStarted
from tests.app.api.conftest import Served, open_server

KEY = "a-key-from-the-command-line"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = ServerOptions(port=0, origins=("http://good.example",), hosts=("desk.local",), most_bytes=10_000)
    served = open_server(tmp_path_factory.mktemp("locked"), options, keys=(KEY,))
    yield served
    served.workstation.close()


def test_a_key_is_asked_for_on_every_path_but_health(locked: Served) -> None:
    for method, path, shape in (
        ("GET", "/v1/models", "openai"),
        ("POST", "/v1/chat/completions", "openai"),
        ("POST", "/v1/messages", "anthropic"),
        ("GET", "/api/tags", "ollama"),
        ("GET", "/metrics", "openai"),
        ("GET", "/docs", "openai"),
        ("GET", "/nothing", "openai"),
    ):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"x-api-key": "wrong"}):
            reply = httpx.request(method, locked.address + path, headers=headers)
            assert reply.status_code == 401
            body = reply.json()
            if shape == "ollama":
                assert isinstance(body["error"], str)
            else:
                assert body["error"]["type"] == "authentication_error"
    assert locked.get("/health").status_code == 200
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"authorization": f"bearer {KEY}"}):
        assert locked.get("/v1/models", headers=headers).status_code == 200


def test_kept_keys_have_scopes_and_can_be_taken_back(locked: Served) -> None:
    keys = locked.workstation.server.keys
    secret = keys.create("laptop", ("use",))
    assert secret not in str(locked.workstation.settings.get("server.keys"))
    allowed = {"Authorization": f"Bearer {secret}"}
    assert locked.get("/v1/models", headers=allowed).status_code == 200
    assert locked.post("/api/v1/models/unload", {"instance_id": "x"}, headers=allowed).status_code == 403
    assert httpx.request("DELETE", f"{locked.address}/api/delete", json={"model": "x"}, headers=allowed).status_code == 403
    assert keys.remove("laptop")
    assert not keys.remove("laptop")
    assert locked.get("/v1/models", headers=allowed).status_code == 401


def test_a_strangers_name_for_this_machine_is_refused(locked: Served) -> None:
    port = locked.address.rsplit(":", 1)[1]
    for host, status in (
        ("evil.example", 403),
        (f"evil.example:{port}", 403),
        (f"localhost:{port}", 200),
        (f"127.0.0.1:{port}", 200),
        ("desk.local", 200),
        ("[::1]:80", 200),
        ("192.168.1.5", 403),
    ):
        assert locked.get("/health", headers={"host": host}).status_code == status, host


def test_only_allowed_web_pages_may_use_it(locked: Served) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-custom"}
    good = httpx.options(f"{locked.address}/v1/chat/completions", headers={"Origin": "http://good.example", **asked})
    assert good.status_code == 204
    assert good.headers["access-control-allow-origin"] == "http://good.example"
    assert good.headers["access-control-allow-headers"] == "authorization,x-custom"
    bad = httpx.options(f"{locked.address}/v1/chat/completions", headers={"Origin": "http://bad.example", **asked})
    assert bad.status_code == 403
    assert "access-control-allow-origin" not in bad.headers
    for origin, said in (("http://good.example", True), ("http://bad.example", False)):
        reply = locked.get("/health", headers={"Origin": origin})
        assert ("access-control-allow-origin" in reply.headers) is said


def test_what_is_too_large_is_refused_with_and_without_a_length(locked: Served) -> None:
    headers = {"x-api-key": KEY}
    big = b"x" * 20_000
    assert httpx.post(f"{locked.address}/v1/chat/completions", content=big, headers=headers).status_code == 413
    pieces = iter([big[:5000]] * 4)
    assert httpx.post(f"{locked.address}/v1/chat/completions", content=pieces, headers=headers).status_code == 413


def test_it_does_not_open_to_others_without_a_key(tmp_path: Path, locked: Served) -> None:
    served = open_server(tmp_path / "open", ServerOptions(port=0))
    try:
        served.workstation.server.stop()
        with pytest.raises(ServerNotStarted):
            run_server(served.workstation, ServerOptions(host="0.0.0.0", port=0))
        with pytest.raises(InvalidOption):
            run_server(served.workstation, ServerOptions(port=99_999))
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerNotStarted) as error:
            run_server(served.workstation, ServerOptions(port=taken.getsockname()[1]))
        assert "Another program" in error.value.english()
        taken.close()
        again = served.workstation.server.start(ServerOptions(port=0))
        assert httpx.get(f"{again}/health").status_code == 200
    finally:
        served.workstation.close()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("//v1//models/", "/v1/models"),
        ("/models", "/v1/models"),
        ("/v1/v1/models", "/v1/models"),
        ("/v1/api/tags", "/api/tags"),
        ("/", "/"),
        ("/api/v0/models", "/api/v0/models"),
        ("/modelsX", "/modelsX"),
    ],
)
def test_paths_are_tidied(written: str, meant: str) -> None:
    assert tidy_path(written) == meant


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/health", 200, None),
        ("HEAD", "/health", 200, None),
        ("PUT", "/health", 405, "GET, HEAD"),
        ("GET", "/v1/completions", 405, "POST"),
        ("PATCH", "/v1/responses/one", 405, "DELETE, GET, HEAD"),
        ("GET", "/v1/models/nobody/at/all", 404, None),
        ("GET", "/v1/responses/one/two", 404, None),
        ("GET", "/nothing", 404, None),
    ],
)
def test_a_path_answers_its_own_methods_and_says_which(
    served: Served, method: str, path: str, status: int, allowed: str | None
) -> None:
    reply = httpx.request(method, f"{served.address}{path}")
    assert (reply.status_code, reply.headers.get("allow")) == (status, allowed)
    assert method == "HEAD" or status == 200 or reply.json()["error"]["message"]


def test_a_bug_is_told_without_its_traceback_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def stumble(desk: Desk, request: Request) -> Response:
        raise ZeroDivisionError("secret")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    application = Application(cast(Desk, None))
    application._whole["/health"]["GET"] = stumble
    scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "query_string": b""}
    asyncio.run(application(scope, None, send))
    assert sent[0]["status"] == 500
    assert b"internal_error" in sent[1]["body"]
    assert b"secret" not in sent[1]["body"]
    assert "secret" in caplog.text
