"""A server on a fresh data folder with the starter and a tiny model of random weights, and the clients of the dialects."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.server import run_server
from app.paths import make_paths
from app.services.engine_pool import PoolOptions
from app.services.server import ServerOptions
from app.workstation import Workstation, make_workstation
from backends.options import LoadOptions
from tests.tiny_models import make_tiny_model

os.environ["YANMO_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

TOOL_TEMPLATE = (
    "{% if tools %}<|im_start|>system\nTools: {{ tools | tojson }} use <tool_call></tool_call><|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass
class Served:
    """A running server and what is in it."""

    workstation: Workstation
    address: str
    starter: str
    tiny: str
    slow: str

    def post(self, path: str, body: object, **more: object) -> httpx.Response:
        return httpx.post(self.address + path, json=body, timeout=60, **more)  # type: ignore[arg-type]

    def get(self, path: str, **more: object) -> httpx.Response:
        return httpx.get(self.address + path, timeout=60, **more)  # type: ignore[arg-type]


def open_server(folder: Path, options: ServerOptions | None = None, *, keys: tuple[str, ...] = (), **pool: object) -> Served:
    """A server on a new data folder; the caller closes its workstation."""
    paths = make_paths(folder)
    paths.models.mkdir(parents=True, exist_ok=True)
    make_tiny_model(paths.models / "tiny random 小.gguf", context=2048, template=TOOL_TEMPLATE, name="Tiny Random")
    make_tiny_model(paths.models / "slow.gguf", layers=6, width=512, heads=8, context=2048, template=TOOL_TEMPLATE, name="Slow")
    workstation = make_workstation(paths)
    workstation.server.start_server = functools.partial(run_server, workstation)
    address = workstation.server.start(
        options or ServerOptions(port=0),
        PoolOptions(parallel=8, **pool),
        keys,  # type: ignore[arg-type]
    )
    cards = {card.name: card.id for card in workstation.library.list_models()}
    return Served(workstation, address, workstation.starter_model(), cards["Tiny Random"], cards["Slow"])


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = open_server(tmp_path_factory.mktemp("server") / "研墨 data")
    # Loaded before any test, so that their look for threads left behind does not find those of the engines.
    for model in (served.starter, served.tiny, served.slow):
        served.workstation.server.pool.acquire(model).give_back()
    served.get("/health")
    yield served
    served.workstation.close()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """In place of the stricter look next door: a server's pool of threads grows while it is used."""
    yield
    assert threading.active_count() < 200


def crowd(served: Served, path: str, body: dict[str, Any], count: int) -> list[tuple[int, str | None]]:
    """Ask the slow model ``count`` times at once, of which one is answered and one may wait: each status, and when to come again."""
    workstation, pool = served.workstation, served.workstation.server.pool
    before, parallel = workstation.engines.options_for(served.slow), pool.options
    pool.unload(served.slow)
    workstation.defaults.set_load_options(served.slow, LoadOptions(waiting_limit=1))
    pool.options = type(parallel)(most=parallel.most, parallel=1)
    statuses: list[tuple[int, str | None]] = []

    def ask() -> None:
        reply = served.post(path, body)
        statuses.append((reply.status_code, reply.headers.get("retry-after")))

    try:
        pool.acquire(served.slow).give_back()
        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        pool.unload(served.slow)
        workstation.defaults.set_load_options(served.slow, before)
        pool.options = parallel
        pool.acquire(served.slow).give_back()
    return statuses
