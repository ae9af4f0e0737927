"""``yanmo quality`` and ``yanmo imatrix``: what a model is worth, and how its weights are used."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.progress_line import ProgressLine, find_model
from app.cli.quantize import read_measured, read_source

if TYPE_CHECKING:
    from app.workstation import Workstation

_QUALITY_EXAMPLES = """examples:
  yanmo quality model-Q4_K_M.gguf --against model-F16.gguf --text held-out.txt
  yanmo quality model.gguf --text novel.txt --json
  yanmo quality Qwen3-0.6B-AWQ/ --against Qwen3-0.6B/
"""
_IMATRIX_EXAMPLES = """examples:
  yanmo imatrix model-F16.gguf --out model.imatrix.gguf
  yanmo imatrix model-F16.gguf --text conversations
  yanmo imatrix --merge a.imatrix.gguf b.dat --out both.imatrix.gguf
  yanmo imatrix --show model.imatrix.gguf
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``quality`` and ``imatrix`` to the main parser."""
    _add_quality(subparsers)
    _add_imatrix(subparsers)


def _add_quality(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "quality",
        help="measure perplexity, KL divergence and agreement",
        description="Read a text with a model, and with the model it was made from, and say how much they differ.",
        epilog=_QUALITY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", metavar="MODEL", help="a GGUF file, a checkpoint folder (float or AWQ), or a model in the library"
    )
    parser.add_argument("--against", metavar="BASE", help="the unquantized model, of either kind")
    text = "a text in UTF-8 of at least some thousand words; builtin without it"
    parser.add_argument("--text", default="builtin", metavar="FILE", help=text)
    windows = "read N windows of 512 tokens instead of the whole text"
    parser.add_argument("--windows", type=int, default=0, metavar="N", help=windows)
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run_quality)


def _add_imatrix(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "imatrix",
        help="compute, merge or look at an importance matrix",
        description="Read a text with a model and write how strongly each input of each weight is used, in llama.cpp's format. "
        "A run that was killed goes on where it was.",
        epilog=_IMATRIX_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", default="")
    text = "builtin, conversations, or a file or folder of texts in UTF-8"
    parser.add_argument("--text", default="builtin", metavar="TEXT", help=text)
    windows = "read N windows of 512 tokens instead of the whole text"
    parser.add_argument("--windows", type=int, default=0, metavar="N", help=windows)
    parser.add_argument("--merge", type=Path, nargs="+", default=[], metavar="FILE", help="make one matrix of several")
    parser.add_argument("--show", type=Path, metavar="FILE", help="say what a matrix covers")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it; beside the model without it")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON")
    parser.set_defaults(run=run_imatrix)


def run_quality(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from app.services.torch_pack import use_torch_pack_of
    from quantize.quality import measure_quality
    from quantize.quality_card import iter_quality_lines

    use_torch_pack_of(arguments.paths)
    model = find_model(arguments.model, make_workstation)
    base = find_model(arguments.against, make_workstation) if arguments.against else None
    text = read_measured(arguments.text)
    with ProgressLine(f"{model.name}: reading", is_quiet=arguments.json) as line:
        quality = measure_quality(
            model, text, base=base, most_windows=arguments.windows, threads=arguments.threads, progress=line.show
        )
    if arguments.json:
        print(json.dumps(quality.to_json(), ensure_ascii=False, indent=1))
        return 0
    print("\n".join(iter_quality_lines(quality.to_json())))
    for place in quality.worst[:5]:
        print(f"\n{place.divergence:8.3f}  …{place.before[-60:]!r} → {place.token!r}")
    return 0


def run_imatrix(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from models.errors import InvalidOption
    from quantize.gguf.importance_matrix import compute_importance_matrix, read_importance_matrix, write_importance_matrix
    from quantize.gguf.matrix import merge_importance_matrices

    if arguments.show:
        target = arguments.show
        matrix = read_importance_matrix(target)
    elif arguments.merge:
        if not arguments.out:
            raise InvalidOption(option="--out", value="empty", allowed="the file to write the merged matrix to")
        matrix, target = merge_importance_matrices([read_importance_matrix(path) for path in arguments.merge]), arguments.out
        write_importance_matrix(matrix, target)
    else:
        if not arguments.model:
            raise InvalidOption(option="MODEL", value="empty", allowed="a model, or use --merge or --show")
        model = find_model(arguments.model, make_workstation)
        target = arguments.out or model.with_name(f"{model.stem}.imatrix.gguf")
        text = read_source(arguments.text, make_workstation)
        with ProgressLine(f"{model.name}: reading", is_quiet=arguments.json) as line:
            matrix = compute_importance_matrix(
                model, text, target, most_windows=arguments.windows, threads=arguments.threads, progress=line.show
            )
    touched, total = matrix.coverage()
    untouched = matrix.untouched()
    if arguments.json:
        seen = {"file": str(target), "windows": matrix.windows, "matrices": total, "touched": touched, "untouched": untouched}
        print(json.dumps(seen, ensure_ascii=False))
        return 0
    print(f"{target}: {matrix.windows} windows of {matrix.window} tokens, {touched} of {total} matrices used.")
    for line_of_untouched in untouched[:20]:
        print(f"  never used: {line_of_untouched}")
    if len(untouched) > 20:
        print(f"  … and {len(untouched) - 20} more")
    return 0
