"""``yanmo convert`` and ``yanmo lora``: checkpoints and adapters become GGUF."""

from __future__ import annotations

import argparse
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
        description="Safetensors in F32, F16, BF16 or FP8, whole or in shards, without torch. “yanmo quantize” does this by itself.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="FOLDER", help="the checkpoint")
    parser.add_argument("--to", default="", metavar="TYPE", help="F32, F16, BF16 or Q8_0; without it the one that loses nothing")
    parser.add_argument(
        "--split-max-size", default="", metavar="SIZE", help="cut the file into parts of at most so much, such as 4GB"
    )
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
    from quantize.gguf.convert import convert_checkpoint, lossless_type

    folder: Path = arguments.source
    kind = (arguments.to or lossless_type(folder)).upper()
    out = arguments.out or folder.resolve().parent
    target = out if out.suffix == ".gguf" and not out.is_dir() else out / f"{folder.resolve().name}-{kind}.gguf"
    split = read_size(arguments.split_max_size, "--split-max-size") if arguments.split_max_size else 0
    with ProgressLine(f"{folder.name}: converting", is_quiet=False) as line:
        print(convert_checkpoint(folder, target, kind, split_bytes=split, progress=line.show))
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
