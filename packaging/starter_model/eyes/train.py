"""One command that makes the starter with eyes: tokenizer, training, export and measurements.

Usage: ``python packaging/starter_model/eyes/train.py [--minutes N] [--out resources/starter/eyes]``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from starter_model.eyes.export import export_cache, read_weights
from starter_model.eyes.network import Shape
from starter_model.eyes.tokens import load_tokenizer, train_tokenizer
from starter_model.eyes.training import Plan, Run

ROOT = Path(__file__).resolve().parents[3]
STAGES = ("train", "export", "measure")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=Plan().minutes, help="training time")
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "starter" / "eyes")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "yanmo-starter-eyes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--adam-rate", type=float, default=Plan().adam_rate)
    parser.add_argument("--muon-rate", type=float, default=Plan().muon_rate)
    parser.add_argument("--looking-share", type=float, default=Plan().looking_share, help="of the time, for the tower alone")
    parser.add_argument("--eager", action="store_true", help="do not use torch.compile (needs a C++ compiler)")
    parser.add_argument("--begin-from", type=Path, help="a folder of an earlier run's export: go on from its checkpoint")
    parser.add_argument("--fresh", action="store_true", help="ignore an earlier checkpoint in the cache")
    parser.add_argument("--only", choices=STAGES, help="do one stage")
    return parser.parse_args()


def make_run(arguments: argparse.Namespace) -> Run:
    """Build the run; its tokenizer is trained once and kept in the cache folder."""
    cache: Path = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    if arguments.fresh:
        (cache / "checkpoint.pt").unlink(missing_ok=True)
        (cache / "tokenizer.json").unlink(missing_ok=True)
    shape = Shape()
    if arguments.begin_from and not (cache / "tokenizer.json").exists():
        shutil.copy(arguments.begin_from / "checkpoint" / "tokenizer.json", cache / "tokenizer.json")
    if not (cache / "tokenizer.json").exists():
        train_tokenizer(shape.vocabulary, arguments.seed).save(str(cache / "tokenizer.json"))
    plan = Plan(
        minutes=arguments.minutes, seed=arguments.seed, muon_rate=arguments.muon_rate, adam_rate=arguments.adam_rate,
        compiled=not arguments.eager, looking_share=arguments.looking_share,
    )  # fmt: skip
    return Run(plan, shape, load_tokenizer(cache / "tokenizer.json"), cache)


def main() -> None:
    """Run the stages asked for."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    stages = (arguments.only,) if arguments.only else STAGES
    if "train" in stages:
        run = make_run(arguments)
        signal.signal(signal.SIGTERM, run.stop)
        is_resumed = run.resume()
        if arguments.begin_from and not is_resumed:
            facts = json.loads((arguments.begin_from / "measurements.json").read_text(encoding="utf-8"))["training"]
            run.begin_from(read_weights(arguments.begin_from / "checkpoint", run.network), facts)
        print("resumed" if is_resumed else "started", flush=True)
        run.train(lambda line: print(line, flush=True))
        if run.stopped:
            print("stopped; the same command continues")
            return
    if "export" in stages:
        export_cache(arguments.cache, arguments.out)
    if "measure" in stages:
        from starter_model.eyes.measure import measure

        measure(arguments.cache, arguments.out)


if __name__ == "__main__":
    main()
