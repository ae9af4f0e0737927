"""How fast the engine is with many streams against one after another, and what a known beginning saves. Prints figures; tests nothing.

Run with ``python -m tests.benchmarks.engine_benchmarks [MODEL.gguf]``; without a model one of random weights is made.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil

from backends.backend import GenerationRequest
from backends.events import Finished, Usage
from backends.options import GenerationOptions, LoadOptions, SamplingOptions
from backends.worker_link import GenerationStream, WorkerLink
from tests.tiny_models import make_tiny_model

STREAMS = (1, 4, 8, 16)
PROMPT_TOKENS, OUTPUT_TOKENS = 200, 64
_LONG_PROMPT = 4_000


def run_all(model: Path | None = None) -> dict[str, float]:
    """Ratios side by side on one machine in one run: batched against sequential, warm against cold."""
    with tempfile.TemporaryDirectory() as folder:
        path = model or make_tiny_model(Path(folder) / "bench.gguf", layers=8, width=512, heads=8, context=8192)
        figures: dict[str, float] = {}
        for unified in (True, False):
            for streams in STREAMS:
                figures |= measure_streams(path, streams, unified=unified)
        return figures | measure_second_turn(path) | measure_guessing(path) | measure_cancelling(path) | measure_endurance(path)


def measure_streams(path: Path, streams: int, *, unified: bool) -> dict[str, float]:
    """``streams`` replies one after another, then as many at once; all prompts differ."""
    context = streams * 2 * (PROMPT_TOKENS + OUTPUT_TOKENS) if unified else 2 * (PROMPT_TOKENS + OUTPUT_TOKENS)
    link = _open(path, LoadOptions(context_length=context, parallel=streams, kv_unified=unified))
    prompts = [_make_prompt(link, PROMPT_TOKENS, seed) for seed in range(2 * streams + 1)]
    _finish(link.generate(_ask(prompts.pop())))
    started = time.perf_counter()
    alone = sum(_finish(link.generate(_ask(prompt))).output_tokens for prompt in prompts[:streams])
    alone_seconds = time.perf_counter() - started
    started = time.perf_counter()
    usages = [_finish(stream) for stream in [link.generate(_ask(prompt)) for prompt in prompts[streams:]]]
    seconds = time.perf_counter() - started
    link.close()
    kind = "one context" if unified else "a context each"
    together = sum(usage.output_tokens for usage in usages) / seconds
    return {
        f"{streams} streams, {kind}: tokens per second": together,
        f"{streams} streams, {kind}: times sequential": together / (alone / alone_seconds),
        f"{streams} streams, {kind}: slowest first token": max(usage.first_token_seconds for usage in usages) * 1000,
    }


def measure_second_turn(path: Path) -> dict[str, float]:
    """Time to the first token of a long prompt: cold, with all but the end of it read before, and that again in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        options = LoadOptions(context_length=_LONG_PROMPT + 200, cache_folder=folder)
        link = _open(path, options)
        prompt = _make_prompt(link, _LONG_PROMPT, 1)
        cold = _finish(link.generate(replace(_ask(prompt, 1), owner="bench"))).first_token_seconds
        warm = _finish(link.generate(replace(_ask(prompt + " and then?", 1), owner="bench"))).first_token_seconds
        link.close(timeout=20.0)
        link = _open(path, options)
        restored = _finish(link.generate(replace(_ask(prompt + " and what else?", 1), owner="bench"))).first_token_seconds
        link.close()
    return {
        f"first token after {_LONG_PROMPT:,} tokens, cold": cold * 1000,
        f"first token after {_LONG_PROMPT:,} tokens, second turn": warm * 1000,
        f"first token after {_LONG_PROMPT:,} tokens, after a restart": restored * 1000,
    }


def measure_cancelling(path: Path, times: int = 20) -> dict[str, float]:
    """From a cancel in the middle of a long prompt to the end of the request, when its place is free."""
    link = _open(path, LoadOptions(context_length=_LONG_PROMPT + 200))
    seconds = []
    for number in range(times):
        stream = link.generate(_ask(_make_prompt(link, _LONG_PROMPT, number), 1))
        time.sleep(0.02 + 0.01 * number)
        started = time.perf_counter()
        stream.cancel()
        _finish(stream)
        seconds.append(time.perf_counter() - started)
    link.close()
    return {
        f"cancel while {_LONG_PROMPT:,} tokens are read, median": statistics.median(seconds) * 1000,
        f"cancel while {_LONG_PROMPT:,} tokens are read, worst": max(seconds) * 1000,
    }


def measure_endurance(path: Path, requests: int = 10_000) -> dict[str, float]:
    """How much the engine's memory grows from the thousandth request to the last one, eight at once, of many lengths.

    Before the first come some of eight of the longest prompts, so that there was a step about as large as any: the engine takes its
    working memory at the load, but the system gives its pages when a step first needs them, and the largest of thousands may come at
    any time.
    """
    link = _open(path, LoadOptions(context_length=4096, parallel=8))
    assert link.pid is not None
    process = psutil.Process(link.pid)
    chance = random.Random(1)
    longest = 60

    def ask(lengths: list[int], seed: int) -> None:
        prompts = [tuple(chance.randrange(20, 250) for _ in range(length)) for length in lengths]
        options = GenerationOptions(SamplingOptions(), 4, (), seed)
        for stream in [link.generate(GenerationRequest(prompt_tokens=prompt, options=options)) for prompt in prompts]:
            _finish(stream)

    for number in range(8):
        ask([longest] * 8, number)
    first = 0
    for number in range(0, requests, 8):
        ask([chance.randrange(1, longest) for _ in range(8)], number)
        if number < 1000 <= number + 8:
            first = process.memory_info().rss
    last = process.memory_info().rss
    link.close()
    return {f"memory after {requests:,} requests against 1,000, %": 100 * last / first}


def measure_guessing(path: Path, rounds: int = 3) -> dict[str, float]:
    """Writing with prompt lookup against writing without, in turns: a text that goes round in circles, and one that never does.

    A model of random weights repeats nothing by itself: the first text has one token to choose from. At temperature 2
    nothing comes twice.
    """
    shared = {"context_length": 2048, "parallel": 1, "threads": int(os.environ.get("YANMO_THREADS", "1"))}
    links = [_open(path, LoadOptions(**shared, lookup_tokens=tokens)) for tokens in (0, 16)]  # type: ignore[arg-type]
    figures: dict[str, float] = {}
    for name, temperature in (("a text that repeats itself", 0.0), ("a text that never does", 2.0)):
        seconds: list[list[float]] = [[], []]
        guessed = accepted = 0
        for number in range(rounds):
            sampling = SamplingOptions(temperature=temperature, top_k=0, top_p=1.0, min_p=0.0)
            bias = tuple((token, 1000.0) for token in range(400 + number, 401 + number)) if temperature == 0 else ()
            options = GenerationOptions(sampling, 300, (), number, logit_bias=bias)
            prompt = _make_prompt(links[0], 40, number)
            for side, link in enumerate(links):
                usage = _finish(link.generate(GenerationRequest(prompt=prompt, options=options)))
                seconds[side].append(usage.output_seconds / max(1, usage.output_tokens))
                guessed, accepted = guessed + usage.drafted_tokens, accepted + usage.accepted_tokens
        figures[f"guessing, {name}: times as fast"] = statistics.median(seconds[0]) / statistics.median(seconds[1])
        figures[f"guessing, {name}: guesses that were right, %"] = 100 * accepted / max(1, guessed)
    for link in links:
        link.close()
    return figures


def _open(path: Path, options: LoadOptions) -> WorkerLink:
    link = WorkerLink("llamacpp", str(path), options)
    link.load()
    return link


def _make_prompt(link: WorkerLink, tokens: int, seed: int) -> str:
    """Words that no other seed gives, as many as make about that many tokens."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=4)) for _ in range(tokens)]
    counted = link.count_tokens(GenerationRequest(prompt=" ".join(words)))
    return " ".join(words[: max(1, tokens * tokens // counted)])


def _ask(prompt: str, length: int = OUTPUT_TOKENS) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, options=GenerationOptions(SamplingOptions(), length, (), 1))


def _finish(stream: GenerationStream) -> Usage:
    *_, last = stream
    assert isinstance(last, Finished), last
    return last.usage


if __name__ == "__main__":
    for name, figure in run_all(Path(sys.argv[1]) if len(sys.argv) > 1 else None).items():
        print(f"{name:64} {figure:12.2f}")
