"""Passages found with an embedding GGUF and a reranking GGUF, really loaded: their order is the one that the networks in numpy give."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy
import pytest
from gguf import PoolingType

from app.workstation import Workstation
from tests.tiny_encoders import TinyEncoder

NOTES = (
    "ink on paper",
    "the otter sleeps in a barrel",
    "a warranty of three years",
    "warm tea in the morning",
    "rub the stick slowly",
)
QUESTION = "where does the otter sleep"


@pytest.fixture(scope="module")
def encoder() -> TinyEncoder:
    return TinyEncoder(context=256)


@pytest.fixture
def noted(workstation: Workstation, tmp_path: Path) -> Workstation:
    """A collection of notes, one of them longer than the model reads."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number, text in enumerate((*NOTES, "grind the ink with a stone " * 12)):
        (folder / f"{'abcdef'[number]}.txt").write_text(text, encoding="utf-8")
    made = workstation.knowledge.create("Notes")
    workstation.knowledge.add(made.id, folder)
    workstation.knowledge.wait()
    return workstation


def use(workstation: Workstation, encoder: TinyEncoder, name: str, pooling: PoolingType) -> str:
    """Put a file among the models; returns its id."""
    workstation.paths.models.mkdir(parents=True, exist_ok=True)
    path = encoder.write(workstation.paths.models / f"{name}.gguf", pooling)
    return next(card.id for card in workstation.library.list_models() if Path(card.path) == path)


def test_vectors_of_an_embedding_model_are_kept_and_searched_exactly(noted: Workstation, encoder: TinyEncoder) -> None:
    noted.settings.set("knowledge.embedder", use(noted, encoder, "embedder", PoolingType.MEAN))
    noted.knowledge.update()
    assert noted.knowledge.wait().error is None

    def vector(text: str) -> numpy.ndarray:
        mean = encoder.vectors(encoder.frame(text))[: encoder.context].mean(0)
        return numpy.asarray(mean / numpy.linalg.norm(mean))

    hits = sorted(noted.knowledge.search(QUESTION, limit=6), key=lambda hit: hit.meaning_rank)
    assert [hit.meaning_rank for hit in hits] == [1, 2, 3, 4, 5, 6]
    short = [hit for hit in hits if hit.name != "f.txt"]
    cosines = [float(vector(QUESTION) @ vector(f"{Path(hit.name).stem} {hit.text}")) for hit in short]
    # rounding to half precision may swap what is all but equal, and nothing else
    assert len(cosines) == 5 and all(one > other - 1e-3 for one, other in pairwise(cosines))
    assert max(cosines) - min(cosines) > 0.02
    noted.settings.set("knowledge.embedder", "")
    noted.knowledge.update()
    assert noted.knowledge.wait().error is None
    assert noted.knowledge.search(QUESTION, limit=1)[0].name == "b.txt"


def test_a_reranking_model_that_is_here_decides_the_order(noted: Workstation, encoder: TinyEncoder) -> None:
    use(noted, encoder, "reranker", PoolingType.RANK)
    question = "paper barrel warranty tea stick grind"  # a word of each, so that each is found and marked
    found = noted.knowledge.search(question, limit=6)
    assert len(found) == 6  # with the long one, of which the model read the beginning
    hits = [hit for hit in found if hit.name != "f.txt"]
    marks = [encoder.score(question, hit.text) for hit in hits]
    assert len(hits) == 5 and marks == sorted(marks, reverse=True)
    assert [hit.score for hit in hits] == pytest.approx(marks, abs=2e-3)
