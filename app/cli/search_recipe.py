"""``yanmo search-recipe``: the best types for each tensor within a budget."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.progress_line import ProgressLine, find_model
from app.cli.quantize import read_measured

if TYPE_CHECKING:
    from app.workstation import Workstation
    from quantize.recipe_search import Search

_EXAMPLES = """examples:
  yanmo search-recipe model-F16.gguf --max-kl 0.02 --out mine.toml
  yanmo search-recipe model-F16.gguf --max-size 2.5GB --imatrix model.imatrix.gguf
  yanmo quantize model-F16.gguf --recipe mine.toml
"""
_UNITS = {"": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``search-recipe`` to the main parser."""
    parser = subparsers.add_parser(
        "search-recipe",
        help="find the types that lose least within a size, or the smallest file within a loss",
        description="Quantize each group of tensors alone, measure what that costs, and choose. What was measured is kept beside the "
        "model, so a search that was killed goes on, and a second one is quick.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", help="a GGUF in F32, F16 or BF16")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--max-kl", type=float, metavar="NATS", help="the smallest file within this mean KL divergence")
    budget.add_argument("--max-size", metavar="SIZE", help="the best file that is at most so large, such as 2.5GB")
    parser.add_argument("--text", default="builtin", metavar="FILE", help="the text to measure on")
    parser.add_argument("--windows", type=int, default=4, metavar="N", help="windows of 512 tokens for each measurement")
    parser.add_argument("--imatrix", type=Path, metavar="FILE", help="an importance matrix: smaller types come into question")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the recipe as TOML")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print recipe, quality and frontier as JSON")
    parser.set_defaults(run=run_search)


def read_size(text: str, option: str = "--max-size") -> int:
    """Bytes of “2.5GB”, “800 MB” or a plain number.

    Raises:
        InvalidOption: it is no size.
    """
    from models.errors import InvalidOption

    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]B)?\s*", text.upper())
    if match is None:
        raise InvalidOption(option=option, value=text, allowed="a size such as 2.5GB or 800MB")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def run_search(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from quantize.recipe import write_recipe
    from quantize.recipe_search import RecipeSearch

    source = find_model(arguments.source, make_workstation)
    text = read_measured(arguments.text)
    size = read_size(arguments.max_size) if arguments.max_size else 0
    with ProgressLine(f"{source.name}: measuring", is_quiet=arguments.json) as line:
        search = RecipeSearch(
            source,
            text,
            source.with_name(f"{source.stem}.search.json"),
            imatrix=arguments.imatrix,
            windows=arguments.windows,
            threads=arguments.threads,
            progress=line.show,
        )
        found = search.best_within(size) if size else search.smallest_within(arguments.max_kl)
    recipe = write_recipe(found.chosen.recipe)
    if arguments.out:
        arguments.out.write_text(recipe, encoding="utf-8")
    if arguments.json:
        print(json.dumps(_as_json(found), ensure_ascii=False, indent=1))
        return 0
    print(f"{'size':>12}  {'KL, added up':>12}")
    for point in found.frontier[:: max(1, len(found.frontier) // 16)]:
        print(f"{point.size_bytes / 2**20:9,.1f} MB  {point.predicted_kl:12.5f}")
    print(f"\nchosen: {found.chosen.size_bytes / 2**20:,.1f} MB, KL divergence measured {found.quality.kl_mean:.5f}")
    print(f"\n{recipe}")
    return 0


def _as_json(found: Search) -> dict[str, object]:
    return {
        "recipe": found.chosen.recipe.to_json(),
        "size_bytes": found.chosen.size_bytes,
        "quality": found.quality.to_json(),
        "frontier": [{"size_bytes": point.size_bytes, "predicted_kl": point.predicted_kl} for point in found.frontier],
        "costs": found.costs,
    }
