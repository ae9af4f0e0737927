"""The engine against llama.cpp's own tools of the same version: single requests against llama-bench, many over HTTP against llama-server.

Run with ``python -m tests.benchmarks.upstream_comparison MODEL.gguf [--rounds 3] [--streams 1,4,8,16]``. The tools are looked for in
``$YANMO_UPSTREAM`` and below ``~/.cache/yanmo-upstream``; where they are missing that is said. docs/benchmarks.md tells how to build
them. Both sides take turns. Each figure is a median and each ratio the median of the ratios of measurements that followed each other.
Beside the clock the processor time of the serving processes is counted, which other programs on the machine do not change much. One
thread each, unless ``YANMO_THREADS`` says otherwise.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from backends.backend import GenerationRequest
from backends.events import Failed, Finished, TextDelta
from backends.options import GenerationOptions, LoadOptions, SamplingOptions
from backends.worker_link import GenerationStream, WorkerLink

PROMPT_TOKENS, OUTPUT_TOKENS = 200, 64
REQUEST_ROOM = 512
"""Tokens that a request may take: llama-server gives each of them a cache of that length, ours is asked for as much in all."""
READ_TOKENS, WRITE_TOKENS = 512, 128
LEAST_SECONDS = 2.0
"""What is quicker is done again: the kernel counts processor time in hundredths of a second."""
THREADS = int(os.environ.get("YANMO_THREADS", "1"))


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: tokens, seconds by the clock, seconds of the processor, and when the last request had its first token."""

    tokens: int
    seconds: float
    cpu_seconds: float
    slowest_first: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """The medians of both sides, and the median of the ratios of measurements that followed each other."""

    ours: float
    theirs: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tokens per second, tokens per second of processor time and, over HTTP, seconds to the slowest first token."""

    name: str
    speed: Pair
    cpu: Pair
    first: Pair | None = None

    def __str__(self) -> str:
        cells = [self.name]
        for pair, unit in ((self.speed, 1), (self.cpu, 1), (self.first, 1000)):
            cells += ["", ""] if pair is None else [f"{pair.ours * unit:.1f} / {pair.theirs * unit:.1f}", f"{pair.ratio:.3f}"]
        return f"| {' | '.join(cells)} |"


def find_tool(name: str) -> Path | None:
    """An executable of llama.cpp: where ``$YANMO_UPSTREAM`` points, in the cache folder, or on the path."""
    folders = [Path(os.environ["YANMO_UPSTREAM"])] if os.environ.get("YANMO_UPSTREAM") else []
    folders.append(Path.home() / ".cache" / "yanmo-upstream" / "src" / "vendor" / "llama.cpp" / "build" / "bin")
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return folder / name
    found = shutil.which(name)
    return Path(found) if found else None


def compare_all(model: Path, rounds: int, streams: list[int]) -> Iterator[Comparison]:
    """One comparison after another."""
    if (bench := find_tool("llama-bench")) is None:
        print("llama-bench is not there: single requests are not compared.")
    else:
        yield compare_reading(model, bench, rounds)
        yield compare_writing(model, bench, rounds)
    if (server := find_tool("llama-server")) is None:
        print("llama-server is not there: many requests are not compared.")
    else:
        for count in streams:
            yield compare_streams(model, server, rounds, count)


def compare_reading(model: Path, bench: Path, rounds: int) -> Comparison:
    """Prefill of 512 tokens."""
    with _open_link(model, LoadOptions(context_length=2048, parallel=1, threads=THREADS)) as link:
        return _alternate(
            f"read {READ_TOKENS}",
            rounds,
            lambda: _measure_reading(link, lambda: _ask(READ_TOKENS, 1)),
            lambda: _measure_bench(bench, model, ["-p", str(READ_TOKENS), "-n", "0"], READ_TOKENS),
        )


def compare_writing(model: Path, bench: Path, rounds: int) -> Comparison:
    """Decode of 128 tokens after one; as in llama-bench, reading is not counted."""
    with _open_link(model, LoadOptions(context_length=2048, parallel=1, threads=THREADS)) as link:
        return _alternate(
            f"write {WRITE_TOKENS}",
            rounds,
            lambda: _measure_writing(link, lambda: _ask(2, WRITE_TOKENS + 1)),
            lambda: _measure_bench(bench, model, ["-p", "0", "-n", str(WRITE_TOKENS)], WRITE_TOKENS),
        )


def compare_streams(model: Path, server: Path, rounds: int, count: int) -> Comparison:
    """Requests of 200 tokens that write 64, ``count`` at once, over HTTP to both servers; processor time of all their processes.

    Both servers run and are asked in turns, so that a slow second of the machine meets both. A round starts them anew: where a process
    has its memory is a chance that stays with it.
    """
    crowds: tuple[list[Run], list[Run]] = ([], [])
    starts: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(rounds):
        with (
            tempfile.TemporaryDirectory() as folder,
            _serving(*_serve_ours(model, count, REQUEST_ROOM, folder)) as ours,
            _serving(*_serve_theirs(model, server, count, REQUEST_ROOM)) as theirs,
        ):
            sides = (ours, theirs)
            spent = [_count_cpu(side.processes) for side in sides]
            answered: tuple[list[Run], list[Run]] = ([], [])
            while sum(run.seconds for run in answered[1]) < LEAST_SECONDS or len(answered[1]) % 2:
                for side in (0, 1) if len(answered[0]) % 2 else (1, 0):  # who begins changes
                    answered[side].append(_ask_crowd(sides[side].port, count))
            for side in (0, 1):
                crowds[side].extend(answered[side])
                tokens, seconds = sum(run.tokens for run in answered[side]), sum(run.seconds for run in answered[side])
                starts[side].append(Run(tokens, seconds, _count_cpu(sides[side].processes) - spent[side]))
    return Comparison(
        f"{count} at once",
        _pair(*crowds, _speed),
        _pair(*starts, _speed_of_cpu),
        _pair(*crowds, lambda run: run.slowest_first),
    )


@dataclass(frozen=True, slots=True)
class _Served:
    port: int
    processes: list[psutil.Process]


def _serve_ours(model: Path, count: int, length: int, folder: str) -> tuple[int, subprocess.Popen[bytes]]:
    port = _find_port()
    options = ["--model", model, "--port", port, "--parallel", count, "--ctx", length * count]
    return port, _start([sys.executable, "-m", "app", "--data-folder", folder, "serve", *options])


def _serve_theirs(model: Path, server: Path, count: int, length: int) -> tuple[int, subprocess.Popen[bytes]]:
    port = _find_port()
    return port, _start([server, "-m", model, "--port", port, "-np", count, "-c", length * count, "-t", THREADS, "-tb", THREADS])


def _start(command: list[object]) -> subprocess.Popen[bytes]:
    quiet, environment = subprocess.DEVNULL, {**os.environ, "YANMO_THREADS": str(THREADS)}
    return subprocess.Popen([str(part) for part in command], stdout=quiet, stderr=quiet, env=environment)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(port: int, process: subprocess.Popen[bytes]) -> Iterator[_Served]:
    try:
        _await_server(port, process)
        _post_tokens(port, _tokens(8), 2, time.perf_counter())
        served = psutil.Process(process.pid)
        yield _Served(port, [served, *served.children(recursive=True)])
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _ask_crowd(port: int, count: int) -> Run:
    """Requests that begin together; their processor time is not told."""
    prompts = [_tokens(PROMPT_TOKENS) for _ in range(count)]
    answers: list[tuple[int, float]] = []
    started = time.perf_counter()
    threads = [
        threading.Thread(target=lambda p=p: answers.append(_post_tokens(port, p, OUTPUT_TOKENS, started))) for p in prompts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    assert len(answers) == count, "a request failed"
    return Run(sum(tokens for tokens, _ in answers), seconds, 0.0, max(first for _, first in answers))


def _await_server(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("a server ended before it was ready")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("a server was not ready in a minute")


def _post_tokens(port: int, prompt: tuple[int, ...], output: int, started: float) -> tuple[int, float]:
    """Tokens written and seconds to the first of them, counted from ``started``; the same request to either server."""
    body = {"prompt": list(prompt), "max_tokens": output, "ignore_eos": True, "stream": True, "seed": 1}
    body |= {"logit_bias": {str(token): -100 for token in END_TOKENS}, "stream_options": {"include_usage": True}}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    first, written = 0.0, 0
    for line in response:
        if line.startswith(b"data: {"):
            event = json.loads(line[6:])
            if any(choice.get("text") for choice in event.get("choices", ())):
                first = first or time.perf_counter() - started
            if event.get("usage"):
                written = int(event["usage"]["completion_tokens"])
    connection.close()
    return written, first or time.perf_counter() - started


@contextmanager
def _open_link(model: Path, options: LoadOptions) -> Iterator[WorkerLink]:
    link = WorkerLink("llamacpp", str(model), options)
    try:
        link.load()
        yield link
    finally:
        link.close()


def _ask(prompt: int, output: int) -> GenerationRequest:
    bias = tuple((token, -1000.0) for token in END_TOKENS)
    return GenerationRequest(
        prompt_tokens=_tokens(prompt), options=GenerationOptions(SamplingOptions(), output, (), 1, logit_bias=bias)
    )


def _tokens(count: int) -> tuple[int, ...]:
    """Tokens that were never asked before."""
    chance = random.SystemRandom()
    return tuple(chance.randrange(300, 4000) for _ in range(count))


def _finish(stream: GenerationStream) -> tuple[int, int, float, float]:
    """Tokens read and written, and seconds to the first token and from there to the end."""
    started = first = time.perf_counter()
    for event in stream:
        if isinstance(event, TextDelta) and first == started:
            first = time.perf_counter()
        elif isinstance(event, Failed):
            raise event.error
        elif isinstance(event, Finished):
            end = time.perf_counter()
            first = first if first > started else end
            return event.usage.prompt_tokens, event.usage.output_tokens, first - started, end - first
    raise AssertionError("a reply without an end")


def _measure_reading(link: WorkerLink, make: Callable[[], GenerationRequest]) -> Run:
    """One prompt after another; see :func:`_measure`."""
    return _measure(link, make, lambda read, _, reading, __: (read, reading))


def _measure_writing(link: WorkerLink, make: Callable[[], GenerationRequest]) -> Run:
    """One reply after another; see :func:`_measure`."""
    return _measure(link, make, lambda _, written, __, writing: (written - 1, writing))


def _measure(
    link: WorkerLink, make: Callable[[], GenerationRequest], choose: Callable[[int, int, float, float], tuple[int, float]]
) -> Run:
    """Tokens and seconds that ``choose`` takes of each request's, the next one waiting already: so do llama-bench's repetitions follow
    each other, without a pause."""
    _finish(link.generate(make()))
    process = psutil.Process(link.pid)
    tokens, seconds, cpu = 0, 0.0, _count_cpu([process])
    following = link.generate(make())
    while seconds < LEAST_SECONDS:
        stream, following = following, link.generate(make())
        more, took = choose(*_finish(stream))
        tokens, seconds = tokens + more, seconds + took
    run = Run(tokens, seconds, _count_cpu([process]) - cpu)
    _finish(following)
    return run


def _measure_bench(bench: Path, model: Path, arguments: list[str], tokens: int) -> Run:
    """llama-bench's own clock; the processor time is that of a run with more repetitions less that of one with one."""
    cpu: dict[int, float] = {}
    speed = 0.0
    for times in (1, 0):
        times = most = times or max(3, round(LEAST_SECONDS * speed / tokens))
        command = [str(bench), "-m", str(model), "-t", str(THREADS), "-r", str(times), "-o", "json", "-ngl", "0", *arguments]
        before = os.times()
        said = subprocess.run(command, capture_output=True, check=True).stdout
        after = os.times()
        cpu[times] = after.children_user + after.children_system - before.children_user - before.children_system
        speed = float(json.loads(said)[0]["avg_ts"])
    more = most - 1
    return Run(more * tokens, more * tokens / speed, max(cpu[most] - cpu[1], 1e-6))


def _count_cpu(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def _alternate(name: str, rounds: int, ours: Callable[[], Run], theirs: Callable[[], Run]) -> Comparison:
    results: tuple[list[Run], list[Run]] = ([], [])
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            results[side].append((ours, theirs)[side]())
    return Comparison(name, _pair(*results, _speed), _pair(*results, _speed_of_cpu))


def _speed(run: Run) -> float:
    return run.tokens / run.seconds


def _speed_of_cpu(run: Run) -> float:
    return run.tokens / max(run.cpu_seconds, 1e-6)


def _pair(ours: list[Run], theirs: list[Run], figure: Callable[[Run], float]) -> Pair:
    ratios = [figure(one) / figure(other) for one, other in zip(ours, theirs, strict=True)]
    return Pair(statistics.median(map(figure, ours)), statistics.median(map(figure, theirs)), statistics.median(ratios))


def _find_end_tokens(model: Path) -> list[int]:
    """Tokens that would end a reply early, by the file's own words."""
    from models.gguf_header import read_header

    header = read_header(model)
    names = ("eos", "eot", "eom")
    return [
        header.whole(f"tokenizer.ggml.{name}_token_id", -1)
        for name in names
        if f"tokenizer.ggml.{name}_token_id" in header.metadata
    ]


END_TOKENS: list[int] = []


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", default="1,4,8,16")
    arguments = parser.parse_args()
    END_TOKENS.extend(_find_end_tokens(arguments.model))
    print("| what | tokens/s, ours / llama.cpp | ratio | tokens per CPU second | ratio | ms to the slowest first token | ratio |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    for comparison in compare_all(
        arguments.model, arguments.rounds, [int(count) for count in arguments.streams.split(",") if count]
    ):
        print(comparison, flush=True)


if __name__ == "__main__":
    main()
