"""Builds Llama models of any shape with random weights, the same for the same seed, for tests and benches.

Usage: ``python packaging/starter_model/random_model.py --preset tiny --gguf FILE [--kind Q8_0] [--checkpoint DIR] [--seed N]``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from starter_model.export import quantize, write_checkpoint, write_gguf
from starter_model.network import Llama, Shape
from starter_model.tokens import load_tokenizer
from tokenizers import Tokenizer

TOKENIZER = Path(__file__).resolve().parents[2] / "resources" / "starter" / "checkpoint" / "tokenizer.json"
PRESETS = {
    # 1.5 million parameters: loads in milliseconds.
    "tiny": Shape(hidden=256, feed_forward=256, layers=1, heads=4, kv_heads=2, context=2048),
    # The starter's own shape.
    "starter": Shape(),
    # 77 million: heavy enough to time one request.
    "small": Shape(vocabulary=8192, hidden=768, feed_forward=2048, layers=11, heads=12, kv_heads=4, context=4096),
    # 0.46 billion, every row a multiple of 256: what benches of throughput use.
    "half_billion": Shape(vocabulary=32000, hidden=1024, feed_forward=4096, layers=28, heads=16, kv_heads=4, context=8192),
}


def random_network(shape: Shape, seed: int = 0) -> Llama:
    """Return a network of this shape with random weights; equal seeds give equal weights."""
    return Llama(shape, seed).eval()


def write_random_gguf(path: Path, shape: Shape, seed: int = 0, kind: str = "F16", tokenizer: Tokenizer | None = None) -> None:
    """Write a random model as GGUF; kind is "F32", "F16" or a quantization such as "Q4_K_M".

    The tokenizer is the starter's unless another is given; a larger vocabulary is filled with unused tokens.
    """
    network, tokenizer = random_network(shape, seed), tokenizer or load_tokenizer(TOKENIZER)
    name = f"Random {shape.hidden}x{shape.layers} seed {seed}"
    if kind in ("F32", "F16"):
        write_gguf(network, tokenizer, path, wide=kind == "F32", name=name)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        full = Path(folder) / "full.gguf"
        write_gguf(network, tokenizer, full, name=name)
        quantize(full, path, kind)


def write_random_checkpoint(folder: Path, shape: Shape, seed: int = 0, tokenizer: Tokenizer | None = None) -> None:
    """Write a random model as a transformers checkpoint (bf16 safetensors)."""
    write_checkpoint(random_network(shape, seed), tokenizer or load_tokenizer(TOKENIZER), folder)


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--kind", default="F16", help="F32, F16, Q8_0, Q4_K_M ...")
    parser.add_argument("--checkpoint", type=Path, help="folder for a transformers checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    shape = PRESETS[arguments.preset]
    if arguments.gguf:
        write_random_gguf(arguments.gguf, shape, arguments.seed, arguments.kind)
    if arguments.checkpoint:
        write_random_checkpoint(arguments.checkpoint, shape, arguments.seed)


if __name__ == "__main__":
    main()
