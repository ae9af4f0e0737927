"""``yanmo bench``: how fast a model reads, writes and serves on this machine, and whether that changed since the last time."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import re
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.services.engines import Link, Stream
    from app.workstation import Workstation
    from backends.events import LoadedModel, Usage

_EXAMPLES = """examples:
  yanmo bench                              the default model
  yanmo bench Qwen3-4B-Q4_K_M --repeat 5
  yanmo bench model.gguf --streams 1,4,16 --separate-contexts
  yanmo bench Qwen3-32B-Q4_K_M --draft Qwen3-0.6B-Q8_0
  yanmo bench model.gguf --depth 0,4096 --csv figures.csv --picture figures.svg
"""
_KEPT_RUNS = 50
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
    parser.add_argument("--depth", type=_counts, default=[0, 2048], metavar="N,…", help="tokens before writing (default 0,2048)")
    parser.add_argument("--streams", type=_counts, default=[1, 4], metavar="N,…", help="requests at once (default 1,4)")
    parser.add_argument("--repeat", type=_count, default=3, metavar="N", help="take the median of N (default 3)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads to compute with")
    parser.add_argument("--draft", metavar="MODEL", default="", help="a small model of the same family that guesses ahead")
    parser.add_argument("--lookup", type=_count, default=0, metavar="N", help="guess up to N tokens from the text itself")
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
    from backends.options import LoadOptions

    streams = [count for count in arguments.streams if count]
    needed = max([arguments.prompt, *arguments.depth]) + arguments.output
    shared = max([needed, *(count * (arguments.prompt + arguments.output) for count in streams)])
    options = LoadOptions(
        context_length=max(256, int((needed if arguments.separate_contexts else shared) * 1.1) + 64),
        threads=arguments.threads,
        parallel=max([1, *streams]),
        kv_unified=not arguments.separate_contexts,
        draft_model=arguments.draft,
        lookup_tokens=arguments.lookup,
    )
    with make_temporary_workstation(arguments.paths) as workstation:
        reference = arguments.model or workstation.engines.default_model()
        workstation.engines.load(reference, options)
        with workstation.engines.lease(reference) as engine:
            assert engine.link is not None
            assert engine.facts is not None
            facts = engine.facts
            path = ""
            with contextlib.suppress(UserFacingError):
                path = workstation.library.find(reference).path
            measured: list[Figure] = []
            for figure in iter_figures(engine.link, arguments):
                measured.append(figure)
                print(f"{figure.name}: {figure.tokens_per_second:.1f} tokens/s", file=sys.stderr)
    history = arguments.paths.data / "benchmarks" / f"{_make_file_name(facts)}.json"
    settings = _list_settings(arguments)
    run = {"settings": settings, "model": facts.name, "engine": facts.engine_version, "device": facts.device}
    figures = compare(measured, read_history(history), settings)
    if not arguments.no_upstream:
        figures = _add_upstream(figures, path, arguments)
    keep(history, {**run, "time": time.time(), "figures": {one.name: one.tokens_per_second for one in figures}})
    if arguments.csv:
        _write_csv(figures, arguments.csv)
    if arguments.picture:
        from app.cli.bench_picture import draw_figures

        title = f"{facts.name} {facts.quantization}".strip()
        picture = draw_figures(figures, title, f"{facts.device}, {facts.engine_version}, tokens per second")
        Path(arguments.picture).write_text(picture, encoding="utf-8")
    if arguments.json:
        rows = [
            {
                "name": one.name,
                "tokens_per_second": one.tokens_per_second,
                "ratio": one.ratio or None,
                "acceptance": one.acceptance if one.acceptance >= 0 else None,
                "llama_bench": one.upstream or None,
            }
            for one in figures
        ]
        print(json.dumps({**run, "figures": rows}, ensure_ascii=False, indent=1))
    elif arguments.csv != "-":
        print(render(figures, facts))
    return 0


def iter_figures(link: Link, arguments: argparse.Namespace) -> Iterator[Figure]:
    """Measure one thing after another; every prompt is new, so that nothing is remembered."""
    _finish(_start(link, 8, 2))  # the first computation makes buffers
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


def _add_upstream(figures: list[Figure], model: str, arguments: argparse.Namespace) -> list[Figure]:
    """The figures that llama-bench has too, each with its own; what it cannot measure is said, and nothing is lost."""
    from app.cli.bench_upstream import find_llama_bench, iter_upstream_speeds

    if not (program := find_llama_bench()) or not Path(model).is_file():
        return figures
    found: dict[str, float] = {}
    names = ("prompt", "output", "repeat", "threads")
    try:
        for name, speed in iter_upstream_speeds(
            program, model, depths=arguments.depth, **{name: getattr(arguments, name) for name in names}
        ):
            found[name] = round(speed, 2)
            print(f"{name}: {speed:.1f} tokens/s by llama-bench", file=sys.stderr)
    except RuntimeError as error:
        print(f"llama-bench could not measure this model: {error}", file=sys.stderr)
    return [replace(one, upstream=found.get(one.name, 0.0)) for one in figures]


def _start(link: Link, tokens: int, output: int) -> Stream:
    """A request of about that many tokens, unlike any before it."""
    from backends.backend import GenerationRequest
    from backends.options import GenerationOptions, SamplingOptions

    def make(words: int) -> GenerationRequest:
        texts = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(words))
        return GenerationRequest(prompt=" ".join(texts), options=GenerationOptions(SamplingOptions(), output, (), 1))

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


def _write_csv(figures: list[Figure], target: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "tokens_per_second", "times_last_run", "acceptance", "llama_bench"))
    for one in figures:
        acceptance = one.acceptance if one.acceptance >= 0 else ""
        writer.writerow((one.name, one.tokens_per_second, round(one.ratio, 4) or "", acceptance, one.upstream or ""))
    if target == "-":
        sys.stdout.write(text.getvalue())
    else:
        Path(target).write_text(text.getvalue(), encoding="utf-8")


def _list_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("prompt", "output", "depth", "streams", "threads", "separate_contexts")
    guessing = {name: getattr(arguments, name) for name in ("draft", "lookup") if getattr(arguments, name)}
    return {name: getattr(arguments, name) for name in names} | guessing


def _make_file_name(facts: LoadedModel) -> str:
    return re.sub(r"[^\w.-]+", "-", f"{facts.name}-{facts.quantization}").strip("-.") or "model"


def _count(text: str) -> int:
    value = int(text)
    if not 0 < value <= 1_000_000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 1000000")
    return value


def _counts(text: str) -> list[int]:
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("whole numbers with commas between them") from None
    if not values or any(not 0 <= value <= 1_000_000 for value in values):
        raise argparse.ArgumentTypeError("whole numbers from 0 to 1000000")
    return values
