"""Trains the built-in embedder: a table of word vectors in which English and Chinese words of one meaning lie together.

What it learns from lies in this repository: lists of words that mean the same (``concepts.txt``), the window's strings with their
translations, the starter model's questions and answers in both languages, and neighbouring sentences of the calibration texts. A text
is the weighted sum of its terms' vectors; two texts that belong together are to be closer than any two of a batch that do not
(InfoNCE, https://arxiv.org/abs/1807.03748). About two minutes on one core:

    python packaging/embedder/train.py
"""

from __future__ import annotations

import itertools
import random
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.retrieval.static_embedder import write_table  # noqa: E402
from app.retrieval.terms import iter_terms  # noqa: E402


@lru_cache(maxsize=200_000)
def terms_of(text: str) -> tuple[str, ...]:
    """The terms of a text, which is drawn many times."""
    return tuple(iter_terms(text))


WIDTH, BATCH, STEPS, SEED = 128, 512, 4000, 20
TARGET = ROOT / "resources" / "embedder" / "bilingual.npz"
_ALTERNATIVES = re.compile(r"\[([^\]]*)\]")


def read_concepts() -> list[tuple[list[str], list[str]]]:
    """English and Chinese words of each idea."""
    lines = (Path(__file__).parent / "concepts.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=") for line in lines if "=" in line and not line.startswith("#")]
    return [([word.strip() for word in english.split(",")], chinese.split()) for english, chinese in pairs]


def read_catalog() -> list[tuple[str, str]]:
    """The window's strings in both languages."""
    root = ElementTree.parse(ROOT / "resources" / "translations" / "zh_CN.ts").getroot()
    pairs = [(str(item.findtext("source")), str(item.findtext("translation") or "")) for item in root.iter("message")]
    return [(english, chinese) for english, chinese in pairs if chinese]


def read_intents() -> list[list[str]]:
    """Groups of texts about one subject: its names, its answers and ways to ask, in both languages."""
    groups: list[list[str]] = []
    for path in sorted((ROOT / "packaging" / "starter_model" / "intents").glob("*.txt")):
        group: list[str] = []
        for line in [*path.read_text(encoding="utf-8").splitlines(), "#"]:
            if line.startswith("#"):
                if len(group) > 1:
                    groups.append(group)
                group = []
            elif line[2:4] in ("+ ",):
                group += [piece.strip() for piece in line[4:].split(";") if piece.strip()]
            elif line[2:4] in ("? ", "! "):
                group.append(line[4:])
    return groups


def expand(text: str, chance: random.Random) -> str:
    """One of the sentences that a pattern stands for."""
    return _ALTERNATIVES.sub(lambda found: chance.choice(found[1].split("|")), text)


def read_neighbours() -> list[tuple[str, str]]:
    """Sentences of the calibration texts that follow each other."""
    found: list[tuple[str, str]] = []
    for name in ("prose-en.txt", "prose-zh.txt", "chat.txt"):
        text = (ROOT / "resources" / "calibration" / name).read_text(encoding="utf-8")
        for paragraph in text.split("\n\n"):
            sentences = [piece for piece in re.split(r"(?<=[.!?。！？])\s*", paragraph) if len(piece) > 12]
            found += itertools.pairwise(sentences)
    return found


class Source:
    """Draws pairs of texts that belong together."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.concepts, self.catalog, self.intents, self.neighbours = (
            read_concepts(),
            read_catalog(),
            read_intents(),
            read_neighbours(),
        )

    def draw(self) -> tuple[str, str]:
        """Of ten pairs five are made of ideas, two are translations, two share a subject, one are neighbours."""
        kind = self.chance.random()
        if kind < 0.5:
            ideas = self.chance.sample(self.concepts, self.chance.choice((1, 1, 2, 3, 4)))
            return self._say(ideas), self._say(ideas)
        if kind < 0.7:
            return self.chance.choice(self.catalog)
        if kind < 0.9:
            first, second = self.chance.sample(self.chance.choice(self.intents), 2)
            return expand(first, self.chance), expand(second, self.chance)
        return self.chance.choice(self.neighbours)

    def _say(self, ideas: list[tuple[list[str], list[str]]]) -> str:
        side = self.chance.random()
        words = [self.chance.choice(english if side < 0.5 else chinese) for english, chinese in ideas]
        return " ".join(words)

    def texts(self) -> list[str]:
        """Everything once, for the vocabulary."""
        words = [word for english, chinese in self.concepts for word in (*english, *chinese)]
        intents = [text.replace("[", " ").replace("]", " ").replace("|", " ") for group in self.intents for text in group]
        return [*words, *(text for pair in self.catalog for text in pair), *intents, *(first for first, _ in self.neighbours)]


def main() -> None:
    """Train, write the table, and say what it is like."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    source = Source()
    texts = source.texts()
    counts = Counter(term for text in texts for term in set(iter_terms(text)))
    taught = {term for text in texts[: len(texts) - len(source.neighbours)] for term in iter_terms(text)}
    vocabulary = sorted(term for term, count in counts.items() if term in taught or count > 1)
    place = {term: number for number, term in enumerate(vocabulary)}
    table = torch.nn.Parameter(torch.randn(len(vocabulary), WIDTH) * 0.1)
    rarity = torch.tensor([numpy.log(len(texts) / (1 + counts[term])) for term in vocabulary], dtype=torch.float32)
    weight = torch.nn.Parameter(torch.log(rarity.clamp(min=0.5) / rarity.max()))
    sharpness = torch.nn.Parameter(torch.tensor(2.5))
    optimiser = torch.optim.Adam([table, weight, sharpness], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)

    def embed(batch: list[str]) -> torch.Tensor:
        terms = [[place[term] for term in terms_of(text) if term in place] or [0] for text in batch]
        offsets = torch.tensor([0, *numpy.cumsum([len(one) for one in terms])[:-1]])
        flat = torch.tensor([term for one in terms for term in one])
        sums = torch.nn.functional.embedding_bag(flat, table, offsets, mode="sum", per_sample_weights=weight[flat].exp())
        return torch.nn.functional.normalize(sums, dim=1)

    begun = time.monotonic()
    for step in range(STEPS):
        pairs = [source.draw() for _ in range(BATCH)]
        scores = embed([first for first, _ in pairs]) @ embed([second for _, second in pairs]).T * sharpness.exp()
        same = torch.arange(BATCH)
        loss = (torch.nn.functional.cross_entropy(scores, same) + torch.nn.functional.cross_entropy(scores.T, same)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 500 == 499:
            print(f"step {step + 1}: loss {loss.item():.3f}, {time.monotonic() - begun:.0f} s", flush=True)
    vectors = (table * weight.exp()[:, None]).detach().numpy()
    words = sorted({word for _, chinese in source.concepts for word in chinese if len(word) > 1})
    write_table(TARGET, vocabulary, vectors, words)
    print(f"{len(vocabulary)} terms of {WIDTH} numbers, {TARGET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
