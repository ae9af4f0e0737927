"""Both hubs through their own client libraries, against a server that speaks as they do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.download_errors import GatedModel, HubError, HubRefused, HubUnreachable, RepositoryNotFound
from models.downloads.fetchers import Patience
from models.downloads.remote_file import NO_PROXY, RemoteFile
from models.downloads.transfer import Transfer
from models.hubs.hub import Hub, HubSettings, SearchQuery
from models.hubs.huggingface import HuggingFace
from models.hubs.modelscope import ModelScope
from tests.file_server import Answer, serve
from tests.hub_server import COMMIT, HubServer, serve_hub

KINDS = {"huggingface": HuggingFace, "modelscope": ModelScope}
FILES = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Qwen3\n\nA model.",
    "qwen3-4b-q4_k_m.gguf": b"GGUF" + b"q" * 70_000,
    "qwen3-4b-q8_0.gguf": b"GGUF" + b"r" * 90_000,
    "config.json": b"{}",
}


@pytest.fixture(params=["huggingface", "modelscope"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str) -> Iterator[HubServer]:
    with serve_hub(kind, token="secret-token") as running:
        running.publish("Qwen/Qwen3-4B-GGUF", dict(FILES))
        running.publish("bge/bge-small-GGUF", dict(FILES), downloads=9)
        yield running


@pytest.fixture(autouse=True)
def a_home_with_tokens_that_must_not_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_from_the_environment")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-from-the-environment")
    monkeypatch.setenv("HOME", str(tmp_path))


def connect(server: HubServer, token: str = "", *, is_mirror: bool = False) -> Hub:
    official = "https://official.example" if is_mirror else server.url
    return KINDS[server.kind](HubSettings(server.url, token, NO_PROXY), official=official)


def test_a_search_finds_by_text_and_author(server: HubServer) -> None:
    hub = connect(server)
    found = hub.search(SearchQuery("qwen3"))
    assert [model.id for model in found] == ["Qwen/Qwen3-4B-GGUF"]
    assert (found[0].downloads, found[0].author, found[0].parameter_count) == (1234, "Qwen", 4_000_000_000)
    assert found[0].updated > 1_767_000_000
    assert [model.id for model in hub.search(SearchQuery(author="bge"))] == ["bge/bge-small-GGUF"]
    assert hub.search(SearchQuery("nothing of that name")) == []


def test_a_search_sends_what_was_asked_for(server: HubServer) -> None:
    connect(server).search(SearchQuery("q", task="vision", format="gguf", licence="mit", sort="downloads", limit=7))
    sent = server.server.requests[-1].query
    assert "image-text-to-text" in sent and "mit" in sent and "downloads" in sent and "7" in sent and "gguf" in sent


def test_a_repository_has_sizes_and_hashes(server: HubServer) -> None:
    repository = connect(server).read_repository("Qwen/Qwen3-4B-GGUF")
    files = {file.path: file for file in repository.files}
    assert files["qwen3-4b-q8_0.gguf"].size == 90_004
    assert len(files["qwen3-4b-q8_0.gguf"].sha256) == 64
    assert files["config.json"].sha256 or len(files["config.json"].git_sha1) == 40
    assert repository.revision == (COMMIT if server.kind == "huggingface" else "master")


def test_a_card_comes_without_its_metadata(server: HubServer) -> None:
    hub = connect(server)
    assert hub.read_card(hub.read_repository("Qwen/Qwen3-4B-GGUF")) == "# Qwen3\n\nA model."


def download(hub: Hub, path: str, folder: Path) -> Path:
    repository = hub.read_repository("Qwen/Qwen3-4B-GGUF")
    file = next(file for file in repository.files if file.path == path)
    remote = RemoteFile(file.name, file.size, (hub.source_of(repository, path),), file.sha256, file.git_sha1)
    transfer = Transfer(remote, folder / file.name, patience=Patience(2, 2, 0.01, 0.05, 3), block_size=1 << 14)
    assert transfer.run() is not None
    return transfer.target


def test_files_of_both_sizes_arrive(server: HubServer, tmp_path: Path) -> None:
    hub = connect(server)
    for path in ("qwen3-4b-q8_0.gguf", "config.json"):
        assert download(hub, path, tmp_path).read_bytes() == FILES[path]


def test_a_token_never_reaches_a_mirror_whatever_is_asked(server: HubServer, tmp_path: Path) -> None:
    hub = connect(server, "my-own-token", is_mirror=True)
    hub.search(SearchQuery("qwen3"))
    hub.read_card(hub.read_repository("Qwen/Qwen3-4B-GGUF"))
    download(hub, "qwen3-4b-q8_0.gguf", tmp_path)
    assert len(server.server.requests) >= 5
    assert server.secrets_heard() == []
    everything = repr(server.server.requests)
    assert "my-own-token" not in everything and "from-the-environment" not in everything and "hf_from" not in everything


def test_the_official_hub_hears_the_token(server: HubServer, tmp_path: Path) -> None:
    server.repositories["Qwen/Qwen3-4B-GGUF"].gated = True
    hub = connect(server, "secret-token")
    assert download(hub, "qwen3-4b-q8_0.gguf", tmp_path).exists()
    with pytest.raises(GatedModel) as caught:
        download(connect(server), "qwen3-4b-q4_k_m.gguf", tmp_path)
    assert "Qwen3" in caught.value.facts["url"] or caught.value.facts["url"].startswith(server.url)


def test_what_identifies_this_machine_is_not_told(server: HubServer) -> None:
    hub = connect(server)
    hub.search(SearchQuery("qwen3"))
    hub.read_repository("Qwen/Qwen3-4B-GGUF")
    for request in server.server.requests:
        agent = request.headers.get("user-agent", "")
        assert "session" not in agent.lower() and "platform" not in agent.lower() and os.uname().release not in agent
    assert not (Path(os.environ["HOME"]) / ".modelscope" / "credentials" / "session").exists()


def test_a_repository_that_is_not_there_is_told(server: HubServer) -> None:
    with pytest.raises(RepositoryNotFound):
        connect(server).read_repository("nobody/nothing")


def test_a_hub_that_cannot_be_reached_is_told_in_time(kind: str) -> None:
    with serve_hub(kind) as server:
        address = server.url
    hub = KINDS[kind](HubSettings(address, "", NO_PROXY))
    for ask in (lambda: hub.search(SearchQuery("x")), lambda: hub.read_repository("a/b")):
        with pytest.raises(HubUnreachable):
            ask()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<!DOCTYPE html><title>Sign in</title>", headers={"Content-Type": "text/html"}),
        Answer(b'{"unexpected": true}'),
        Answer(b'[{"no": "id"}, 7]'),
        Answer(b"null"),
        Answer(b"oops", 500),
        Answer(b"", 200),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_or_nothing_found(kind: str, answer: Answer) -> None:
    with serve() as server:
        server.route = lambda request: answer
        hub = KINDS[kind](HubSettings(server.url, "", NO_PROXY))
        try:
            assert hub.search(SearchQuery("x")) == []
        except HubError as error:
            assert error.english()
        with pytest.raises((HubRefused, RepositoryNotFound, HubUnreachable)):
            repository = hub.read_repository("a/b")
            assert repository.files, "a repository without files is no answer"
            raise AssertionError(repository)
