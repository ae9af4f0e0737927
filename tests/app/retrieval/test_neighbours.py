"""Passages that stand side by side are given as one, and no crumb of a part is a passage of its own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from app.documents.document import Document, Section
from app.retrieval.chunking import MOST_TOKENS, cut_document
from app.retrieval.search import Hit, is_quoted_in, join_neighbours
from app.retrieval.terms import estimate_tokens

TEXT = Path(__file__).with_name("corpus").joinpath("docs", "architecture.md").read_text(encoding="utf-8")


def cut(text: str) -> list[Hit]:
    """All passages of a text as hits, in order."""
    document = Document("a.md", "markdown", "", 1, (Section(text),))
    return [
        Hit(number, "/a.md", "a.md", "markdown", "", one.number, one.line, one.heading, one.text, estimate_tokens(one.text), 1.0)
        for number, one in enumerate(cut_document(document), 1)
    ]


def test_any_two_neighbours_become_one_that_stands_in_the_document() -> None:
    hits = cut(TEXT)
    assert len(hits) > 30
    for first, second in pairwise(hits):
        for order in ((first, second), (second, first)):
            (joined,) = join_neighbours(order)
            assert (
                is_quoted_in(joined.text, TEXT) and joined.text.startswith(first.text) and joined.text.endswith(second.text[-40:])
            )
            assert joined.passage_id == order[0].passage_id and joined.line == first.line
            assert joined.tokens < first.tokens + second.tokens + 5


def test_no_more_than_two_are_joined_and_pages_are_kept_apart() -> None:
    from dataclasses import replace

    hits = cut(TEXT)
    assert [one.passage_id for one in join_neighbours(hits[:3])] == [1, 3]
    assert [one.passage_id for one in join_neighbours([hits[4], hits[0], hits[9], hits[5]])] == [5, 1, 10]
    pages = [replace(hit, number=hit.passage_id, unit="page") for hit in hits[:2]]
    assert join_neighbours(pages) == pages
    assert join_neighbours([hits[0], replace(hits[1], path="/b.md")])[1].path == "/b.md"


def test_the_end_of_a_part_is_no_crumb() -> None:
    sentence = "The ink is rubbed slowly on the stone with a little water. "
    for count in range(20, 40):
        hits = cut(f"# One\n\n{sentence * count}\n\n# Two\n\n{sentence * 3}")
        sizes = [hit.tokens for hit in hits if hit.heading == "One"]
        assert max(sizes) <= MOST_TOKENS + 20 and (len(sizes) == 1 or min(sizes) > 60), (count, sizes)
