"""``yanmo models search``, ``variants``, ``pull``, ``fit``, ``update``, ``token`` and ``first``: what is done with the hubs."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.figures import count_text, print_json, print_table, size_text, time_text

if TYPE_CHECKING:
    from app.services.download_records import Download
    from app.services.pulls import FoundRepository
    from app.workstation import Workstation
    from models.hubs.hub import HubKey
    from models.hubs.variants import Variant
    from models.memory_plan import MemoryPlan

    MakeWorkstation = Callable[[], Workstation]

_HUBS: tuple[HubKey, ...] = ("huggingface", "modelscope")
_VERDICTS = {"fits": "fits", "tight": "tight", "too_large": "will not fit"}
_ADVICE = {
    "shorter_context": "a shorter context",
    "smaller_cache": "a smaller KV cache: --kv-type q8_0",
    "fewer_gpu_layers": "fewer layers on the GPU",
    "close_programs": "closing other programs",
    "smaller_quantization": "a smaller quantization, or a smaller model",
}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to ``yanmo models``."""
    search = commands.add_parser("search", help="look for models on Hugging Face and ModelScope")
    search.add_argument("text", metavar="TEXT", nargs="*")
    search.add_argument("--author", default="", help="only of this owner")
    search.add_argument("--task", choices=("chat", "vision", "embedding", "rerank", "audio"), default="", help="what it is for")
    search.add_argument("--format", choices=("gguf", "safetensors", "awq", "any"), default="gguf", help="default: gguf")
    search.add_argument("--licence", default="", metavar="NAME", help="such as apache-2.0 or mit")
    search.add_argument("--min-parameters", type=float, default=0, metavar="B", help="in billions")
    search.add_argument("--max-parameters", type=float, default=0, metavar="B", help="in billions")
    search.add_argument(
        "--sort", choices=("trending", "downloads", "likes", "updated"), default="trending", help="default: trending"
    )
    search.add_argument("--hub", choices=_HUBS, help="only this one (default: both)")
    search.add_argument("-n", dest="limit", type=int, default=20, metavar="N", help="of each hub (default: 20)")
    search.set_defaults(run=run_search)

    variants = commands.add_parser("variants", help="the quantizations that a repository offers")
    pull = commands.add_parser("pull", help="download a model; goes on where it was interrupted")
    pull.add_argument("--no-wait", action="store_true", help="only put it into the queue of the window")
    fit = commands.add_parser("fit", help="how much memory a model takes here, before it is downloaded or after")
    fit.add_argument("--context", type=int, metavar="N", help="tokens (default: what was chosen for the model, or the usual)")
    fit.add_argument("--kv-type", metavar="TYPE", help="f16, q8_0, q4_0 …")
    fit.add_argument("--gpu-layers", type=int, metavar="N", help="default: as many as fit")
    for command, run in ((variants, run_variants), (pull, run_pull), (fit, run_fit)):
        command.add_argument("model", metavar="REPOSITORY[:VARIANT]" if command is not fit else "MODEL|REPOSITORY[:VARIANT]")
        command.add_argument("--hub", choices=_HUBS, help="default: as the settings say, then the other")
        command.set_defaults(run=run)

    update = commands.add_parser("update", help="which downloaded models have a newer file on their hub")
    update.add_argument("--apply", action="store_true", help="download them")
    update.set_defaults(run=run_update)

    first = commands.add_parser("first", help="a few good first models for the memory of this machine")
    first.add_argument("--language", choices=("en", "zh"), help="only for this language")
    first.set_defaults(run=run_first)

    token = commands.add_parser("token", help="keep a hub's token in the system's keyring; it is never sent to a mirror")
    token.add_argument("hub", choices=_HUBS, help="whose token")
    token.add_argument("--forget", action="store_true", help="forget it")
    token.set_defaults(run=run_token)
    for command in (search, variants, pull, fit, update, first):
        command.add_argument("--json", action="store_true", help="print JSON")


def run_search(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print what both hubs found."""
    from models.hubs.hub import SearchQuery

    bounds = (round(arguments.min_parameters * 1e9), round(arguments.max_parameters * 1e9))
    query = SearchQuery(
        " ".join(arguments.text),
        arguments.author,
        arguments.task,
        "" if arguments.format == "any" else arguments.format,
        arguments.licence,
        bounds,
        arguments.sort,
        max(1, min(arguments.limit, 100)),
    )
    with make_workstation() as workstation:
        found = workstation.hubs.search(query, [arguments.hub] if arguments.hub else _HUBS)
    if arguments.json:
        troubles = {key: error.to_json() for key, error in found.troubles.items()}
        print_json({"models": [_model_json(model) for model in found.models], "troubles": troubles})
        return 0
    for error in found.troubles.values():
        print(f"{error.english()}\n", file=sys.stderr)
    if found.models:
        rows = [("REPOSITORY", "HUB", "PARAMETERS", "DOWNLOADS", "LICENCE", "")]
        for model in found.models:
            gated = "conditions" if model.is_gated else ""
            rows.append(
                (model.id, model.hub, count_text(model.parameter_count), count_text(model.downloads), model.licence, gated)
            )
        print_table(rows)
    elif len(found.troubles) < (1 if arguments.hub else 2):
        print("Nothing was found. Try fewer words, or --format any.")
    return 1 if found.troubles and not found.models else 0


def run_variants(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print what a repository offers, and whether it fits."""
    from app.services.pulls import plan_repository

    with make_workstation() as workstation:
        found = _find(workstation, arguments)
        repository, variants = found.repository, found.variants
        known = plan_repository(workstation.hubs, workstation.planner, found)
        plans = [known.get(variant.name) for variant in variants]
    if arguments.json:
        rows = [{**_variant_json(one), "plan": _plan_json(plan)} for one, plan in zip(variants, plans, strict=True)]
        print_json({"repository": repository.id, "hub": repository.hub, "variants": rows})
        return 0
    table = [("VARIANT", "SIZE", "FILES", "HERE")]
    for one, plan in zip(variants, plans, strict=True):
        parts = f"{len(one.all_files)}" + ("" if one.is_whole else ", not all")
        table.append((one.name, size_text(one.size), parts, _VERDICTS[plan.verdict] if plan else ""))
    print_table(table)
    return 0


def run_pull(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Download one variant and say where it lies."""
    with make_workstation() as workstation:
        found = _find(workstation, arguments)
        repository, variant = found.repository, found.choose()
        download = workstation.downloads.add(repository, variant)
        workstation.downloads.move(download.id, 0)
        if arguments.no_wait:
            return 0
        if not arguments.json:
            print(f"{download.title}: {size_text(download.size)} from {repository.hub}", file=sys.stderr)
        ended = _watch(workstation, download, is_quiet=arguments.json)
        if ended is None or ended.state != "done":
            if ended is not None and ended.error is not None:
                raise ended.error
            print("It was stopped. The same command goes on where it ended.", file=sys.stderr)
            return 1
        path = ended.target_of(ended.first_file())
        if arguments.json:
            print_json({"path": str(path), "files": [str(ended.target_of(file)) for file in ended.files], "size": ended.size})
        else:
            print(f"Whole and verified: {path}")
    return 0


def run_fit(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print the plan of a model on disk, or of one on a hub."""
    from backends.options import LoadOptions
    from models.errors import ModelNotFound

    changes = {"context_length": arguments.context, "kv_type": arguments.kv_type, "gpu_layers": arguments.gpu_layers}
    changes = {name: value for name, value in changes.items() if value is not None}
    with make_workstation() as workstation:
        planner = workstation.planner
        try:
            card = workstation.library.find(arguments.model)
            usual = workstation.defaults.load_options(workstation.find_model(card.path))
            name, plan = card.name, planner.plan_card(card, replace(usual, **changes))
        except ModelNotFound:
            if "/" not in arguments.model or Path(arguments.model).suffix == ".gguf":
                raise
            found = _find(workstation, arguments)
            variant = found.choose()
            shape = workstation.hubs.read_memory_shape(found.repository, variant)
            projector = variant.projector.size if variant.projector else 0
            name = f"{found.repository.id} {variant.name}"
            plan = planner.plan(shape, LoadOptions(**changes), projector_bytes=projector)
    if arguments.json:
        print_json({"model": name, **(_plan_json(plan) or {})})
    else:
        _print_plan(name, plan)
    return 0 if plan.verdict != "too_large" else 1


def run_update(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Ask the hubs whether what was downloaded is still what they have."""
    with make_workstation() as workstation:
        found = workstation.updates.look()
        if arguments.json:
            print_json([{"path": one.path, "repository": one.repository, "hub": one.hub, "file": one.file} for one in found])
        for one in found if not arguments.json else ():
            print(f"{one.path}\n  {one.repository} has a newer {one.file}.")
        if not found and not arguments.json:
            print("Everything that was downloaded is what the hubs have.")
        for download in workstation.updates.apply(found) if arguments.apply else ():
            ended = _watch(workstation, download, is_quiet=arguments.json)
            if ended is not None and ended.error is not None:
                raise ended.error
    return 0


def run_first(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Print the curated list, what fits here first."""
    from app.services.first_models import read_first_models

    with make_workstation() as workstation:
        listed = read_first_models(workstation.paths.resources)
        free = workstation.planner.rooms()[0].total
    chosen = [one for one in listed.models if not arguments.language or arguments.language in one.languages]
    if arguments.json:
        print_json({"date": listed.date, "models": [one.to_json() for one in chosen]})
        return 0
    print(f"Chosen on {listed.date}; this machine has {size_text(free)} of memory.\n")
    rows = [("REPOSITORY:VARIANT", "NEEDS", "LANGUAGES", "WHY")]
    for one in chosen:
        mark = "" if one.memory_bytes <= free else " (too large here)"
        rows.append((f"{one.repository}:{one.variant}", size_text(one.memory_bytes) + mark, ", ".join(one.languages), one.why_en))
    print_table(rows)
    return 0


def run_token(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:
    """Keep or forget a token, read without an echo."""
    token = ""
    if not arguments.forget:
        token = getpass.getpass(f"Token for {arguments.hub}: ") if sys.stdin.isatty() else sys.stdin.readline()
        if not token.strip():
            print("yanmo models token: no token was given.", file=sys.stderr)
            return 2
    with make_workstation() as workstation:
        file = workstation.tokens.keep(arguments.hub, token)
    if arguments.forget:
        print("The token is forgotten.")
    elif file is not None:
        print(f"This system has no keyring, so the token lies in {file}, which only you can read.")
    else:
        print("The token is in the system's keyring.")
    return 0


def _find(workstation: Workstation, arguments: argparse.Namespace) -> FoundRepository:
    """The repository that was named; says so where it was not taken from the first hub."""
    from app.services.pulls import find_repository

    found = find_repository(workstation.hubs, arguments.model, arguments.hub)
    if found.instead_of is not None:
        print(f"{found.instead_of.english()}\nTaken from {found.repository.hub} instead.", file=sys.stderr)
    return found


def _watch(workstation: Workstation, download: Download, *, is_quiet: bool) -> Download | None:
    """Wait for it with a line of progress on a terminal."""
    is_shown = not is_quiet and sys.stderr.isatty()

    def show() -> bool:
        now = workstation.downloads.progress(download.id)
        if is_shown and now is not None:
            percent = now.done * 100 // max(now.total, 1)
            left = f", {time_text(now.seconds_left)} left" if now.seconds_left is not None else ""
            print(f"\r{percent:3d} %  {size_text(now.speed)}/s{left}\x1b[K", end="", file=sys.stderr, flush=True)
        return False

    try:
        return workstation.downloads.wait(download.id, show)
    finally:
        if is_shown:
            print("\r\x1b[K", end="", file=sys.stderr)


def _print_plan(name: str, plan: MemoryPlan) -> None:
    print(f"{name}: {_VERDICTS[plan.verdict]} with {plan.context:,} tokens of context.\n")
    rows: list[tuple[str, ...]] = [("", "WEIGHTS", "KV CACHE", "COMPUTE", "PROJECTOR", "DRAFT", "NEEDED", "USED NOW", "OF")]
    for device in plan.devices:
        own = (device.weights, device.kv_cache, device.compute, device.projector, device.draft)
        parts = (*own, device.needed, device.others, device.total)
        rows.append((device.name, *(size_text(part) if part else "-" for part in parts)))
    print_table(rows)
    longest = f"{plan.longest_context:,} tokens" if plan.longest_context else "none fits"
    print(f"\nlongest context: {longest}")
    if len(plan.devices) > 1:
        print(f"layers on GPUs: {plan.gpu_layers} of {plan.layer_count}")
    if plan.advice:
        print("what would help: " + "; ".join(_ADVICE[advice] for advice in plan.advice))


def _plan_json(plan: MemoryPlan | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return None if plan is None else {**asdict(plan), "needed": plan.needed}


def _model_json(model: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(model)


def _variant_json(variant: Variant) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(variant), "size": variant.size}
