"""Ranks passages for a question: by words (BM25), by meaning, both fused by their ranks, and by a reranking model where there is one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.retrieval.index import KnowledgeIndex, indexable
from app.retrieval.terms import estimate_tokens, iter_terms

if TYPE_CHECKING:
    from app.retrieval.embedders import PassageEmbedder

_FUSION = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

_POOL = 60
"""How many passages each way of searching brings into the fusion."""

_LEAST_SHARED = 6
"""So many characters at least are shared by the end of a passage and the beginning of the next where they overlap."""

_RERANKED = 24
"""How many passages a reranking model looks at."""

_BESIDE = 16
"""Among so many of the best neighbours are looked for."""

WORDS_SHARE = 0.15
"""How much the ranking by the words themselves counts beside the ranking by meaning."""

_MOST_TERMS = 80
_HEADING_WEIGHT = 1.5

Rank = Callable[[str, Sequence[str]], Sequence[float]]
"""A reranking model: a question and texts; scores, higher is better."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. ``score`` is that of the last ranking that was made; compare it within one search only.

    Where the passage before or behind it was found too, ``text`` is both of them; all else but ``line`` is said of the better one.
    ``word_rank`` and ``meaning_rank`` say at which place (from 1) either way of searching had it, 0 where it had not.
    """

    passage_id: int
    path: str
    name: str
    kind: str
    unit: str
    number: int
    line: int
    heading: str
    text: str
    tokens: int
    score: float
    word_rank: int = 0
    meaning_rank: int = 0

    @property
    def place(self) -> str:
        """``page 3``, or ``line 40`` where there are no pages."""
        if self.unit in ("sheet", "chapter") and self.heading:
            return f"{self.unit} {self.number} {self.heading}"
        return f"{self.unit} {self.number}" if self.unit else f"line {self.line}"


class PassageSearch:
    """Thread-safe. What is compared lies in memory, and is read again when the index has changed."""

    def __init__(self, index: KnowledgeIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._held: tuple[int, str, Any, Any] | None = None

    def find(
        self, question: str, roots: Sequence[str], embedder: PassageEmbedder, limit: int = 8, rank: Rank | None = None
    ) -> list[Hit]:
        """The best passages below ``roots``, best first; two that stand side by side are given as one.

        Raises:
            StoreError: the index cannot be read.
            UserFacingError: what ``embedder`` and ``rank`` raise.
        """
        if not question.strip() or not roots:
            return []
        by_words = self._by_words(question, roots)
        by_meaning = self._by_meaning(question, embedder, self._allowed(roots))
        scores: dict[int, float] = {}
        for share, ranked in ((WORDS_SHARE, by_words), (1.0, by_meaning)):
            for place, passage in enumerate(ranked, 1):
                scores[passage] = scores.get(passage, 0.0) + share / (_FUSION + place)
        best = sorted(scores, key=lambda passage: -scores[passage])[: max(2 * limit, _RERANKED if rank else _BESIDE)]
        hits = [
            replace(
                hit, score=scores[hit.passage_id], word_rank=_place_in(by_words, hit), meaning_rank=_place_in(by_meaning, hit)
            )
            for hit in self._read(best)
        ]
        if rank is not None and hits:
            marks = rank(question, [f"{hit.heading}\n{hit.text}" for hit in hits])
            hits = sorted(
                (replace(hit, score=float(mark)) for hit, mark in zip(hits, marks, strict=True)), key=lambda hit: -hit.score
            )
        return join_neighbours(hits)[:limit]

    def _allowed(self, roots: Sequence[str]) -> set[int]:
        marks = ", ".join("?" * len(roots))
        rows = self._index.connections.rows(f"SELECT DISTINCT document_id FROM roots WHERE root IN ({marks})", list(roots))
        return {int(row[0]) for row in rows}

    def _by_words(self, question: str, roots: Sequence[str]) -> list[int]:
        terms = list(dict.fromkeys(indexable(term) for term in iter_terms(question, is_query=True)))[:_MOST_TERMS]
        if not terms:
            return []
        marks = ", ".join("?" * len(roots))
        rows = self._index.connections.rows(
            "SELECT passage_terms.rowid FROM passage_terms JOIN passages AS p ON p.id = passage_terms.rowid "
            f"WHERE passage_terms MATCH ? AND p.document_id IN (SELECT document_id FROM roots WHERE root IN ({marks})) "
            f"ORDER BY bm25(passage_terms, {_HEADING_WEIGHT}, 1.0) LIMIT {_POOL}",
            [" OR ".join(f'"{term}"' for term in terms), *roots],
        )
        return [int(row[0]) for row in rows]

    def _by_meaning(self, question: str, embedder: PassageEmbedder, allowed: set[int]) -> list[int]:
        import numpy

        keys, prepared = self._prepared(embedder)
        if not len(keys):
            return []
        scores = numpy.array(embedder.score(question, prepared))
        scores[~numpy.isin(keys[:, 1], numpy.fromiter(allowed, dtype=numpy.int64, count=len(allowed)))] = -2.0
        count = min(_POOL, len(scores))
        best = numpy.argpartition(-scores, count - 1)[:count]
        best = best[numpy.argsort(-scores[best], kind="stable")]
        return [int(keys[place, 0]) for place in best if scores[place] > 0.0]

    def _prepared(self, embedder: PassageEmbedder) -> tuple[Any, Any]:
        """(passage, document) numbers of shape (n, 2), and what the embedder compares questions with."""
        import numpy

        with self._lock:
            generation = self._index.generation()
            if self._held is not None and self._held[:2] == (generation, embedder.name):
                return self._held[2], self._held[3]
            rows = self._index.connections.rows(
                "SELECT id, document_id, encoded FROM passages WHERE embedder = ?", (embedder.name,)
            )
            keys = numpy.array([(row[0], row[1]) for row in rows], dtype=numpy.int64).reshape(-1, 2)
            prepared = embedder.prepare([row[2] for row in rows])
            self._held = (generation, embedder.name, keys, prepared)
            return keys, prepared

    def _read(self, passages: Sequence[int]) -> list[Hit]:
        marks = ", ".join("?" * len(passages))
        rows = self._index.connections.rows(
            "SELECT p.id AS passage_id, d.path, d.name, d.kind, d.unit, p.number, p.line, p.heading, p.text, p.tokens "
            f"FROM passages AS p JOIN documents AS d ON d.id = p.document_id WHERE p.id IN ({marks})",
            list(passages),
        )
        found = {int(row["passage_id"]): Hit(**dict(row), score=0.0) for row in rows}
        return [found[passage] for passage in passages if passage in found]


def join_neighbours(hits: Sequence[Hit]) -> list[Hit]:
    """The hits in their order, where one that stands on the same page beside a better one lies in it: at most two become one."""
    found: dict[int, Hit] = {}
    joined: set[int] = set()
    for hit in hits:
        beside = (hit.passage_id - 1, hit.passage_id + 1)
        better = next((one for one in beside if one in found and one not in joined and _is_same_page(found[one], hit)), None)
        if better is None:
            found[hit.passage_id] = hit
        else:
            first, second = sorted((found[better], hit), key=lambda one: one.passage_id)
            text = _join(first, second)
            found[better] = replace(found[better], text=text, line=first.line, tokens=estimate_tokens(text))
            joined.add(better)
    return list(found.values())


def _is_same_page(one: Hit, other: Hit) -> bool:
    return (one.path, one.number) == (other.path, other.number)


def _join(first: Hit, second: Hit) -> str:
    """Both texts, of which the second may begin with the end of the first; between them the lines that lie between them."""
    lines = second.line - first.line - first.text.count("\n")
    if lines > 0:
        return first.text + "\n" * lines + second.text
    most = min(len(first.text), len(second.text))
    shared = next((size for size in range(most, _LEAST_SHARED - 1, -1) if first.text.endswith(second.text[:size])), 0)
    return first.text + second.text[shared:] if shared else f"{first.text} {second.text}"


def _place_in(ranked: Sequence[int], hit: Hit) -> int:
    return ranked.index(hit.passage_id) + 1 if hit.passage_id in ranked else 0


def is_quoted_in(text: str, document_text: str) -> bool:
    """Whether a passage stands in a document, white space aside."""
    return "".join(text.split()) in "".join(document_text.split())


def file_state(path: Path) -> tuple[int, int]:
    """Size and time of the last change. Raises OSError."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns
