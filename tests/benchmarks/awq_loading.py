"""Four-bit folders of Yanmo read by others: the largest difference of their logits from ours, in float32.

    python -m tests.benchmarks.awq_loading --gptqmodel PYTHON --llmcompressor PYTHON --mlx PYTHON

The environments are those of ``docs/benchmarks.md``. Values go to ``tests/quantize/awq/reference_loaders.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy

from quantize.awq.recipe import AUTOAWQ, COMPRESSED_TENSORS, AwqRecipe
from quantize.awq.run import cut_calibration, quantize_here
from quantize.calibration import builtin_text, held_out_text
from tests.structured_models import STARTER, make_structured

RESULTS = Path(__file__).parents[1] / "quantize" / "awq" / "reference_loaders.json"
LOADER = Path(__file__).with_name("awq_loader.py")
TOKENS = 256
READERS = {
    "gptqmodel": ("gptqmodel", AUTOAWQ),
    "gptqmodel-multiplied": ("gptqmodel", AUTOAWQ),
    "compressed-tensors": ("llmcompressor", COMPRESSED_TENSORS),
    "mlx": ("mlx", AUTOAWQ),
    "mlx-unrounded": ("mlx", AUTOAWQ),
}
"""Whose environment has it, and the layout it is given."""


def main() -> None:
    """Make the folders, let everybody read them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for tool in {tool for tool, _ in READERS.values()}:
        parser.add_argument(f"--{tool}", required=True, metavar="PYTHON")
    pythons = vars(parser.parse_args())
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, source in (("starter", STARTER), ("Qwen2", make_structured("qwen2", folder / "source"))):
            ids = cut_calibration(source, held_out_text(), AwqRecipe(windows=1))[0][:TOKENS]
            (folder / "tokens.json").write_text(json.dumps(ids), encoding="utf-8")
            ours = {}
            for layout in (AUTOAWQ, COMPRESSED_TENSORS):
                target = folder / f"{kind}-{layout}"
                recipe = AwqRecipe(windows=4, layout=layout).to_json()
                quantize_here(str(source), str(target), recipe, builtin_text(), 1, lambda fraction, words: None)
                ours[layout] = read_ours(target, ids)
            found[kind] = {"largest_logit": round(float(numpy.abs(ours[AUTOAWQ]).max()), 1)}
            for how, (tool, layout) in READERS.items():
                theirs = read_theirs(pythons[tool], how, folder / f"{kind}-{layout}", folder)
                found[kind][how] = far(theirs, ours[layout])
            print(kind, found[kind], flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def far(first: Any, second: Any) -> float:
    """The largest difference."""
    return float(f"{numpy.abs(first - second).max():.2g}")


def read_ours(folder: Path, ids: list[int]) -> Any:
    """Logits of the torch engine's own reader, in float32."""
    import torch

    from backends.torch_transformers.loading import load_network

    model = load_network(folder, "cpu", torch.float32, lambda fraction: True, attention="sdpa").model
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].numpy()


def read_theirs(python: str, how: str, target: Path, folder: Path) -> Any:
    """Logits of another loader, in its own environment."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    out = folder / f"{how}.npy"
    command = [python, str(LOADER), how, str(target), str(folder / "tokens.json"), str(out)]
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    return numpy.load(out)


if __name__ == "__main__":
    main()
