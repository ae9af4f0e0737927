"""``yanmo bench``: how fast a model reads, writes and serves on this machine, and whether that changed since the last time."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.bench_files import check_targets, describe, make_table, write_files
from app.cli.notices import tell_notice
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.services.engines import Link, Stream
    from app.workstation import Workstation
    from backends.events import LoadedModel, Usage
    from backends.options import LoadOptions

_EXAMPLES = """examples:
  yanmo bench                              the default model
  yanmo bench Qwen3-4B-Q4_K_M --repeat 5
  yanmo bench model.gguf --streams 1,4,16 --separate-contexts
  yanmo bench Qwen3-32B-Q4_K_M --draft Qwen3-0.6B-Q8_0
  yanmo bench model.gguf --depth 0,4096 --csv figures.csv --picture figures.svg
"""
_KEPT_RUNS = 50
_NO_MATTER = {"context_length", "parallel", "kv_unified", "waiting_limit", "cache_folder", "cache_megabytes", "chat_template"}
"""Options that follow from what is measured, or change nothing about it."""
_SETTLED = 64
"""Tokens written alone after which the engine has tried out numbers of threads: three at most, a dozen steps each."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: tokens per second, the median of several; ``before`` is that of the last run, 0 where there is none.

    ``acceptance`` is the share of tokens guessed ahead that were right; negative where none were. ``upstream`` is what llama-bench
    measures, 0 where it was not asked.
    """

    name: str
    tokens_per_second: float
    before: float = 0.0
    acceptance: float = -1.0
    upstream: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times as fast as the last run; 0 where there is none."""
        return self.tokens_per_second / self.before if self.before else 0.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bench`` to the main parser."""
    parser = subparsers.add_parser(
        "bench",
        help="measure how fast a model is on this machine",
        description="Measure reading (prefill), writing (decode) and many requests at once, and compare with the last run.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", default="", help="default: the default model")
    parser.add_argument("--prompt", type=_count, default=512, metavar="N", help="tokens to read (default 512)")
    parser.add_argument("--output", type=_count, default=64, metavar="N", help="tokens to write (default 64)")
    parser.add_argument("--depth", type=_depths, default=[0, 2048], metavar="N,…", help="tokens before writing (default 0,2048)")
    parser.add_argument("--streams", type=_streams, default=[1, 4], metavar="N,…", help="requests at once (default 1,4)")
    parser.add_argument("--repeat", type=_count, default=3, metavar="N", help="take the median of N (default 3)")
    parser.add_argument("--threads", type=_threads, default=0, metavar="N", help="threads to compute with")
    parser.add_argument("--draft", metavar="MODEL", default="", help="a small model of the same family that guesses ahead")
    parser.add_argument("--lookup", type=_guesses, default=0, metavar="N", help="guess up to N tokens from the text itself")
    parser.add_argument("--separate-contexts", action="store_true", help="a context for each request instead of one for all")
    parser.add_argument(
        "--no-upstream", action="store_true", help="do not measure llama-bench too, which is done where it is installed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", metavar="FILE.svg", help="also draw bars")
    parser.add_argument("--csv", metavar="FILE", help="also write a table; - is standard output")
    parser.set_defaults(run=run_bench)


def run_bench(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The command."""
    from app.temporary import make_temporary_workstation

    if arguments.json and arguments.csv == "-":
        print("yanmo bench: --json and --csv - both want standard output: give --csv a file.", file=sys.stderr)
        return 2
    check_targets(arguments)
    with make_temporary_workstation(arguments.paths) as workstation:
        reference = workstation.find_model(arguments.model) if arguments.model else workstation.engines.default_model()
        options = choose_options(arguments, workstation.engines.options_for(reference))
        workstation.engines.load(reference, options)
        with workstation.engines.lease(reference) as engine:
            assert engine.link is not None
            assert engine.facts is not None
            facts = engine.facts
            tell_notice(facts)
            path = ""
            with contextlib.suppress(UserFacingError):
                path = workstation.library.find(reference).path
            measured: list[Figure] = []
            for figure in iter_figures(engine.link, arguments, settles=not options.threads):
                measured.append(figure)
                print(f"{figure.name}: {figure.tokens_per_second:.1f} tokens/s", file=sys.stderr)
    history = arguments.paths.data / "benchmarks" / f"{_make_file_name(facts)}.json"
    settings = list_settings(arguments, options)
    run = {"settings": settings, "model": facts.name, "engine": facts.engine_version, "device": facts.device}
    figures = compare(measured, read_history(history), settings)
    if not arguments.no_upstream:
        figures = _add_upstream(figures, path, arguments, options.threads)
    keep(history, {**run, "time": time.time(), "figures": {one.name: one.tokens_per_second for one in figures}})
    if arguments.json:
        print(json.dumps({**run, "figures": [describe(one) for one in figures]}, ensure_ascii=False, indent=1))
    elif arguments.csv == "-":
        sys.stdout.write(make_table(figures))
    else:
        print(render(figures, facts))
    return write_files(arguments, figures, facts)


def choose_options(arguments: argparse.Namespace, stored: LoadOptions) -> LoadOptions:
    """How to load the model: as it is set, but with room for what is measured and with what the command line says."""
    is_separate = arguments.separate_contexts or not stored.kv_unified
    needed = max([arguments.prompt, *arguments.depth]) + arguments.output
    shared = max([needed, *(count * (arguments.prompt + arguments.output) for count in arguments.streams)])
    return replace(
        stored,
        context_length=max(256, int((needed if is_separate else shared) * 1.1) + 64),
        threads=arguments.threads or stored.threads,
        parallel=max([1, *arguments.streams]),
        kv_unified=not is_separate,
        draft_model=arguments.draft or stored.draft_model,
        lookup_tokens=arguments.lookup or stored.lookup_tokens,
    )


def iter_figures(link: Link, arguments: argparse.Namespace, *, settles: bool = False) -> Iterator[Figure]:
    """Measure one thing after another; every prompt is new, so that nothing is remembered.

    Where the engine ``settles`` on a number of threads by itself, it does so before the first figure.
    """
    _finish(_start(link, 8, 2))  # the first computation makes buffers
    if settles:
        warm_up(link)
    yield Figure(
        f"read {arguments.prompt}",
        _median(arguments.repeat, lambda: _reading_speed(_finish(_start(link, arguments.prompt, 1)))),
    )
    for depth in arguments.depth:
        usages = [_finish(_start(link, max(1, depth), arguments.output)) for _ in range(arguments.repeat)]
        drafted = sum(usage.drafted_tokens for usage in usages)
        yield Figure(
            f"write {arguments.output}" + (f" after {depth}" if depth else ""),
            statistics.median(_writing_speed(usage) for usage in usages),
            acceptance=sum(usage.accepted_tokens for usage in usages) / drafted if drafted else -1.0,
        )
    for count in arguments.streams:
        yield Figure(
            f"{count} at once, read {arguments.prompt} and write {arguments.output}",
            _median(arguments.repeat, lambda count=count: _serving_speed(link, count, arguments)),  # type: ignore[misc]
        )


def compare(figures: list[Figure], runs: list[dict[str, Any]], settings: dict[str, Any]) -> list[Figure]:
    """The figures, each with that of the last run of the same settings."""
    last: dict[str, Any] = next((run for run in reversed(runs) if run.get("settings") == settings), {})
    known = last.get("figures", {})
    return [
        Figure(one.name, round(one.tokens_per_second, 2), float(known.get(one.name, 0.0)), round(one.acceptance, 4))
        for one in figures
    ]


def read_history(path: Path) -> list[dict[str, Any]]:
    """Earlier runs, oldest first; none where the file is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        runs = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(runs, list):
            return [run for run in runs if isinstance(run, dict)]
    return []


def keep(path: Path, run: dict[str, Any]) -> None:
    """Add a run to its model's history; a folder that cannot be written is no reason to lose the figures on screen."""
    runs = [*read_history(path), run][-_KEPT_RUNS:]
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(runs, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def render(figures: list[Figure], facts: LoadedModel) -> str:
    """A table for people."""
    width = max(len(figure.name) for figure in figures)
    lines = [f"{facts.name} ({facts.quantization or facts.architecture}) on {facts.device}, {facts.engine_version}", ""]
    for figure in figures:
        change = f"   {figure.ratio:5.2f} times the last run" if figure.ratio else ""
        guesses = f"   {figure.acceptance:.0%} of guesses right" if figure.acceptance >= 0 else ""
        beside = f"   {figure.tokens_per_second / figure.upstream:5.2f} times llama-bench" if figure.upstream else ""
        lines.append(f"{figure.name.ljust(width)}  {figure.tokens_per_second:10.1f} tokens/s{change}{beside}{guesses}")
    return "\n".join(lines)


def _add_upstream(figures: list[Figure], model: str, arguments: argparse.Namespace, threads: int) -> list[Figure]:
    """The figures that llama-bench has too, each with its own; what it cannot measure is said, and nothing is lost."""
    from app.cli.bench_upstream import find_llama_bench, iter_upstream_speeds

    if not (program := find_llama_bench()) or not Path(model).is_file():
        return figures
    found: dict[str, float] = {}
    sizes = {name: getattr(arguments, name) for name in ("prompt", "output", "repeat")}
    try:
        for name, speed in iter_upstream_speeds(program, model, depths=arguments.depth, threads=threads, **sizes):
            found[name] = round(speed, 2)
            print(f"{name}: {speed:.1f} tokens/s by llama-bench", file=sys.stderr)
    except RuntimeError as error:
        print(f"llama-bench could not measure this model: {error}", file=sys.stderr)
    return [replace(one, upstream=found.get(one.name, 0.0)) for one in figures]


def warm_up(link: Link) -> None:
    """Write until the engine has found out how many threads are fastest, which would be part of the first figure otherwise."""
    written = 0
    for _ in range(_SETTLED):  # a reply may end early
        if written >= _SETTLED:
            return
        written += _finish(_start(link, 8, _SETTLED - written + 1)).output_tokens - 1  # the first comes with the prompt


def _start(link: Link, tokens: int, output: int) -> Stream:
    """A request of about that many tokens, unlike any before it, whose reply does not end early: a model may begin with its end."""
    from backends.backend import GenerationRequest
    from backends.options import GenerationOptions, SamplingOptions

    def make(words: int) -> GenerationRequest:
        texts = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(words))
        return GenerationRequest(
            prompt=" ".join(texts), options=GenerationOptions(SamplingOptions(), output, (), 1, ignore_eos=True)
        )

    request = make(max(1, tokens // 3))
    counted = link.count_tokens(request)
    return link.generate(make(max(1, tokens // 3 * tokens // max(counted, 1))) if counted > 8 else request)


def _finish(stream: Stream) -> Usage:
    from backends.events import Failed, Finished

    *_, last = stream
    if isinstance(last, Failed):
        raise last.error
    assert isinstance(last, Finished)
    return last.usage


def _reading_speed(usage: Usage) -> float:
    return (usage.prompt_tokens - usage.cached_tokens) / max(usage.prompt_seconds, 1e-9)


def _writing_speed(usage: Usage) -> float:
    return usage.output_tokens / max(usage.output_seconds, 1e-9)


def _serving_speed(link: Link, count: int, arguments: argparse.Namespace) -> float:
    """Tokens written per second by all requests together, from the first question to the last answer."""
    started = time.perf_counter()
    usages = [_finish(stream) for stream in [_start(link, arguments.prompt, arguments.output) for _ in range(count)]]
    return sum(usage.output_tokens for usage in usages) / (time.perf_counter() - started)


def _median(times: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(times))


def list_settings(arguments: argparse.Namespace, options: LoadOptions) -> dict[str, Any]:
    """What decides which runs can be compared: what was measured, and how the model is set where that is not as usual."""
    from backends.options import LoadOptions

    names = ("prompt", "output", "depth", "streams", "threads")
    guessing = {name: getattr(arguments, name) for name in ("draft", "lookup") if getattr(arguments, name)}
    measured = {name: getattr(arguments, name) for name in names} | {"separate_contexts": not options.kv_unified} | guessing
    told = {
        "threads": bool(arguments.threads),
        "draft_model": bool(arguments.draft),
        "lookup_tokens": bool(arguments.lookup),
    }
    usual = asdict(LoadOptions())
    chosen = {
        name: value
        for name, value in asdict(options).items()
        if value != usual[name] and name not in _NO_MATTER and not told.get(name)
    }
    # As a run reads back from its file: pairs are lists there.
    return measured | (json.loads(json.dumps({"options": chosen})) if chosen else {})


def _make_file_name(facts: LoadedModel) -> str:
    return re.sub(r"[^\w.-]+", "-", f"{facts.name}-{facts.quantization}").strip("-.") or "model"


def _count(text: str) -> int:
    return _whole(text, 1, 1_000_000)


def _guesses(text: str) -> int:
    return _whole(text, 0, 64)


def _threads(text: str) -> int:
    return _whole(text, 0, 1024)


def _depths(text: str) -> list[int]:
    return [_whole(part, 0, 1_000_000) for part in text.split(",")]


def _streams(text: str) -> list[int]:
    return [_whole(part, 1, 128) for part in text.split(",")]


def _whole(text: str, low: int, high: int) -> int:
    """A number within limits; raises what argparse tells in one line."""
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return value
