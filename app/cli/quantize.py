"""``yanmo quantize`` and ``yanmo quality``: a smaller GGUF, and the proof of what it cost."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.workstation import Workstation
    from quantize.gguf.matrix import ImportanceMatrix
    from quantize.quality import Quality
    from quantize.recipe import Recipe

_QUANTIZE_EXAMPLES = """examples:
  yanmo quantize model-F16.gguf --to Q4_K_M
  yanmo quantize model-F16.gguf --to Q8_0,Q5_K_M,Q4_K_M --text held-out.txt
  yanmo quantize model-F16.gguf --to Q4_K_M --override "ffn_down=Q6_K" --out small/
  yanmo quantize model-F16.gguf --recipe mine.toml
"""
_QUALITY_EXAMPLES = """examples:
  yanmo quality model-Q4_K_M.gguf --against model-F16.gguf --text held-out.txt
  yanmo quality model.gguf --text novel.txt --json
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``quantize``, ``quality`` and ``imatrix`` to the main parser."""
    _add_quantize(subparsers)
    _add_quality(subparsers)
    _add_imatrix(subparsers)


def _add_quantize(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "quantize",
        help="make a smaller GGUF and write its quality card",
        description="Make smaller files from a GGUF in F32, F16 or BF16, or from a Hugging Face checkpoint. "
        "Each gets a card beside it: what it is and how it was made, and, with --text, what it cost.",
        epilog=_QUANTIZE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", help="a GGUF file, a checkpoint folder (safetensors), or a model in the library")
    parser.add_argument("--to", metavar="TYPE[,TYPE…]", default="", help="Q4_K_M, Q8_0, IQ4_XS … any type of llama.cpp")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="a TOML recipe, as the card shows it")
    parser.add_argument(
        "--imatrix", metavar="auto|FILE|none", default="none", help="importance matrix: a file, or auto with --calibration"
    )
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="the text that --imatrix auto reads")
    overriding = "another type for tensors whose name matches"
    parser.add_argument("--override", action="append", default=[], metavar="PATTERN=TYPE", help=overriding)
    parser.add_argument("--output-type", default="", metavar="TYPE", help="type of the output tensor")
    parser.add_argument("--embedding-type", default="", metavar="TYPE", help="type of the token embeddings")
    parser.add_argument("--pure", action="store_true", help="the same type for every tensor")
    parser.add_argument("--requantize", action="store_true", help="allow a source that is quantized already")
    parser.add_argument(
        "--text", type=Path, metavar="FILE", help="measure the loss on this text, which calibration must not have seen"
    )
    parser.add_argument(
        "--windows", type=int, default=0, metavar="N", help="measure on N windows of 512 tokens instead of the whole text"
    )
    parser.add_argument("--out", type=Path, metavar="PATH", help="the file to write, or the folder for several")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print the cards as JSON")
    parser.set_defaults(run=run_quantize)


def _add_quality(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "quality",
        help="measure perplexity, KL divergence and agreement",
        description="Read a text with a model, and with the model it was made from, and say how much they differ.",
        epilog=_QUALITY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--against", metavar="BASE", help="the unquantized model")
    parser.add_argument(
        "--text", type=Path, required=True, metavar="FILE", help="a text in UTF-8 of at least some thousand words"
    )
    parser.add_argument(
        "--windows", type=int, default=0, metavar="N", help="read N windows of 512 tokens instead of the whole text"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run_quality)


def _add_imatrix(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "imatrix",
        help="compute an importance matrix",
        description="Read a text with a model and write how strongly each input of each weight is used, in llama.cpp's format.",
        epilog="examples:\n  yanmo imatrix model-F16.gguf --text calibration.txt --out model.imatrix.gguf\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--text", type=Path, required=True, metavar="FILE", help="the calibration text, in UTF-8")
    parser.add_argument(
        "--windows", type=int, default=0, metavar="N", help="read N windows of 512 tokens instead of the whole text"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it; beside the model without it")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON")
    parser.set_defaults(run=run_imatrix)


def run_imatrix(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    model = _find(arguments.model, make_workstation)
    target = arguments.out or model.with_name(f"{model.stem}.imatrix.gguf")
    matrix = _compute_imatrix(model, read_text(arguments.text), target, arguments)
    touched, total = matrix.coverage()
    if arguments.json:
        print(json.dumps({"file": str(target), "windows": matrix.windows, "matrices": total, "touched": touched}))
    else:
        print(f"{target}: {matrix.windows} windows of {matrix.window} tokens, {touched} of {total} matrices used.")
    return 0


def _compute_imatrix(model: Path, text: str, target: Path, arguments: argparse.Namespace) -> ImportanceMatrix:
    from quantize.gguf.importance_matrix import compute_importance_matrix

    with _Line(f"{model.name}: reading", is_quiet=arguments.json) as line:
        return compute_importance_matrix(
            model, text, target, most_windows=arguments.windows, threads=arguments.threads, progress=line.show
        )


def _prepare_imatrix(source: Path, arguments: argparse.Namespace) -> Path | None:
    """The importance matrix to use: the file named, or one computed from the calibration text."""
    from models.errors import InvalidOption

    if arguments.imatrix == "none":
        return None
    if arguments.imatrix != "auto":
        return Path(arguments.imatrix)
    if arguments.calibration is None:
        raise InvalidOption(option="--imatrix", value="auto", allowed="given together with --calibration FILE")
    target = (arguments.out if arguments.out and arguments.out.is_dir() else source.parent) / f"{source.stem}.imatrix.gguf"
    _compute_imatrix(source, read_text(arguments.calibration), target, arguments)
    return target


def run_quantize(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from quantize.gguf.quantize import quantize_file
    from quantize.quality_card import hash_file, make_card, write_card, write_markdown

    recipes = _read_recipes(arguments)
    if not recipes:
        print("yanmo quantize: say what to make: --to TYPE, or --recipe FILE.", file=sys.stderr)
        return 2
    source = _find(arguments.source, make_workstation)
    text = read_text(arguments.text) if arguments.text else ""
    if source.is_dir():
        source = _convert(source, arguments)
    imatrix = _prepare_imatrix(source, arguments)
    if imatrix is not None:
        recipes = [replace(recipe, imatrix_sha256=hash_file(imatrix)) for recipe in recipes]
    cards = []
    for recipe in recipes:
        target = name_target(source, recipe, arguments.out, is_one=len(recipes) == 1)
        with _Line(f"{target.name}: quantizing", is_quiet=arguments.json) as line:
            made = quantize_file(
                source,
                target,
                recipe,
                imatrix=imatrix,
                may_requantize=arguments.requantize,
                threads=arguments.threads,
                progress=line.show,
            )
        quality = _measure(made, source, text, arguments) if text else None
        card = make_card(made, source, recipe, _engine_version(), quality, text)
        write_card(card, made)
        cards.append(card.to_json())
        if not arguments.json:
            print(write_markdown(card))
    if arguments.json:
        print(json.dumps(cards, ensure_ascii=False, indent=1))
    return 0


def run_quality(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from quantize.quality_card import iter_quality_lines

    model = _find(arguments.model, make_workstation)
    base = _find(arguments.against, make_workstation) if arguments.against else None
    quality = _measure(model, base, read_text(arguments.text), arguments)
    if arguments.json:
        print(json.dumps(quality.to_json(), ensure_ascii=False, indent=1))
        return 0
    print("\n".join(iter_quality_lines(quality.to_json())))
    for place in quality.worst[:5]:
        print(f"\n{place.divergence:8.3f}  …{place.before[-60:]!r} → {place.token!r}")
    return 0


def _convert(folder: Path, arguments: argparse.Namespace) -> Path:
    """A GGUF in BF16 of a checkpoint, beside it or in the folder for what is made; one that is there already is used."""
    from quantize.gguf.convert import convert_checkpoint

    out = arguments.out
    place = out if out is not None and out.suffix != ".gguf" else (out or folder).parent
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{folder.resolve().name}-BF16.gguf"
    if not target.exists():
        with _Line(f"{folder.name}: converting", is_quiet=arguments.json) as line:
            convert_checkpoint(folder, target, "BF16", progress=line.show)
    return target


def _measure(model: Path, base: Path | None, text: str, arguments: argparse.Namespace) -> Quality:
    from quantize.quality import measure_quality

    with _Line(f"{model.name}: reading", is_quiet=arguments.json) as line:
        return measure_quality(
            model, text, base=base, most_windows=arguments.windows, threads=arguments.threads, progress=line.show
        )


def _read_recipes(arguments: argparse.Namespace) -> list[Recipe]:
    from models.errors import InvalidOption
    from quantize.recipe import Recipe, read_recipe

    overrides = []
    for text in arguments.override:
        pattern, separator, kind = text.rpartition("=")
        if not separator:
            raise InvalidOption(option="--override", value=text, allowed="PATTERN=TYPE")
        overrides.append((pattern, kind))
    fields: dict[str, Any] = {
        "output_type": arguments.output_type,
        "embedding_type": arguments.embedding_type,
        "is_pure": arguments.pure,
    }
    recipes = [Recipe(name.strip().upper(), tuple(overrides), **fields) for name in arguments.to.split(",") if name.strip()]
    if arguments.recipe:
        recipe = read_recipe(arguments.recipe)
        recipes.append(replace(recipe, overrides=(*overrides, *recipe.overrides)))
    return recipes


def name_target(source: Path, recipe: Recipe, out: Path | None, *, is_one: bool) -> Path:
    """Where the file goes: as asked, else beside the source with the type in place of the source's."""
    from quantize.gguf.types import FILE_TYPES

    stem = source.stem
    for name in sorted(FILE_TYPES, key=len, reverse=True):
        if stem.upper().endswith(("-" + name, "." + name, "_" + name)):
            stem = stem[: -len(name) - 1]
            break
    name = f"{stem}-{recipe.file_type.upper()}.gguf"
    if out is None:
        return source.with_name(name)
    if is_one and not out.is_dir() and out.suffix == ".gguf":
        return out
    out.mkdir(parents=True, exist_ok=True)
    return out / name


def read_text(path: Path) -> str:
    """A text to measure on.

    Raises:
        ModelNotFound, InvalidOption: it is not there, or not a text in UTF-8.
    """
    from models.errors import InvalidOption

    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidOption(option="--text", value=path, allowed=f"a file that can be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise InvalidOption(option="--text", value=path, allowed="a text in UTF-8") from None


def _find(reference: str, make_workstation: Callable[[], Workstation]) -> Path:
    path = Path(reference)
    if path.is_file() or path.is_dir():
        return path
    with make_workstation() as workstation:
        return Path(workstation.library.find(reference).path)


def _engine_version() -> str:
    from importlib.metadata import version

    return f"(llama-cpp-python {version('llama-cpp-python')})"


class _Line:
    """A line on the error stream that shows how far something is; silent where nobody looks."""

    def __init__(self, title: str, *, is_quiet: bool) -> None:
        self._title = title
        self._is_shown = not is_quiet and sys.stderr.isatty()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def show(self, fraction: float, words: str) -> None:
        """Draw the line again."""
        if self._is_shown:
            print(f"\r\033[K{self._title} {fraction:4.0%} {words[:50]}", end="", file=sys.stderr, flush=True)
