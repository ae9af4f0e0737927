"""``yanmo convert`` and ``yanmo lora``: checkpoints and adapters become GGUF."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.progress_line import ProgressLine
from app.cli.search_recipe import read_size

if TYPE_CHECKING:
    from app.workstation import Workstation

_EXAMPLES = """examples:
  yanmo convert Qwen3-0.6B/ --to BF16
  yanmo convert Llama-70B/ --to Q8_0 --split-max-size 40GB --out parts/
  yanmo convert Qwen3-0.6B-AWQ/ --to safetensors --out Qwen3-0.6B-16bit/
"""
_LORA_EXAMPLES = """examples:
  yanmo lora convert my-adapter/ --base Qwen3-0.6B/ --out my-adapter.gguf
  yanmo lora merge my-adapter/ --base Qwen3-0.6B/ --out Qwen3-0.6B-mine/
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``convert`` and ``lora`` to the main parser."""
    parser = subparsers.add_parser(
        "convert",
        help="make a GGUF of a Hugging Face checkpoint",
        description="Safetensors in F32, F16, BF16 or FP8, whole or in shards, without torch; with it also those in four bits (AWQ, "
        "compressed-tensors), which become 16-bit ones first. “yanmo quantize” does this by itself.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="FOLDER", help="the checkpoint")
    kinds = "F32, F16, BF16 or Q8_0, without it the one that loses nothing; safetensors for a 16-bit copy of a 4-bit checkpoint"
    parser.add_argument("--to", default="", metavar="TYPE", help=kinds)
    parser.add_argument(
        "--split-max-size", default="", metavar="SIZE", help="cut the file into parts of at most so much, such as 4GB"
    )
    eyes = "type of the projector (mmproj) of a checkpoint that sees: F16, Q8_0, BF16, F32, or none for a blind model"
    parser.add_argument("--projector", default="F16", metavar="TYPE", help=eyes)
    parser.add_argument("--out", type=Path, metavar="PATH", help="the file to write, or the folder")
    parser.set_defaults(run=run_convert)
    lora = subparsers.add_parser(
        "lora",
        help="convert a LoRA adapter, or merge it into its model",
        description="Adapters as PEFT saves them (safetensors).",
        epilog=_LORA_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lora.add_argument("action", choices=("convert", "merge"), help="into a GGUF adapter, or into a copy of the checkpoint")
    lora.add_argument("adapter", type=Path, metavar="ADAPTER", help="the adapter's folder")
    lora.add_argument("--base", type=Path, required=True, metavar="FOLDER", help="the checkpoint it is for")
    lora.add_argument("--out", type=Path, required=True, metavar="PATH", help="the file or folder to write")
    lora.set_defaults(run=run_lora)


def run_convert(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The command."""
    from quantize.awq.dequantize_checkpoint import is_packed
    from quantize.gguf.convert import convert_checkpoint, lossless_type
    from quantize.gguf.convert_projector import convert_projector, projector_name
    from quantize.projector_step import can_see

    folder: Path = arguments.source
    if is_packed(folder):
        return _convert_packed(arguments)
    kind = (arguments.to or lossless_type(folder)).upper()
    out = arguments.out or folder.resolve().parent
    target = out if out.suffix == ".gguf" and not out.is_dir() else out / f"{folder.resolve().name}-{kind}.gguf"
    split = read_size(arguments.split_max_size, "--split-max-size") if arguments.split_max_size else 0
    with ProgressLine(f"{folder.name}: converting", is_quiet=False) as line:
        made = convert_checkpoint(folder, target, kind, split_bytes=split, progress=line.show)
    print(made)
    if arguments.projector != "none" and can_see(folder):
        eyes = target.with_name(projector_name(folder.resolve().name, arguments.projector))
        with ProgressLine(f"{folder.name}: projector", is_quiet=False) as line:
            made = convert_projector(folder, eyes, arguments.projector, progress=line.show)
        print(made)
    return 0


def _convert_packed(arguments: argparse.Namespace) -> int:
    """Four bits become sixteen, and those a GGUF, where one is wanted."""
    from app.services.torch_pack import use_torch_pack_of
    from quantize.awq.dequantize_checkpoint import dequantize_checkpoint
    from quantize.gguf.convert import convert_checkpoint

    use_torch_pack_of(arguments.paths)
    folder: Path = arguments.source
    kind = arguments.to.upper() or "F16"
    name, out = folder.resolve().name, arguments.out or folder.resolve().parent
    with ProgressLine(f"{folder.name}: dequantizing", is_quiet=False) as line:
        if kind == "SAFETENSORS":
            print(dequantize_checkpoint(folder, arguments.out or out / f"{name}-16bit", progress=line.show))
            return 0
        target = out if out.suffix == ".gguf" and not out.is_dir() else out / f"{name}-{kind}.gguf"
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".dequantized", dir=target.parent) as place:
            float_copy = dequantize_checkpoint(folder, Path(place) / name, progress=line.show)
            split = read_size(arguments.split_max_size, "--split-max-size") if arguments.split_max_size else 0
            print(convert_checkpoint(float_copy, target, kind, split_bytes=split, progress=line.show))
    return 0


def run_lora(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The command."""
    from quantize.gguf.lora import convert_adapter, merge_adapter

    if arguments.action == "convert":
        print(convert_adapter(arguments.adapter, arguments.base, arguments.out))
    else:
        with ProgressLine("merging", is_quiet=False) as line:
            made = merge_adapter(arguments.base, arguments.adapter, arguments.out, progress=line.show)
        print(made)
    return 0
