"""The queue: order, pause, restart, retries, the other hub, and what is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.services.download_records import Download, DownloadFile, QueueFile
from app.services.downloads import Downloads
from app.services.events import DownloadEnded, DownloadProgress, EventBus, LibraryChanged
from app.services.hubs import Hubs
from app.services.projector_download import fetch_projector
from app.services.tokens import Tokens
from app.settings import SETTINGS
from app.workstation import Workstation
from models.card import ModelCard
from models.download_errors import HubOffline
from models.downloads.fetchers import Patience
from models.errors import ModelError
from models.hubs.hub import Hub, HubKey, HubSettings, SearchQuery
from models.hubs.huggingface import HuggingFace
from models.hubs.modelscope import ModelScope
from models.hubs.variants import group_files
from tests.app.conftest import Recorder
from tests.hub_server import HubServer, serve_hub

QUICK = Patience(2.0, 1.0, 0.01, 0.05, 3)
NAME = "Qwen/Qwen3-4B-GGUF"
FILES = {
    "README.md": b"# Qwen3",
    "qwen3-q4_k_m.gguf": b"GGUF" + bytes(range(256)) * 8000,
    "qwen3-q8_0.gguf": b"GGUF" + bytes(range(255)) * 9000,
    "mmproj-F16.gguf": b"GGUF" + b"m" * 5000,
}


class Site:
    """Both hubs, and services that use them."""

    def __init__(self, workstation: Workstation, hubs: dict[HubKey, HubServer]) -> None:
        self.workstation = workstation
        self.servers = hubs
        for key in hubs:
            workstation.settings.set(f"hubs.{key}.proxy", "none")
        self.hubs = Hubs(workstation.settings, workstation.tokens, self.make)
        self.opened: list[Downloads] = []

    def make(self, key: HubKey, settings: HubSettings) -> Hub:
        kind = HuggingFace if key == "huggingface" else ModelScope
        address = self.servers[key].url
        return kind(HubSettings(settings.endpoint or address, settings.token, settings.proxy), official=address)

    def open(self) -> Downloads:
        paths = self.workstation.paths
        opened = Downloads(
            self.workstation.events,
            self.workstation.settings,
            self.hubs,
            paths.models,
            paths.knowledge,
            patience=QUICK,
            retry_seconds=(0.05,),
        )
        self.opened.append(opened)
        return opened

    def add(self, downloads: Downloads, variant: str, key: HubKey = "huggingface") -> Download:
        repository = self.hubs.read_repository(key, NAME)
        chosen = next(one for one in group_files(repository.files) if one.name == variant)
        return downloads.add(repository, chosen)


@pytest.fixture
def site(workstation: Workstation) -> Iterator[Site]:
    with serve_hub("huggingface") as first, serve_hub("modelscope") as second:
        for server in (first, second):
            server.publish(NAME, dict(FILES))
        made = Site(workstation, {"huggingface": first, "modelscope": second})
        yield made
        for downloads in made.opened:
            downloads.close()


def wait_until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_variant_arrives_with_its_projector_and_stands_in_the_library(site: Site, recorder: Recorder) -> None:
    downloads = site.open()
    added = site.add(downloads, "Q4_K_M")
    ended = recorder.wait_for(DownloadEnded)
    assert ended.error is None and ended.title == "Qwen3-4B-GGUF Q4_K_M"
    folder = site.workstation.paths.models / "Qwen" / "Qwen3-4B-GGUF"
    for name in ("qwen3-q4_k_m.gguf", "mmproj-F16.gguf"):
        assert (folder / name).read_bytes() == FILES[name]
    assert ended.path == str(folder / "qwen3-q4_k_m.gguf")
    assert recorder.of(LibraryChanged)
    assert downloads.get(added.id).state == "done"  # type: ignore[union-attr]
    receipt = downloads.receipts.find(folder / "qwen3-q4_k_m.gguf")
    assert receipt and receipt["repository"] == NAME and len(receipt["digests"]) == 2


def test_what_is_here_already_is_not_fetched_again(site: Site) -> None:
    downloads = site.open()
    downloads.wait(site.add(downloads, "Q4_K_M").id)
    sent = site.servers["huggingface"].server.sent() + site.servers["modelscope"].server.sent()
    downloads.forget_done()
    again = downloads.wait(site.add(downloads, "Q4_K_M").id)
    assert again and again.state == "done"
    assert site.servers["huggingface"].server.sent() + site.servers["modelscope"].server.sent() == sent


def test_the_order_can_be_changed_and_a_pause_lets_the_next_one_run(site: Site) -> None:
    for server in site.servers.values():
        server.server.pace = 0.05
    downloads = site.open()
    first = site.add(downloads, "Q4_K_M")
    wait_until(lambda: downloads.progress(first.id))
    second = site.add(downloads, "Q8_0")
    downloads.move(second.id, 0)
    assert [one.id for one in downloads.list()] == [second.id, first.id]
    downloads.pause(first.id)
    ended = downloads.wait(second.id)
    assert ended and ended.state == "done"
    assert downloads.get(first.id).state == "paused"  # type: ignore[union-attr]
    for server in site.servers.values():
        server.server.pace = 0.0
    downloads.resume(first.id)
    done = downloads.wait(first.id)
    assert done and done.state == "done"


def test_progress_is_told_with_speed_and_time_left(site: Site, recorder: Recorder) -> None:
    for server in site.servers.values():
        server.server.pace = 0.03
    downloads = site.open()
    added = site.add(downloads, "Q8_0")
    told = recorder.wait_for(DownloadProgress, where=lambda event: event.done > 0 and event.speed > 0)
    assert told.download_id == added.id
    assert told.total == added.size == len(FILES["qwen3-q8_0.gguf"]) + len(FILES["mmproj-F16.gguf"])
    assert told.seconds_left is not None and 0 < told.seconds_left < 600


def test_a_restart_goes_on_with_what_was_running(site: Site) -> None:
    for server in site.servers.values():
        server.server.pace = 0.02
    first = site.open()
    added = site.add(first, "Q8_0")
    wait_until(lambda: (now := first.progress(added.id)) and now.done)
    first.close()
    for server in site.servers.values():
        server.server.pace = 0.0
    second = site.open()
    assert [one.id for one in second.list()] == [added.id]
    second.start()
    done = second.wait(added.id)
    assert done and done.state == "done"
    assert second.get(added.id).target_of(added.files[0]).read_bytes() == FILES["qwen3-q8_0.gguf"]  # type: ignore[union-attr]


def test_a_removed_download_leaves_nothing_behind(site: Site) -> None:
    for server in site.servers.values():
        server.server.pace = 0.02
    downloads = site.open()
    added = site.add(downloads, "Q8_0")
    wait_until(lambda: downloads.progress(added.id))
    downloads.remove(added.id)
    assert downloads.list() == []
    assert not [path for path in site.workstation.paths.models.rglob("*") if path.is_file()]


def test_the_network_that_comes_back_is_noticed(site: Site) -> None:
    for server in site.servers.values():
        server.server.choose_fault = lambda request: "503"
    downloads = site.open()
    added = site.add(downloads, "Q8_0")
    wait_until(lambda: downloads.get(added.id).state == "retrying")  # type: ignore[union-attr]
    known = downloads.get(added.id)
    assert known and known.error and "503" in known.error.english()
    for server in site.servers.values():
        server.server.choose_fault = lambda request: ""
    done = downloads.wait(added.id)
    assert done and done.state == "done" and done.error is None


def test_the_other_hub_takes_over_where_it_has_the_same_bytes(site: Site) -> None:
    site.servers["huggingface"].server.choose_fault = lambda request: "reset"
    downloads = site.open()
    done = downloads.wait(site.add(downloads, "Q8_0").id)
    assert done and done.state == "done"
    assert site.servers["modelscope"].server.sent() >= len(FILES["qwen3-q8_0.gguf"])


def test_another_file_under_the_same_name_is_no_substitute(site: Site) -> None:
    other = {**FILES, "qwen3-q8_0.gguf": b"GGUF" + b"x" * len(FILES["qwen3-q8_0.gguf"][4:])}
    site.servers["modelscope"].publish(NAME, other)
    remote = site.hubs.remote_file(
        "huggingface", NAME, "main", next(f for f in site.hubs.read_repository("huggingface", NAME).files if "q8_0" in f.path)
    )
    assert [source.hub for source in remote.sources] == ["Hugging Face"]


def test_a_gated_model_fails_at_once_and_says_why(site: Site, recorder: Recorder) -> None:
    for server in site.servers.values():
        server.repositories[NAME].gated = True
    downloads = site.open()
    added = site.add(downloads, "Q8_0")
    ended = recorder.wait_for(DownloadEnded)
    assert ended.error is not None and ended.error.code == "gated_model"
    reopened = site.open().get(added.id)
    assert reopened and reopened.state == "failed" and reopened.error and reopened.error.code == "gated_model"


def test_offline_nothing_is_sent(site: Site) -> None:
    site.workstation.settings.set("hubs.offline", True)
    asked = len(site.servers["huggingface"].server.requests)
    for ask in (lambda: site.hubs.search(SearchQuery("x")), lambda: site.hubs.read_repository("modelscope", NAME)):
        with pytest.raises(HubOffline):
            ask()
    assert len(site.servers["huggingface"].server.requests) == asked


def test_one_hub_that_fails_leaves_the_answers_of_the_other(site: Site) -> None:
    site.servers["huggingface"].server.files.clear()
    site.servers["huggingface"].repositories.clear()
    site.servers["huggingface"].server.route = lambda request: None
    found = site.hubs.search(SearchQuery("qwen3"))
    assert [model.hub for model in found.models] == ["modelscope"]
    assert set(found.troubles) == {"huggingface"}


def test_both_hubs_answers_are_mixed(site: Site) -> None:
    assert [model.hub for model in site.hubs.search(SearchQuery("qwen3")).models] == ["huggingface", "modelscope"]


@pytest.mark.parametrize(
    ("path", "lands"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/abs.gguf", "abs.gguf"),
        ("a\\..\\b.gguf", "a/b.gguf"),
        ("con.gguf", "_con.gguf"),
        ("x?.gguf", "x_.gguf"),
        ("..", "file"),
    ],
)
def test_a_file_cannot_leave_its_folder(tmp_path: Path, path: str, lands: str) -> None:
    made = Download("1", "t", "huggingface", "a/b", "main", (DownloadFile(path, 1),), str(tmp_path))
    assert made.target_of(made.files[0]) == tmp_path / lands


@pytest.mark.parametrize("text", ["", "[]", '{"queue": 5}', '{"queue": [{"id": 1}, null, {"files": []}]}', '{"queue": [{}'])
def test_a_queue_that_makes_no_sense_is_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "downloads.json"
    path.write_text(text)
    assert QueueFile(path).read() == []


class MemoryRing:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self.kept[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


class NoRing(MemoryRing):
    def get_password(self, service: str, name: str) -> str | None:
        raise RuntimeError("no keyring here")

    def set_password(self, service: str, name: str, password: str) -> None:
        raise RuntimeError("no keyring here")


def test_a_token_lies_in_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    ring = MemoryRing()
    assert Tokens(tmp_path, ring).keep("huggingface", " hf_x ") is None
    assert Tokens(tmp_path, ring).get("huggingface") == "hf_x"
    assert not list(tmp_path.iterdir())
    Tokens(tmp_path, ring).keep("huggingface", "")
    assert Tokens(tmp_path, ring).get("huggingface") == "" and not ring.kept


def test_without_a_keyring_a_token_lies_in_a_private_file_and_that_is_told(tmp_path: Path) -> None:
    kept = Tokens(tmp_path, NoRing()).keep("modelscope", "ms-x")
    assert kept is not None and kept.stat().st_mode & 0o777 == 0o600
    assert Tokens(tmp_path, NoRing()).get("modelscope") == "ms-x"
    Tokens(tmp_path, NoRing()).keep("modelscope", "")
    assert not kept.exists()


def test_the_settings_of_hubs_refuse_nonsense() -> None:
    proxy, address = SETTINGS["hubs.huggingface.proxy"], SETTINGS["hubs.modelscope.endpoint"]
    assert proxy.is_valid("socks5h://127.0.0.1:1080") and proxy.is_valid("none") and not proxy.is_valid("ftp://x")
    assert address.is_valid("") and address.is_valid("https://hf-mirror.com") and not address.is_valid("hf-mirror.com")


def test_a_queue_kept_by_nobody_else_stays_json(site: Site) -> None:
    downloads = site.open()
    downloads.wait(site.add(downloads, "Q4_K_M").id)
    value = json.loads((site.workstation.paths.knowledge / "downloads.json").read_text())
    assert value["queue"][0]["state"] == "done"
    assert "token" not in json.dumps(value).lower()


def test_the_bus_is_told_from_one_thread_only(site: Site) -> None:
    threads: set[str] = set()
    bus: EventBus = site.workstation.events
    bus.subscribe(lambda event: threads.add(threading.current_thread().name) if isinstance(event, DownloadEnded) else None)
    downloads = site.open()
    downloads.wait(site.add(downloads, "Q4_K_M").id)
    wait_until(lambda: threads)
    assert threads == {"downloads"}


def test_the_projector_that_a_model_lacks_is_fetched_from_where_the_model_came(site: Site) -> None:
    downloads = site.open()
    downloads.wait(site.add(downloads, "Q4_K_M").id)
    folder = site.workstation.paths.models / "Qwen" / "Qwen3-4B-GGUF"
    (folder / "mmproj-F16.gguf").unlink()
    model = folder / "qwen3-q4_k_m.gguf"
    card = ModelCard("q", str(model), "Qwen3", "gguf", "chat")
    downloads.wait(fetch_projector(site.hubs, downloads, card).id)
    assert (folder / "mmproj-F16.gguf").read_bytes() == FILES["mmproj-F16.gguf"]
    other = replace(card, path=str(folder / "elsewhere.gguf"))
    with pytest.raises(ModelError, match="did not download"):
        fetch_projector(site.hubs, downloads, other)
