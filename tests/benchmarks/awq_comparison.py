"""Our AWQ against AutoAWQ, gptqmodel and llm-compressor: the same models, the same calibration and held-out text, in one run.

    python -m tests.benchmarks.awq_comparison --tool autoawq=PYTHON --tool gptqmodel=PYTHON --tool llmcompressor=PYTHON

Each PYTHON has that tool in an environment of its own; ``docs/benchmarks.md`` says how they are made. Values go to
``tests/quantize/awq/reference_tools.json``, with which the tests compare. What is measured already is kept unless ``--again`` names it.
``--cost`` measures time and memory instead, on a Llama of the shape of 0.1 billion parameters, all of them in one run and from anew; the
values go to ``reference_costs.json`` beside the others once everybody is done.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from quantize.awq.recipe import AwqRecipe
from quantize.awq.run import cut_calibration
from quantize.calibration import builtin_text, held_out_text
from quantize.quality import measure_here
from tests.structured_models import FAMILIES, STARTER, make_structured

RESULTS = Path(__file__).parents[1] / "quantize" / "awq" / "reference_tools.json"
COSTS = RESULTS.with_name("reference_costs.json")
ORACLE = Path(__file__).with_name("awq_oracle.py")
KINDS = ("starter", "outliers", *FAMILIES)
WINDOWS = 16
OURS, PLAIN = "yanmo", "nearest"
_OURS = (
    "import sys, time, json\nfrom quantize.probe import _peak_memory\n"
    "from quantize.awq import layer_work\nfrom quantize.awq.run import quantize_here\nfrom quantize.awq.recipe import AwqRecipe\n"
    "from quantize.calibration import builtin_text\n"
    "if sys.argv[3] == 'nearest': layer_work.WAYS = tuple(way for way in layer_work.WAYS if way.name == 'plain')\n"
    "started, worked = time.perf_counter(), time.process_time()\n"
    "recipe = AwqRecipe(windows=int(sys.argv[4])).to_json()\n"
    "quantize_here(sys.argv[1], sys.argv[2], recipe, builtin_text(), 1, lambda fraction, words: None)\n"
    "told = {'seconds': time.perf_counter() - started, 'cpu_seconds': time.process_time() - worked}\n"
    "print(json.dumps({**told, 'memory_mb': _peak_memory() / 2**20}))\n"
)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--models", default=",".join(KINDS))
    parser.add_argument("--again", default="")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--windows", type=int, default=WINDOWS, help="windows of 512 tokens to calibrate on")
    given = parser.parse_args()
    pythons = dict(tool.split("=", 1) for tool in given.tool)
    with tempfile.TemporaryDirectory() as folder:
        if given.cost:
            compare_costs(Path(folder), pythons, given.windows)
        else:
            for kind in given.models.split(","):
                compare_quality(kind, Path(folder), pythons, set(given.again.split(",")))


def compare_quality(kind: str, folder: Path, pythons: dict[str, str], again: set[str]) -> None:
    """KL divergences of one model, quantized by everybody, into the file of values."""
    source = make_structured(kind, folder / kind)
    for tool in (OURS, PLAIN, *pythons):
        found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        values = found.setdefault(kind, {})
        if tool in values and tool not in again:
            continue
        target = folder / f"{kind}-{tool}"
        facts = run_tool(tool, source, target, pythons)
        if "failed" in facts:
            values[tool] = facts
            RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(kind, tool, facts, flush=True)
            continue
        quality = measure_here(str(target), str(source), held_out_text(), 0, 1, lambda fraction, words: None)
        values[tool] = {"kl": round(quality.kl_mean, 5), "perplexity": round(quality.perplexity, 2), **facts}
        values["float"] = {"perplexity": round(quality.base_perplexity, 2)}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(kind, tool, values[tool], flush=True)
        shutil.rmtree(target)


def run_tool(tool: str, source: Path, target: Path, pythons: dict[str, str], windows: int = WINDOWS) -> dict[str, Any]:
    """Run one quantizer in a process of its own: seconds, processor seconds, and the most memory it had; or why it failed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
        "GPTQMODEL_CPU_WORKERS": "2",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if tool in (OURS, PLAIN):
        command = [sys.executable, "-c", _OURS, str(source), str(target), tool, str(windows)]
    else:
        tokens = target.with_suffix(".tokens.json")
        tokens.write_text(json.dumps(cut_calibration(source, builtin_text(), AwqRecipe(windows=windows))), encoding="utf-8")
        command = [pythons[tool], str(ORACLE), tool, str(source), str(target), str(tokens)]
        environment.pop("PYTHONPATH", None)
    output = target.with_suffix(".output")
    with output.open("w") as stream:
        code = subprocess.run(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=target.parent, check=False
        ).returncode
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    if code:
        return {"failed": next((line for line in reversed(lines) if line.strip()), "")[:200]}
    told = json.loads(next(line for line in reversed(lines) if line.startswith("{") and "cpu_seconds" in line))
    return {key: round(value, 1) for key, value in told.items()}


def make_small_llama(folder: Path) -> Path:
    """A Llama of 8 layers of 768 with 32,000 tokens, random weights, about 0.1 billion parameters; the starter's tokenizer."""
    import torch
    import transformers

    config: Any = transformers.LlamaConfig(
        vocab_size=32000,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=8,
        num_attention_heads=12,
        num_key_value_heads=12,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=2,
    )
    torch.manual_seed(1)
    transformers.LlamaForCausalLM(config).bfloat16().save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"):
        shutil.copy(STARTER / name, folder / name)
    return folder


def compare_costs(folder: Path, pythons: dict[str, str], windows: int) -> None:
    """Everybody in turn, and the values into the file where all could."""
    source = make_small_llama(folder / "small")
    found: dict[str, Any] = {"windows": windows}
    for tool in (OURS, *pythons):
        found[tool] = run_tool(tool, source, folder / tool, pythons, windows)
        print(tool, found[tool], flush=True)
    if not any("failed" in found[tool] for tool in (OURS, *pythons)):
        COSTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
