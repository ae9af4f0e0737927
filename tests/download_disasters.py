"""Files from both hubs through the program's own queue, with faults of every kind and ``kill -9``: what it costs, and what arrives.

The hubs run in a process of their own and speak as the real ones do; the client is a fresh ``Workstation`` in a process that is
killed and started again.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from models.downloads.fetchers import BLOCKS_OF_A_PART
from models.downloads.part_file import choose_block_size
from models.file_work import hash_file

SECRET = "hf_never_to_be_told"
ROOT = Path(__file__).resolve().parents[1]
PLACES = (("huggingface", "owner/One-GGUF", 6), ("modelscope", "owner/Two-GGUF", 5), ("huggingface", "owner/Both-GGUF", 3),
          ("modelscope", "owner/Three-GGUF", 2))  # fmt: skip
"""Hub, repository, and its file's share of the whole, in sixteenths. The third lies on both hubs."""
PROGRAM = """
import sys, time
from app.paths import make_paths
from app.workstation import make_workstation
from models.hubs.variants import group_files
from tests.download_disasters import PLACES, SECRET

with make_workstation(make_paths(sys.argv[1])) as workstation:
    for hub in ("huggingface", "modelscope"):
        workstation.tokens.keep(hub, SECRET)
    downloads = workstation.downloads
    known = {one.repository for one in downloads.list()}
    for hub, name, _ in PLACES:
        if name not in known:
            repository = workstation.hubs.read_repository(hub, name)
            downloads.add(repository, group_files(repository.files)[0])
    downloads.start()
    while any(one.state != "done" for one in downloads.list()):
        failed = [one.error for one in downloads.list() if one.state == "failed"]
        if failed:
            sys.exit(failed[0].english() + " " + failed[0].details)
        time.sleep(0.02)
"""


@dataclass(frozen=True)
class Outcome:
    """What happened. ``again`` counts bytes that the servers sent more than once, ``part`` the bytes of one request."""

    size: int
    sent: int
    part: int
    faults: int
    kills: int
    seconds: float
    is_whole: bool
    secrets: int

    @property
    def again(self) -> int:
        return self.sent - self.size

    @property
    def parts_again_for_each_fault(self) -> float:
        return self.again / self.part / max(1, self.faults + self.kills)


def make_data(size: int, seed: int) -> bytes:
    """Bytes of which no two blocks are alike."""
    dice = random.Random(seed)
    return b"".join(dice.randbytes(min(1 << 24, size - at)) for at in range(0, size, 1 << 24))


def serve_hubs(connection: Connection, size: int, faults: int, pace: float) -> None:
    """Both hubs until something is received that is no question."""
    from tests.file_server import FAULTS, Request
    from tests.hub_server import serve_hub

    dice = random.Random(2)
    left = [kind for kind in FAULTS for _ in range(faults // len(FAULTS) + 1)][:faults]
    dice.shuffle(left)
    with serve_hub("huggingface") as first, serve_hub("modelscope") as second:
        servers = {"huggingface": first, "modelscope": second}
        digests = {}
        for number, (hub, name, share) in enumerate(PLACES):
            data = b"GGUF" + make_data(size * share // 16 - 4, number)
            for key in ("huggingface", "modelscope") if "Both" in name else (hub,):
                servers[key].publish(name, {"model-Q8_0.gguf": data})
            digests[name] = hashlib.sha256(data).hexdigest()

        def choose(request: Request) -> str:
            with first.server.lock:
                return left.pop() if left and dice.random() < 0.7 else ""

        for server in servers.values():
            server.server.choose_fault = choose
            server.server.pace = pace
            server.is_redirecting = False
        connection.send((first.url, second.url, digests))
        while connection.recv() == "how far":
            sent = sum(server.server.sent() for server in servers.values())
            heard = sum(len(server.secrets_heard()) for server in servers.values())
            connection.send((sent, len(left), heard))


def run_disaster(folder: Path, size: int, faults: int, kills: int, pace: float = 0.0) -> Outcome:
    """Download ``size`` bytes in four files and check every byte. ``pace`` slows the servers: seconds for each 64 KiB."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    servers = context.Process(target=serve_hubs, args=(theirs, size, faults, pace), daemon=True)
    servers.start()
    try:
        first, second, digests = ours.recv()

        def ask() -> tuple[int, int, int]:
            ours.send("how far")
            found: tuple[int, int, int] = ours.recv()
            return found

        began = time.perf_counter()
        killed = _run_and_kill(folder, {"HF_ENDPOINT": first, "MODELSCOPE_ENDPOINT": second}, ask, size, kills)
        seconds = time.perf_counter() - began
        sent, left, secrets = ask()
    finally:
        ours.send("enough")
        servers.join(20)
    found = {path.parent.name: path for path in (folder / "data" / "models").rglob("model-Q8_0.gguf")}
    whole = all(hash_file(found[name.partition("/")[2]], 0, size, None) == digest for name, digest in digests.items())
    part = max(choose_block_size(size * share // 16) for _, _, share in PLACES) * BLOCKS_OF_A_PART
    return Outcome(size, sent, part, faults - left, killed, seconds, whole, secrets)


def _run_and_kill(folder: Path, endpoints: dict[str, str], ask: Callable[[], tuple[int, int, int]], size: int, kills: int) -> int:
    """Start the client until it ends by itself; kill it at as many moments spread over the whole."""
    environment = {**os.environ, **endpoints, "PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1"}
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    dice, killed = random.Random(3), 0
    for _ in range(kills + 1):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder / "data")], env=environment, cwd=folder)
        moment = (killed + dice.uniform(0.3, 1.0)) * size / (kills + 1)
        while process.poll() is None:
            if killed < kills and ask()[0] >= moment:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
                break
            time.sleep(0.005)
        else:
            assert process.returncode == 0, "the download failed"
            return killed
        sizes = {size * share // 16 for _, _, share in PLACES}
        named = {path.stat().st_size for path in (folder / "data" / "models").rglob("*.gguf")}
        assert named <= sizes, "half a file must not bear the name of a whole one"
    raise AssertionError("it did not come to an end")
