"""Models that other programs ask for by the name that a hub gives them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import ollama
import pytest

from tests.app.api.conftest import Served
from tests.hub_server import HubServer, serve_hub
from tests.tiny_models import make_tiny_model

NAME = "Someone/Tiny-GGUF"


@pytest.fixture
def hub(served: Served, tmp_path: Path) -> Iterator[HubServer]:
    settings = served.workstation.settings
    with serve_hub("huggingface") as server:
        server.publish(NAME, {"tiny-Q8_0.gguf": make_tiny_model(tmp_path / "t.gguf", name="Fetched").read_bytes()})
        settings.set("hubs.huggingface.endpoint", server.url)
        settings.set("hubs.huggingface.proxy", "none")
        settings.set("hubs.modelscope.proxy", "none")
        settings.set("hubs.modelscope.endpoint", server.url)
        yield server
        settings.set("hubs.huggingface.endpoint", "")
        settings.set("hubs.modelscope.endpoint", "")


def test_ollamas_client_pulls_a_model_talks_to_it_and_deletes_it(served: Served, hub: HubServer) -> None:
    client = ollama.Client(host=served.address)
    try:
        told = [part.status for part in client.pull(f"hf.co/{NAME}:Q8_0", stream=True)]
        assert told[0] == "pulling manifest"
        assert told[-1] == "success"
        fetched = next(card for card in served.workstation.library.list_models() if card.name == "Fetched")
        assert client.generate(fetched.id, prompt="x", options={"num_predict": 2}).done
        client.delete(fetched.id)
        assert not Path(fetched.path).exists()
    finally:
        client.close()


def test_lm_studios_download_is_a_job_that_can_be_asked_after(served: Served, hub: HubServer) -> None:
    started = served.post("/api/v1/models/download", {"model": f"{NAME}:Q8_0"}).json()
    deadline = time.monotonic() + 20
    while (now := served.get(f"/api/v1/models/download/status/{started['job_id']}").json())["status"] != "completed":
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    assert now["downloaded_bytes"] == now["total_size_bytes"] > 0
    assert served.get("/api/v1/models/download/status/none").status_code == 404


@pytest.mark.parametrize(("name", "status"), [("no-slash", 400), ("No/Such", 404), (f"{NAME}:Q2_K", 404)])
def test_what_no_hub_has_is_refused(served: Served, hub: HubServer, name: str, status: int) -> None:
    reply = served.post("/api/pull", {"model": name})
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]
