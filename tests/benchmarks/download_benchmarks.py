"""How fast a file arrives over loopback, hashing included, beside what ``hf_hub_download`` needs; and what forty faults cost."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from models.downloads.fetchers import BLOCKS_OF_A_PART, Patience
from models.downloads.part_file import choose_block_size
from models.downloads.remote_file import NO_PROXY, RemoteFile
from models.downloads.transfer import Transfer
from models.hubs.hub import HubSettings
from models.hubs.huggingface import HuggingFace
from tests.download_disasters import run_disaster

NAME, FILE = "owner/Large-GGUF", "large-Q8_0.gguf"


def _serve(connection: Connection, size: int, faults: int) -> None:
    """A hub in a process of its own, so that it does not share the interpreter's lock with the client."""
    from tests.file_server import FAULTS, Request
    from tests.hub_server import serve_hub

    data = random.Random(1).randbytes(1 << 20) * (size >> 20)
    with serve_hub("huggingface") as hub:
        hub.publish(NAME, {FILE: data})
        hub.is_redirecting = False  # the library follows only what leaves the hub
        sha256 = hashlib.sha256(data).hexdigest()
        left = [kind for kind in FAULTS for _ in range(4)][:faults]
        dice = random.Random(2)
        dice.shuffle(left)

        def choose(request: Request) -> str:
            with hub.server.lock:
                return left.pop() if left and dice.random() < 0.6 else ""

        hub.server.choose_fault = choose
        connection.send((hub.url, sha256, len(data)))
        connection.recv()
        connection.send(len(left))


@contextmanager
def hub(size: int, faults: int = 0) -> Iterator[tuple[str, str, int]]:
    """Where it listens, and the hash and size of its one file."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, size, faults), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        assert ours.recv() == 0, "not every fault was injected"
        process.join(10)


def measure_speed(size: int = 1 << 30, rounds: int = 3) -> dict[str, float]:
    """Megabytes a second of both, in turns, and their quotient; both end with a verified file on disk."""
    from huggingface_hub import hf_hub_download

    os.environ["HF_HUB_DISABLE_XET"] = "1"
    ours, theirs, plain = [], [], []
    with hub(size) as (url, sha256, length), tempfile.TemporaryDirectory() as folder:
        site = HuggingFace(HubSettings(url, "", NO_PROXY), official=url)
        repository = site.read_repository(NAME)
        for number in range(rounds):
            began = time.perf_counter()
            path = Path(hf_hub_download(NAME, FILE, endpoint=url, cache_dir=f"{folder}/hf{number}", token=False))
            plain.append(time.perf_counter() - began)
            with path.open("rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == sha256
            theirs.append(time.perf_counter() - began)
            path.resolve().unlink()
            began = time.perf_counter()
            remote = RemoteFile(FILE, length, (site.source_of(repository, FILE),), sha256)
            transfer = Transfer(remote, Path(folder) / f"own{number}.gguf")
            assert transfer.run() is not None
            ours.append(time.perf_counter() - began)
            transfer.target.unlink()
    megabytes = size / 1e6
    own, hashed, bare = (megabytes / statistics.median(times) for times in (ours, theirs, plain))
    return {
        "1 GiB over loopback, hash checked (MB/s)": own,
        "the same by hf_hub_download, then its SHA-256 (MB/s)": hashed,
        "the same by hf_hub_download, unchecked (MB/s)": bare,
        "times as fast as hf_hub_download, unchecked": own / bare,
    }


def measure_faults(size: int = 1 << 30, faults: int = 40) -> dict[str, float]:
    """What was fetched more than once with many faults, in parts for each fault; the file is verified."""
    with hub(size, faults) as (url, sha256, length), tempfile.TemporaryDirectory() as folder:
        site = HuggingFace(HubSettings(url, "", NO_PROXY), official=url)
        source = site.source_of(site.read_repository(NAME), FILE)
        patience = Patience(2.0, 0.5, 0.01, 0.1, failures=20)
        transfer = Transfer(RemoteFile(FILE, length, (source,), sha256), Path(folder) / "own.gguf", patience=patience)
        began = time.perf_counter()
        assert transfer.run() is not None
        took = time.perf_counter() - began
        part = choose_block_size(length) * BLOCKS_OF_A_PART
        again = transfer.progress().fetched - length
    return {
        f"1 GiB with {faults} faults of thirteen kinds": took * 1000,
        "of it fetched again (MB)": again / 1e6,
        "of it fetched again, in parts for each fault": again / part / faults,
    }


def measure_disaster(size: int = 1 << 30, faults: int = 40, kills: int = 10) -> dict[str, float]:
    """Four files from both hubs through the queue of the program, which is killed again and again; every byte is compared."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_disaster(Path(folder), size, faults, kills)
    assert outcome.is_whole and (outcome.faults, outcome.kills, outcome.secrets) == (faults, kills, 0), outcome
    name = f"1 GiB in four files of both hubs, {faults} faults and {kills} kill -9"
    return {
        name: outcome.seconds * 1000,
        "of it sent again by the hubs (MB)": outcome.again / 1e6,
        "of it sent again, in parts for each fault and kill": outcome.parts_again_for_each_fault,
    }


def run_all() -> dict[str, float]:
    """Every figure by its name."""
    return {**measure_speed(), **measure_faults(), **measure_disaster()}


if __name__ == "__main__":
    for name, figure in run_all().items():
        print(f"{name:64} {figure:12.2f}")
