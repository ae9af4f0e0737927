"""``yanmo quantize``: smaller files from a GGUF or a checkpoint, each with the proof of what it cost."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.progress_line import ProgressLine, find_model

if TYPE_CHECKING:
    from app.workstation import Workstation
    from quantize.awq.recipe import AwqRecipe
    from quantize.order import Order
    from quantize.pipeline import Step
    from quantize.recipe import Recipe

_EXAMPLES = """examples:
  yanmo quantize model-F16.gguf --to Q4_K_M
  yanmo quantize Qwen3-0.6B/ --to Q8_0,Q4_K_M,IQ3_M --imatrix auto --out small/
  yanmo quantize model-F16.gguf --to Q4_K_M --override "ffn_down=Q6_K"
  yanmo quantize model-F16.gguf --recipe mine.toml --text held-out.txt
  yanmo quantize model-F16.gguf --to balanced --dry-run
  yanmo quantize Qwen3-0.6B/ --to awq --group-size 64 --text builtin --out Qwen3-0.6B-AWQ/

Run it again after it was killed: what is finished is not done again.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``quantize`` to the main parser."""
    parser = subparsers.add_parser(
        "quantize",
        help="make a smaller GGUF or AWQ checkpoint and write its quality card",
        description="Make smaller files from a GGUF in F32, F16 or BF16, or from a Hugging Face checkpoint; from a checkpoint also a "
        "4-bit one (AWQ). Each gets a card, beside it and inside it: what it is, how it was made and what it cost.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", help="a GGUF file, a checkpoint folder (safetensors), or a model in the library")
    parser.add_argument("--to", metavar="TYPE[,TYPE…]", default="", help="Q4_K_M, Q8_0, IQ4_XS … any type of llama.cpp, or awq")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="a TOML recipe, as the card shows it")
    matrix = "importance matrix: auto reads --calibration, or a file"
    parser.add_argument("--imatrix", metavar="auto|FILE|none", default="none", help=matrix)
    texts = "what auto reads: builtin (English, Chinese, code, chats), conversations (your own), or a file or folder"
    parser.add_argument("--calibration", metavar="TEXT", default="builtin", help=texts)
    overriding = "another type for tensors whose name matches"
    parser.add_argument("--override", action="append", default=[], metavar="PATTERN=TYPE", help=overriding)
    parser.add_argument("--output-type", default="", metavar="TYPE", help="type of the output tensor")
    parser.add_argument("--embedding-type", default="", metavar="TYPE", help="type of the token embeddings")
    parser.add_argument("--pure", action="store_true", help="the same type for every tensor")
    parser.add_argument("--requantize", action="store_true", help="allow a source that is quantized already")
    parser.add_argument("--keep-split", action="store_true", help="keep a source that lies in parts in as many parts")
    measured = "measure the loss on this text, which calibration must not have seen; builtin, or none for no measuring"
    parser.add_argument("--text", default="none", metavar="FILE|builtin|none", help=measured)
    windows = "measure on N windows of 512 tokens instead of the whole text"
    parser.add_argument("--windows", type=int, default=0, metavar="N", help=windows)
    parser.add_argument("--imatrix-windows", type=int, default=0, metavar="N", help="read N windows for the importance matrix")
    parser.add_argument("--out", type=Path, metavar="PATH", help="the file or AWQ folder to write, or the folder for several")
    _add_awq(parser)
    eyes = "type of the projector (mmproj) of a checkpoint that sees: F16, Q8_0, BF16, F32, or none for a blind model"
    parser.add_argument("--projector", default="F16", metavar="TYPE", help=eyes)
    parser.add_argument("--converter", default="", metavar="FILE", help="llama.cpp's converter, for unknown architectures")
    parser.add_argument("--dry-run", action="store_true", help="only say how large each file will be")
    parser.add_argument("--save-recipe", type=Path, metavar="FILE", help="write the first recipe as TOML")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 for one fewer than the cores")
    parser.add_argument("--json", action="store_true", help="print the cards as JSON")
    parser.set_defaults(run=run_quantize)


def _add_awq(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for --to awq")
    sizes = "weights that share a scale: 128, 64 or 32; smaller loses less and takes more"
    group.add_argument("--group-size", type=int, default=128, metavar="N", help=sizes)
    layouts = "autoawq (transformers, vLLM, SGLang, LMDeploy, mlx-lm) or compressed-tensors (vLLM's own)"
    group.add_argument("--format", default="autoawq", metavar="NAME", help=layouts)
    group.add_argument("--symmetric", action="store_true", help="put zero in the middle of each group")
    rounding = "compensated hands each rounding error on to the weights after it; nearest rounds each alone"
    group.add_argument("--rounding", default="compensated", metavar="NAME", help=rounding)
    windows = "read N windows of 512 tokens of --calibration"
    group.add_argument("--calibration-windows", type=int, default=64, metavar="N", help=windows)
    group.add_argument("--seed", type=int, default=0, metavar="N", help="which windows of the text are read")


def run_quantize(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from app.services.torch_pack import use_torch_pack_of
    from quantize.awq.recipe import AwqRecipe, write_awq_recipe
    from quantize.pipeline import Pipeline
    from quantize.quality_card import write_markdown
    from quantize.recipe import write_recipe

    recipes = _read_recipes(arguments)
    if not recipes:
        print("yanmo quantize: say what to make: --to TYPE, or --recipe FILE.", file=sys.stderr)
        return 2
    use_torch_pack_of(arguments.paths)
    source = find_model(arguments.source, make_workstation)
    if arguments.save_recipe:
        first = recipes[0]
        text = write_awq_recipe(first) if isinstance(first, AwqRecipe) else write_recipe(first)
        arguments.save_recipe.write_text(text, encoding="utf-8")
    if arguments.dry_run:
        return _say_sizes(source, recipes, arguments)
    order = _make_order(source, recipes, arguments, make_workstation)
    with ProgressLine(is_quiet=arguments.json) as line:

        def tell(step: Step) -> None:
            line.show(step.fraction, f"[{step.number}/{step.count}] {step.kind} {step.file} {step.words}")

        cards = Pipeline(order, lambda text: read_source(text, make_workstation), read_measured=read_measured, tell=tell).run()
    if arguments.json:
        print(json.dumps([card.to_json() for card in cards], ensure_ascii=False, indent=1))
    else:
        print("\n".join(write_markdown(card) for card in cards))
    return 1 if any(card.fault for card in cards) else 0


def _make_order(
    source: Path, recipes: list[Recipe | AwqRecipe], arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]
) -> Order:
    from quantize.awq.recipe import AwqRecipe
    from quantize.order import Order

    converter, python = arguments.converter, "python3"
    if source.is_dir() and not converter:
        with make_workstation() as workstation:
            converter = str(workstation.settings.get("quantize.converter"))
            python = str(workstation.settings.get("quantize.converter_python"))
    order = Order(
        str(source),
        tuple(recipes),
        str(arguments.out or ""),
        arguments.imatrix,
        arguments.calibration,
        "" if arguments.text == "none" else arguments.text,
        arguments.windows,
        arguments.imatrix_windows,
        arguments.threads,
        arguments.requantize,
        arguments.keep_split,
        converter,
        python,
        is_target=bool(arguments.out) and len(recipes) == 1 and isinstance(recipes[0], AwqRecipe),
        projector=arguments.projector if arguments.projector == "none" else arguments.projector.upper(),
    )
    # mistakes in texts are told before an hour of work
    if order.measure:
        read_measured(order.measure)
    reads_text = order.imatrix == "auto" or any(isinstance(recipe, AwqRecipe) for recipe in recipes)
    if reads_text and order.calibration != "conversations":
        read_source(order.calibration, make_workstation)
    return order


def read_source(name: str, make_workstation: Callable[[], Workstation]) -> str:
    """A text to read: builtin, conversations, or a file or folder.

    Raises:
        InvalidOption: it cannot be read.
    """
    from quantize.calibration import builtin_text, read_texts

    if name == "builtin":
        return builtin_text()
    if name == "conversations":
        with make_workstation() as workstation:
            return workstation.quantizing.read_text(name)
    return read_texts(Path(name))


def read_measured(name: str) -> str:
    """A text to measure on: builtin is the held-out one.

    Raises:
        InvalidOption: it cannot be read.
    """
    from quantize.calibration import held_out_text, read_texts

    return held_out_text() if name == "builtin" else read_texts(Path(name), option="--text")


def _say_sizes(source: Path, recipes: list[Recipe | AwqRecipe], arguments: argparse.Namespace) -> int:
    from models.errors import QuantizationFailed
    from quantize.awq.recipe import AwqRecipe
    from quantize.awq.size_prediction import predict_bytes
    from quantize.gguf.size_prediction import count_values, estimate_bytes, predict_files

    if source.is_dir():
        count = count_values(source)
        sizes = [
            predict_bytes(source, one) if isinstance(one, AwqRecipe) else estimate_bytes(count, one.file_type) for one in recipes
        ]
    else:
        files = [recipe for recipe in recipes if not isinstance(recipe, AwqRecipe)]
        if len(files) < len(recipes):
            reason = "AWQ is made from a checkpoint folder (safetensors), and this is a GGUF file."
            raise QuantizationFailed(file=source.name, reason=reason)
        sizes = [prediction.size_bytes for prediction in predict_files(source, files)]
    if arguments.json:
        print(json.dumps([{"file_type": r.file_type, "size_bytes": size} for r, size in zip(recipes, sizes, strict=True)]))
        return 0
    for recipe, size in zip(recipes, sizes, strict=True):
        print(f"{recipe.file_type:10} {size / 2**20:12,.1f} MB{' (roughly)' if source.is_dir() else ''}")
    return 0


def _read_awq_recipe(arguments: argparse.Namespace) -> AwqRecipe:
    from quantize.awq.recipe import AwqRecipe

    return AwqRecipe(
        group_size=arguments.group_size,
        is_symmetric=arguments.symmetric,
        layout=arguments.format,
        rounding=arguments.rounding,
        windows=arguments.calibration_windows,
        seed=arguments.seed,
    )


def _read_recipes(arguments: argparse.Namespace) -> list[Recipe | AwqRecipe]:
    from models.errors import InvalidOption
    from quantize.awq.recipe import AwqRecipe
    from quantize.presets import PRESETS
    from quantize.recipe import Recipe, read_any_recipe

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
    presets = {preset.name.casefold(): preset.file_type for preset in PRESETS}
    names = [name.strip() for name in arguments.to.split(",") if name.strip()]
    recipes: list[Recipe | AwqRecipe] = []
    for name in names:
        kind = presets.get(name.casefold(), name.upper())
        if kind in ("AWQ", "AWQ-4"):
            recipes.append(_read_awq_recipe(arguments))
        else:
            recipes.append(Recipe(kind, tuple(overrides), **fields))
    if arguments.recipe:
        recipe = read_any_recipe(arguments.recipe)
        recipes.append(recipe if isinstance(recipe, AwqRecipe) else replace(recipe, overrides=(*overrides, *recipe.overrides)))
    return recipes
