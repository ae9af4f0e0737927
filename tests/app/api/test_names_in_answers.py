"""An answer names its model as the client did, else by its id in the lists; no dialect ever tells where a model lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.conftest import Served, open_server
from tests.tiny_models import make_tiny_model

HELLO = [{"role": "user", "content": "Hello"}]
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": HELLO, "max_tokens": 2}),
    ("/v1/chat/completions", {"messages": HELLO, "max_tokens": 2, "stream": True}),
    ("/v1/completions", {"prompt": "Hello", "max_tokens": 2}),
    ("/v1/completions", {"prompt": "Hello", "max_tokens": 2, "stream": True}),
    ("/v1/responses", {"input": "Hello", "max_output_tokens": 2, "store": False}),
    ("/v1/responses", {"input": "Hello", "max_output_tokens": 2, "store": False, "stream": True}),
    ("/v1/embeddings", {"input": "Hello"}),
    ("/v1/messages", {"messages": HELLO, "max_tokens": 2}),
    ("/v1/messages", {"messages": HELLO, "max_tokens": 2, "stream": True}),
    ("/v1/messages/count_tokens", {"messages": HELLO}),
    ("/api/chat", {"messages": HELLO, "options": {"num_predict": 2}}),
    ("/api/generate", {"prompt": "Hello", "options": {"num_predict": 2}}),
    ("/api/embed", {"input": "Hello"}),
    ("/api/v0/chat/completions", {"messages": HELLO, "max_tokens": 2}),
    ("/api/v0/completions", {"prompt": "Hello", "max_tokens": 2}),
    ("/api/v0/embeddings", {"input": "Hello"}),
]
LISTS = (
    "/v1/models",
    "/api/tags",
    "/api/ps",
    "/api/v0/models",
    "/api/v1/models",
    "/props",
    "/slots",
    "/metrics",
    "/lora-adapters",
)


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that was told to serve a file that lies in none of its folders."""
    folder = tmp_path_factory.mktemp("far")
    path = folder / "secret place" / "far away.gguf"
    path.parent.mkdir()
    make_tiny_model(path, context=2048, name="Far Away")
    served = open_server(folder / "data")
    switch = served.workstation.server
    switch.main_model = served.workstation.find_model(str(path))
    assert Path(switch.main_model).is_absolute()
    switch.pool.acquire(switch.main_model).give_back()
    yield served
    served.workstation.close()


def the_id(far: Served) -> str:
    found = [model["id"] for model in far.get("/v1/models").json()["data"] if model["name"] == "Far Away"]
    assert len(found) == 1
    return str(found[0])


def test_a_model_that_lies_elsewhere_is_in_every_list_and_nobody_is_told_where(far: Served) -> None:
    number = the_id(far)
    for path in LISTS:
        text = far.get(path).text
        assert "secret place" not in text, path
        if path.endswith(("models", "tags", "ps")):
            assert number in text, path
    assert far.get("/props").json()["model_alias"] == number
    assert far.get(f"/v1/models/{number}").json()["id"] == number
    loaded = {model["id"]: model["state"] for model in far.get("/api/v0/models").json()["data"]}
    assert loaded[number] == "loaded"
    assert [model["model"] for model in far.get("/api/ps").json()["models"]] == [number]
    shown = far.post("/api/show", {"model": number})
    assert shown.status_code == 200
    assert "secret place" not in shown.text


@pytest.mark.parametrize(("path", "body"), ASKED)
def test_who_names_no_model_is_told_its_id(far: Served, path: str, body: dict[str, Any]) -> None:
    reply = far.post(path, body)
    assert reply.status_code == 200, reply.text
    assert "secret place" not in reply.text
    if not path.endswith("count_tokens"):
        assert f'"model":"{the_id(far)}"' in reply.text


@pytest.mark.parametrize(("path", "body"), ASKED)
def test_who_names_one_reads_that_name_again(far: Served, path: str, body: dict[str, Any]) -> None:
    far.workstation.server.extra_aliases["gpt-*"] = the_id(far)
    reply = far.post(path, {**body, "model": "gpt-5"})
    assert reply.status_code == 200, reply.text
    assert "secret place" not in reply.text
    if not path.endswith("count_tokens"):
        assert '"model":"gpt-5"' in reply.text
    if path.startswith("/api/v0/") and not path.endswith("embeddings"):
        assert reply.json()["model_info"]["context_length"] == 2048


def test_it_is_found_by_id_by_file_name_and_by_name(far: Served) -> None:
    for name in (the_id(far), "far away", "far away.gguf", "Far Away"):
        assert far.post("/v1/chat/completions", {"model": name, "messages": HELLO, "max_tokens": 1}).status_code == 200, name


def test_lm_studio_loads_chats_with_and_unloads_it_by_its_id(far: Served) -> None:
    number = the_id(far)
    assert far.post("/api/v1/models/load", {"model": number}).json()["instance_id"] == number
    chat = far.post("/api/v1/chat", {"model": number, "input": "Hello", "max_output_tokens": 2, "stream": True}).text
    assert f'"model_instance_id":"{number}"' in chat
    assert "secret place" not in chat
    assert far.post("/api/v1/models/unload", {"instance_id": number}).json() == {"instance_id": number}
    assert far.get("/api/ps").json() == {"models": []}
    assert far.post("/api/chat", {"model": number, "messages": HELLO, "options": {"num_predict": 1}}).status_code == 200


def test_a_path_opens_nothing_but_what_the_server_was_given(far: Served, tmp_path: Path) -> None:
    other = make_tiny_model(tmp_path / "other.gguf")
    assert far.post("/v1/chat/completions", {"model": str(other), "messages": HELLO}).status_code == 404


def test_an_error_about_a_model_does_not_tell_where_it_lies(far: Served) -> None:
    damaged = far.workstation.paths.models / "damaged.gguf"
    make_tiny_model(damaged, name="Damaged")
    number = next(model["id"] for model in far.get("/v1/models").json()["data"] if model["name"] == "Damaged")
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size // 2)
    for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
        reply = far.post(path, {"model": number, "messages": HELLO, "max_tokens": 1})
        assert reply.status_code >= 400
        assert str(damaged.parent) not in reply.text, reply.text
