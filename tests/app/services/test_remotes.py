"""Connections to other servers: kept, listed, tested, and their keys nowhere but where keys belong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.paths import make_paths
from app.services.tokens import Tokens
from app.workstation import Workstation, make_workstation
from models.errors import InvalidOption, ModelError
from models.remote_errors import ConnectionNotFound, RemoteKeyRefused, RemoteUnreachable
from tests.app.services.test_downloads import NoRing
from tests.remote_server import MODELS, Asked, error, refuse, run_scripted, send_json


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with make_workstation(make_paths(tmp_path / "data")) as workstation:
        workstation.remotes._tokens = Tokens(tmp_path / "data", NoRing())
        yield workstation


def locked(asked: Asked, connection: Any) -> None:
    """A list for those who have the key."""
    is_right = asked.headers.get("authorization") == "Bearer sk-ink"
    send_json(connection, *((MODELS,) if is_right else (error("wrong key"), 401)))


def test_a_connection_is_kept_with_its_models_and_its_key_is_not_in_the_database(workstation: Workstation) -> None:
    remotes = workstation.remotes
    with run_scripted(v1_models=locked) as server:
        with pytest.raises(RemoteKeyRefused):
            remotes.add("box", server.url, "wrong")
        assert remotes.list() == ()
        remotes.add("box", server.url, "sk-ink")
        remotes.refresh("box")
    card = workstation.library.find("box/org/Model-8B")
    assert (card.format, card.store, card.context_length) == ("remote", "box", 4096)
    assert workstation.find_model("org/Model-8B") == "box/org/Model-8B"
    assert remotes.key_of("box") == "sk-ink"
    assert "sk-ink" not in json.dumps(workstation.settings.all())
    assert b"sk-ink" not in workstation.paths.database.read_bytes()
    assert "sk-ink" not in repr(remotes.list())
    remotes.remove("box")
    assert remotes.key_of("box") == "" and remotes.list_cards() == []


def test_a_key_is_not_sent_to_another_address_under_the_same_name(workstation: Workstation) -> None:
    with run_scripted(v1_models=locked) as server, run_scripted() as other:
        workstation.remotes.add("box", server.url, "sk-ink")
        workstation.remotes.add("box", server.url)
        assert workstation.remotes.key_of("box") == "sk-ink"
        workstation.remotes.add("box", other.url)
        assert "authorization" not in other.asked[-1].headers
        assert workstation.remotes.key_of("box") == ""


def test_what_is_no_name_or_nobody_answers_at_is_refused_and_nothing_is_kept(workstation: Workstation) -> None:
    remotes = workstation.remotes
    for name in ("", "a/b", "a b", "x" * 41):
        with pytest.raises(InvalidOption):
            remotes.add(name, "http://127.0.0.1:9/v1")
    with pytest.raises(RemoteUnreachable):
        remotes.add("box", "http://127.0.0.1:9/v1")
    with pytest.raises(ConnectionNotFound):
        remotes.remove("box")
    assert remotes.list() == ()


def test_a_model_of_another_server_has_no_file_to_verify_or_delete(workstation: Workstation) -> None:
    with run_scripted() as server:
        workstation.remotes.add("box", server.url)
    for act in (workstation.library.verify, workstation.library.remove):
        with pytest.raises(ModelError):
            act("box/org/Model-8B")
    assert workstation.library.find("box/org/Model-8B")


def test_damaged_settings_hide_one_connection_and_no_other(workstation: Workstation) -> None:
    with run_scripted() as server:
        workstation.remotes.add("box", server.url)
    kept = workstation.settings.get("remote.connections")
    workstation.settings.set(
        "remote.connections", [*kept, {"name": "bad"}, 7, {"name": "x", "url": "", "models": [], "asked_at": 0}]
    )
    assert [server.name for server in workstation.remotes.list()] == ["box"]


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    monkeypatch.setattr("app.services.tokens.Tokens._find_keyring", lambda tokens: NoRing())

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_command_line_adds_lists_tests_and_removes(yanmo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = refuse(200, {"choices": [{"message": {"content": "a"}, "finish_reason": "length"}], "usage": {"prompt_tokens": 5}})
    with run_scripted(v1_models=locked, v1_chat_completions=answer) as server:
        status, _, err = yanmo("remote", "add", "box", server.url)
        assert status == 1 and "does not accept the key" in err and "Traceback" not in err
        monkeypatch.setenv("YANMO_REMOTE_KEY", "sk-ink")
        assert "offers 1 model" in yanmo("remote", "add", "box", server.url)[1]
        status, out, err = yanmo("remote", "test", "box")
        assert status == 0, err
        assert "org/Model-8B answers too" in out and "4,096 tokens" in out and "tools                     no" in out
        values = json.loads(yanmo("remote", "list", "--json")[1])
        assert values[0]["models"][0]["capabilities"]["takes_extensions"] is True
        assert "sk-ink" not in json.dumps(values)
        assert "box/org/Model-8B" in yanmo("models", "list")[1]
        assert yanmo("models", "show", "box/org/Model-8B")[0] == 0
        assert "kept in" in yanmo("remote", "key", "box")[1]
    status, out, err = yanmo("remote", "list", "--refresh")
    assert status == 1 and "cannot be reached" in err and "box/org/Model-8B" in out
    assert yanmo("remote", "remove", "box")[0] == 0
    assert yanmo("remote", "remove", "box")[0] == 1
    assert "no connection yet" in yanmo("remote")[1]


def test_a_conversation_in_the_terminal_is_answered_by_another_server(yanmo: Any) -> None:
    data = b'data: {"choices": [{"delta": {"content": "from afar"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    can = refuse(200, {"choices": [{"message": {"content": "a"}, "finish_reason": "length"}], "usage": {"prompt_tokens": 5}})

    def answer(asked: Asked, connection: Any) -> None:
        if not asked.body.get("stream"):
            can(asked, connection)
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + data)

    with run_scripted(v1_chat_completions=answer) as server:
        yanmo("remote", "add", "box", server.url)
        status, out, err = yanmo("chat", "box/org/Model-8B", "-p", "hello")
    assert status == 0, err
    assert "from afar" in out
