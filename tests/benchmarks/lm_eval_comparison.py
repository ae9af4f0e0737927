"""lm-evaluation-harness against the server and against transformers, on the same checkpoint: the numbers must be the same.

    python -m venv /tmp/lmeval && /tmp/lmeval/bin/pip install torch transformers accelerate "lm-eval[api]"
    python -m tests.benchmarks.lm_eval_comparison --harness /tmp/lmeval/bin/python

The starter's checkpoint (F32 on both sides) answers two tasks made here, one of log-likelihoods and one of generated text; nothing is
fetched. Prints what differs most; the exit status is 1 where a log-likelihood differs by 0.01 or more, or a text at all.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.api.server import run_server
from app.paths import make_paths
from app.services.server import ServerOptions
from app.workstation import make_workstation
from backends.options import LoadOptions
from quantize.gguf.convert import convert_checkpoint

CHECKPOINT = Path(__file__).resolve().parents[2] / "resources" / "starter" / "checkpoint"
MOST = 1e-2
SUBJECTS = (
    "quantization",
    "a context",
    "GGUF",
    "a KV cache",
    "temperature",
    "a token",
    "perplexity",
    "a LoRA",
    "量化",
    "上下文",
    "模型",
    "词元",
)
CHOICES = (
    " It is a number.",
    " It stores weights with fewer bits.",
    " 它用更少的位数存储权重。",
    " Rain falls on the old town at night.",
)
TASKS = {
    "yanmo_choice": {
        "output_type": "multiple_choice",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    },
    "yanmo_words": {
        "output_type": "generate_until",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": [".", "。"], "max_gen_toks": 16, "do_sample": False, "temperature": 0},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    },
}


def write_tasks(folder: Path) -> None:
    """The data, and a description of each task (YAML, of which JSON is a part)."""
    rows = [
        {"question": f"What is {subject}?" if subject.isascii() else f"什么是{subject}？", "choices": list(CHOICES), "answer": 1}
        for subject in SUBJECTS
    ]
    data = folder / "questions.json"
    data.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    for name, task in TASKS.items():
        whole = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "doc_to_text": "{{question}}",
            **task,
        }
        (folder / f"{name}.yaml").write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")


def run_harness(python: str, tasks: Path, out: Path, model: str, model_args: str) -> dict[tuple[str, int], Any]:
    """One run; what was answered to each document of each task."""
    command = [python, "-m", "lm_eval", "--model", model, "--model_args", model_args, "--tasks", ",".join(TASKS)]
    command += ["--include_path", str(tasks), "--log_samples", "--output_path", str(out), "--batch_size", "1"]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OPENAI_API_KEY": "none"}
    subprocess.run(command, check=True, env={**os.environ, **quiet, "HF_HOME": str(out / "cache")})
    found: dict[tuple[str, int], Any] = {}
    for path in out.rglob("samples_*.jsonl"):
        task = next(name for name in TASKS if name in path.name)
        for line in path.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            found[task, sample["doc_id"]] = sample["resps"]
    return found


def iter_numbers(answers: Any) -> Iterator[tuple[float, bool]]:
    """Log-likelihood and greediness of every choice."""
    for answer in answers:
        value, is_greedy = answer[0]
        yield float(value), str(is_greedy) == "True"


def compare(direct: dict[tuple[str, int], Any], served: dict[tuple[str, int], Any]) -> dict[str, Any]:
    """What differs, over all documents."""
    largest, count, greedy, texts = 0.0, 0, 0, 0
    for key in direct:
        if key[0] == "yanmo_choice":
            for (one, is_one), (other, is_other) in zip(iter_numbers(direct[key]), iter_numbers(served[key]), strict=True):
                largest, count = max(largest, abs(one - other)), count + 1
                greedy += is_one != is_other
        else:
            texts += direct[key] != served[key]
    words = sum(key[0] == "yanmo_words" for key in direct)
    found = {"loglikelihoods": count, "largest_difference": largest, "other_greediness": greedy}
    return {**found, "texts": words, "other_texts": texts}


def main() -> int:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", required=True, help="the Python that has lm-eval")
    parser.add_argument(
        "--usual", action="store_true", help="keys and values in F16, as usual, instead of F32 as transformers has them"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = convert_checkpoint(CHECKPOINT, folder / "starter-F32.gguf", "F32")
        write_tasks(folder)
        direct_args = f"pretrained={CHECKPOINT},dtype=float32"
        direct = run_harness(arguments.harness, folder, folder / "direct", "hf", direct_args)
        with make_workstation(make_paths(folder / "data")) as workstation:
            workstation.server.start_server = functools.partial(run_server, workstation)
            address = workstation.server.start(ServerOptions(port=0))
            card = workstation.library.import_model(Path(model))
            # As usual keys and values are in F16, which flash attention always makes of them: sums of some ninety nats differ by 0.02.
            exact = LoadOptions() if arguments.usual else LoadOptions(kv_type="f32", flash_attention=False)
            workstation.engines.set_options(card.id, exact)
            served_args = (
                f"model={card.id},base_url={address}/v1/completions,tokenizer_backend=huggingface,tokenizer={CHECKPOINT}"
            )
            served_args += ",tokenized_requests=True,num_concurrent=4"
            served = run_harness(arguments.harness, folder, folder / "served", "local-completions", served_args)
    result = compare(direct, served)
    print(json.dumps(result, indent=1))
    is_same = result["largest_difference"] < MOST and not result["other_texts"] and not result["other_greediness"]
    return 0 if is_same and result["loglikelihoods"] and result["texts"] else 1


if __name__ == "__main__":
    sys.exit(main())
