"""One command that makes the starter model: corpus, tokenizer, training, export and measurements.

Usage: ``python packaging/starter_model/train.py --data DIR [--minutes N] [--out resources/starter]``
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from starter_model.batches import DialogRows, ProseWindows
from starter_model.card import write_card
from starter_model.corpus import LONG_SEED_OFFSET, Corpus, read_prose
from starter_model.export import export_cache
from starter_model.measure import measure
from starter_model.network import Llama, Shape
from starter_model.tokens import encode_text, load_tokenizer, train_tokenizer
from starter_model.training import Plan, Run

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("train", "export", "measure")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of *-en.txt and *-zh.txt prose")
    parser.add_argument("--minutes", type=float, default=92.0, help="training time (default 92)")
    parser.add_argument("--steps", type=int, help="train for this many steps instead of minutes")
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "starter")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "yanmo-starter")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--adam-rate", type=float, default=Plan().adam_rate)
    parser.add_argument("--muon-rate", type=float, default=Plan().muon_rate)
    parser.add_argument("--eager", action="store_true", help="do not use torch.compile (needs a C++ compiler)")
    parser.add_argument("--fresh", action="store_true", help="ignore an earlier checkpoint in the cache")
    parser.add_argument("--start", type=Path, help="begin with the weights and tokenizer of this exported checkpoint folder")
    parser.add_argument("--only", choices=STAGES, help="do one stage")
    return parser.parse_args()


def make_run(arguments: argparse.Namespace) -> Run:
    """Build the run; its tokenizer is trained once and kept in the cache folder."""
    prose = read_prose(arguments.data)
    corpus = Corpus(prose, seed=arguments.seed)
    cache: Path = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    if arguments.fresh:
        (cache / "checkpoint.pt").unlink(missing_ok=True)
        (cache / "tokenizer.json").unlink(missing_ok=True)
    if arguments.start and not (cache / "tokenizer.json").exists():
        shutil.copyfile(arguments.start / "tokenizer.json", cache / "tokenizer.json")
    shape = Shape()
    if not (cache / "tokenizer.json").exists():
        train_tokenizer(corpus, prose, shape.vocabulary).save(str(cache / "tokenizer.json"))
    tokenizer = load_tokenizer(cache / "tokenizer.json")
    windows = ProseWindows({name: encode_text(tokenizer, text) for name, text in prose.train.items()}, arguments.seed)
    plan = Plan(
        minutes=arguments.minutes, steps=arguments.steps, seed=arguments.seed, muon_rate=arguments.muon_rate, adam_rate=arguments.adam_rate,
        compiled=not arguments.eager,
    )  # fmt: skip
    long_dialogs = DialogRows(Corpus(prose, seed=arguments.seed + LONG_SEED_OFFSET), tokenizer, long=True)
    return Run(Llama(shape, arguments.seed), plan, DialogRows(corpus, tokenizer), long_dialogs, windows, cache)


def main() -> None:
    """Run the stages asked for."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    stages = (arguments.only,) if arguments.only else STAGES
    if "train" in stages:
        run = make_run(arguments)
        signal.signal(signal.SIGTERM, run.stop)
        resumed = run.resume()
        if arguments.start and not resumed:
            run.start_from(arguments.start)
        print("resumed" if resumed else "started", flush=True)
        run.train(lambda line: print(line, flush=True))
        run.write_facts()
        if run.stopped:
            print("stopped; the same command continues")
            return
    if "export" in stages:
        export_cache(arguments.cache, arguments.out)
    if "measure" in stages:
        prose = read_prose(arguments.data)
        results = measure(Corpus(prose, seed=arguments.seed), prose, arguments.cache, arguments.out)
        write_card(results, arguments.out)


if __name__ == "__main__":
    main()
