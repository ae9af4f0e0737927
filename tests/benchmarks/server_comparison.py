"""The server against ``python -m llama_cpp.server`` with the same GGUF file: many clients, and long beginnings that requests share.

Run with ``python -m tests.benchmarks.server_comparison [MODEL.gguf] [--rounds 3] [--clients 1,4,8,16] [--python PYTHON]``. PYTHON is one
that has llama-cpp-python with its server's extras (fastapi, uvicorn, sse-starlette, starlette-context, pydantic-settings); without it
ours is measured alone. Without a model it makes one of random weights (8 layers of 512, F32). Both servers run all the time and take
turns; figures are medians. Beside the clock the processor time of the serving processes is counted, which other programs on the machine
do not change much. One engine thread each, unless ``YANMO_THREADS`` says otherwise.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.tiny_models import make_tiny_model

THREADS = int(os.environ.get("YANMO_THREADS", "1"))
PROMPT_WORDS, OUTPUT_TOKENS = 24, 64
PREFIX_TOKENS, CONTEXT = 1000, 16_384
TURNS = 6
_WORDS = (
    "ink",
    "stone",
    "brush",
    "paper",
    "water",
    "river",
    "mountain",
    "cloud",
    "bamboo",
    "pine",
    "moon",
    "rain",
    "tea",
    "boat",
)


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers: where, under which name the model is there, and its process."""

    name: str
    port: int
    model: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Processor time of it and all its children."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)


@dataclass(frozen=True, slots=True)
class Figure:
    """Tokens per second by the clock and by the processor; or seconds to the first token."""

    tokens_per_second: float = 0.0
    tokens_per_cpu_second: float = 0.0
    first_token: float = 0.0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_server(name: str, command: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """A server in a process of its own, with its model in memory."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **(environment or {})})
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                models = json.loads(_get(port, "/v1/models"))["data"]
                loaded = next(one for one in models if one.get("status", {}).get("value", "loaded") == "loaded")
                break
            except (OSError, ValueError, KeyError, StopIteration):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} did not start") from None
                time.sleep(0.2)
        yield Server(name, port, loaded["id"], psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def run_both(model: Path, python: str, clients: int, folder: Path) -> Iterator[list[Server]]:
    """Ours, and theirs where there is a Python for it."""
    with ExitStack() as stack:
        port = free_port()
        command = [sys.executable, "-m", "app", "--data-folder", str(folder / "data"), "serve", "--port", str(port)]
        command += ["--model", str(model), "--ctx", str(CONTEXT), "--parallel", str(clients)]
        servers = [stack.enter_context(run_server("Yanmo", command, port, {"YANMO_THREADS": str(THREADS)}))]
        if python:
            port = free_port()
            command = [python, "-m", "llama_cpp.server", "--model", str(model), "--port", str(port), "--n_ctx", str(CONTEXT)]
            command += ["--n_threads", str(THREADS), "--n_threads_batch", str(THREADS), "--chat_format", "chatml"]
            servers.append(stack.enter_context(run_server("llama_cpp.server", command, port)))
        yield servers


def measure_clients(server: Server, clients: int, seed: int) -> Figure:
    """Each client sends two requests of its own, one after the other."""
    chance = random.Random(seed)
    prompts = [[" ".join(chance.choices(_WORDS, k=PROMPT_WORDS)) for _ in range(2)] for _ in range(clients)]
    counts: list[int] = []

    def work(mine: list[str]) -> None:
        for prompt in mine:
            counts.append(_complete(server, prompt, OUTPUT_TOKENS)["usage"]["completion_tokens"])

    threads = [threading.Thread(target=work, args=(mine,)) for mine in prompts]
    cpu, started = server.cpu_seconds(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - started, server.cpu_seconds() - cpu
    return Figure(sum(counts) / seconds, sum(counts) / max(cpu, 1e-9))


def measure_prefix(server: Server, prefixes: list[str], seed: int) -> Figure:
    """Seconds to the first token where requests begin with one of these texts, in turn, after each was read once."""
    chance = random.Random(seed)
    for prefix in prefixes:
        _first_token(server, prefix + " ".join(chance.choices(_WORDS, k=8)))
    found = []
    for turn in range(TURNS):
        question = " ".join(chance.choices(_WORDS, k=8))
        found.append(_first_token(server, prefixes[turn % len(prefixes)] + question))
    return Figure(first_token=statistics.median(found))


def make_prefix(server: Server, seed: int) -> str:
    """A text of a thousand tokens."""
    chance = random.Random(seed)
    text = " ".join(chance.choices(_WORDS, k=PREFIX_TOKENS))
    used = _complete(server, text, 1)["usage"]["prompt_tokens"]
    return text[: len(text) * PREFIX_TOKENS // used].rsplit(" ", 1)[0] + " "


def _body(server: Server, prompt: str, tokens: int, **more: Any) -> dict[str, Any]:
    # The end token of the tiny models (2) is forbidden, so that every answer has its length.
    return {"model": server.model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "logit_bias": {"2": -100}, **more}


def _complete(server: Server, prompt: str, tokens: int) -> Any:
    connection = _post(server, _body(server, prompt, tokens))
    try:
        reply = connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{server.name}: {reply.status} {text[:200]!r}")
        return json.loads(text)
    finally:
        connection.close()


def _first_token(server: Server, prompt: str) -> float:
    """Seconds from the request to the first event with text; random weights may write half a character first, so any choice counts."""
    started = time.perf_counter()
    connection = _post(server, _body(server, prompt, 4, stream=True))
    try:
        reply = connection.getresponse()
        while line := reply.readline():
            if line.startswith(b"data: {"):
                seconds = time.perf_counter() - started
                reply.read()
                return seconds
    finally:
        connection.close()
    raise RuntimeError(f"{server.name} said nothing")


def _post(server: Server, body: dict[str, Any]) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def compare(model: Path, python: str, clients: list[int], rounds: int, folder: Path) -> Iterator[str]:
    """Rows of a table, as they are measured."""
    with run_both(model, python, max(clients), folder) as servers:
        for server in servers:
            measure_clients(server, 1, 99)  # an engine's first requests are no measure: it tries out what suits the machine
        for count in clients:
            found: dict[str, list[Figure]] = {server.name: [] for server in servers}
            for number in range(rounds):
                for server in servers if number % 2 else servers[::-1]:  # who begins changes
                    found[server.name].append(measure_clients(server, count, number))
            yield f"| {count} clients: tokens a second | " + " | ".join(_median(found, "tokens_per_second", ".0f")) + " |"
            yield f"| {count} clients: tokens a CPU second | " + " | ".join(_median(found, "tokens_per_cpu_second", ".0f")) + " |"
        prefixes = [make_prefix(servers[0], seed) for seed in (1, 2)]
        for name, used in (("one beginning", prefixes[:1]), ("two beginnings in turn", prefixes)):
            firsts: dict[str, list[Figure]] = {server.name: [] for server in servers}
            for number in range(rounds):
                for server in servers if number % 2 else servers[::-1]:
                    firsts[server.name].append(measure_prefix(server, used, 100 + number))
            yield f"| first token, {name} of 1,000 tokens (s) | " + " | ".join(_median(firsts, "first_token", ".3f")) + " |"


def _median(found: dict[str, list[Figure]], name: str, form: str) -> list[str]:
    medians = [statistics.median(getattr(figure, name) for figure in figures) for figures in found.values()]
    ratio = [f"{medians[0] / medians[1]:.2f}"] if len(medians) == 2 and medians[1] else []
    return [format(number, form) for number in medians] + ratio


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,4,8,16")
    parser.add_argument("--python", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = arguments.model or make_tiny_model(folder / "bench.gguf", layers=8, width=512, heads=8, context=CONTEXT)
        print("| what | Yanmo |" + (" llama_cpp.server | ratio |" if arguments.python else ""), flush=True)
        print("|:--|--:|" + ("--:|--:|" if arguments.python else ""), flush=True)
        for row in compare(
            model, arguments.python, [int(text) for text in arguments.clients.split(",")], arguments.rounds, folder
        ):
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
