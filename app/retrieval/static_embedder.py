"""The embedder that ships with Yanmo: a table of word vectors for English and Chinese. It needs no engine and no network."""

from __future__ import annotations

import re
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.retrieval.terms import is_chinese, iter_terms, weight_of

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Scores = numpy.typing.NDArray[numpy.float32]

NAME = "built-in-2"
"""Stands in the index beside everything that this table made; another table gets another name."""

LEAST_SIMILAR = 0.4
"""Two words whose vectors have a smaller cosine are strangers."""

SHARPNESS = 2
"""The cosine of two words counts with this power: half as similar counts a quarter."""

_SATURATION, _LENGTH = 1.2, 0.6
"""k1 and b of BM25 (Robertson and Zaragoza, 2009): how soon a word that is repeated stops to count, how much long passages pay."""

_UNKNOWN = 1 << 31

_WINDOW = 45
"""Words of a window: long enough for a thought, short enough for one."""

_WHOLE_SHARE = 0.4
"""How much the words of a whole passage count beside those that stand together."""

_LONGEST_WORD = 6
_CHINESE_RUN = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff]+)")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？；：])|\n(?=\s*[-*|#>\d])|\n\s*\n")


class StaticEmbedder:
    """Thread-safe. A passage is kept as its words, and a question is compared word by word.

    Each word of the question takes the most similar word of the passage, in either language, and counts as BM25 would count it:
    late interaction (ColBERT, https://arxiv.org/abs/2004.12832) over vectors that need no network. A passage about five things is
    so found by each of them, where one vector for all of it would be like none. A word that the table lacks is like itself only.
    How the table came to be: ``packaging/embedder``.
    """

    name = NAME

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._table: _Table | None = None

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """For each text rows of three 32-bit numbers: a window of some sentences, a word, and how often it occurs there."""
        import numpy

        rows = self._open().rows
        encoded = []
        for text in texts:
            title, _, body = text.partition("\n")
            triples: list[tuple[int, int, int]] = []
            for window, piece in enumerate(iter_windows(body or title)):
                counts = Counter(_number(term, rows) for term in iter_terms(f"{title}\n{piece}" if body else piece))
                triples += [(window, word, count) for word, count in sorted(counts.items())]
            encoded.append(numpy.array(triples, dtype=numpy.uint32).tobytes())
        return encoded

    def prepare(self, encoded: Sequence[bytes]) -> Any:
        """Windows as they lie in memory: the different words of all of them, which each window has, and whose it is."""
        import numpy

        triples = numpy.frombuffer(b"".join(encoded), dtype=numpy.uint32).reshape(-1, 3)
        owners = numpy.repeat(numpy.arange(len(encoded), dtype=numpy.int64), [len(one) // 12 for one in encoded])
        words, places = numpy.unique(triples[:, 1], return_inverse=True)
        is_first = numpy.ones(len(triples), dtype=bool)
        is_first[1:] = (owners[1:] != owners[:-1]) | (triples[1:, 0] != triples[:-1, 0])
        starts = numpy.flatnonzero(is_first)
        counts = triples[:, 2].astype(numpy.float32)
        if not len(starts):
            return words, places, starts, counts, owners, len(encoded)
        lengths = numpy.add.reduceat(counts, starts)
        relative = numpy.repeat(lengths / lengths.mean(), numpy.diff(starts, append=len(counts)))
        saturated = counts * (_SATURATION + 1) / (counts + _SATURATION * (1 - _LENGTH + _LENGTH * relative))
        return words, places.astype(numpy.int32), starts, saturated, owners[starts], len(encoded)

    def score(self, question: str, prepared: Any) -> Scores:
        """How well each passage fits, 0 where it has nothing to do with the question: its best window, and a part of all of it."""
        import numpy

        words, places, starts, saturated, owners, count = prepared
        total = numpy.zeros(count, dtype=numpy.float32)
        if not len(starts):
            return total
        best = numpy.zeros(len(starts), dtype=numpy.float32)
        first = numpy.flatnonzero(numpy.concatenate(([True], owners[1:] != owners[:-1])))
        for near, weight in self._iter_likeness(question, words):
            fit = numpy.maximum.reduceat(near[places] * saturated, starts)
            having = float(numpy.maximum.reduceat(near[places], starts).sum())
            rarity = numpy.log(1 + (len(starts) - having + 0.5) / (having + 0.5)) * weight if having > 0 else 0.0
            best += rarity * fit
            total[owners[first]] += _WHOLE_SHARE * rarity * numpy.maximum.reduceat(fit, first)
        total[owners[first]] += numpy.maximum.reduceat(best, first)
        return total

    def _iter_likeness(self, question: str, words: Any) -> Iterator[tuple[Any, float]]:
        """For each word of a question how much every word of the index is like it, and how much it counts."""
        import numpy

        table = self._open()
        known = words < _UNKNOWN
        vectors = numpy.zeros((len(words), table.vectors.shape[1]), dtype=numpy.float32)
        vectors[known] = table.directions[words[known]]
        for word in dict.fromkeys(self._iter_words(question, table.words)):
            terms = [word] if not is_chinese(word) else [*iter_terms(word)]
            rows = [table.rows[term] for term in terms if term in table.rows]
            near = numpy.zeros(len(words), dtype=numpy.float32)
            if rows:
                whole = table.vectors[rows].sum(axis=0)
                cosines = numpy.maximum(vectors @ (whole / max(1e-9, float(numpy.linalg.norm(whole)))), 0.0)
                near = numpy.where(cosines >= LEAST_SIMILAR, cosines**SHARPNESS, 0.0).astype(numpy.float32)
            for term in terms:
                if len(term) > 1 or len(word) == 1:
                    near[words == _number(term, table.rows)] = 1.0
            yield near, weight_of(word)

    @staticmethod
    def _iter_words(question: str, known: frozenset[str]) -> Iterator[str]:
        """The words of a question. Chinese is cut at the longest words that are known; between them it is pairs of characters."""
        for run in _CHINESE_RUN.split(question):
            if not is_chinese(run):
                yield from iter_terms(run, is_query=True)
                continue
            place = start = 0
            while place < len(run):
                length = next((size for size in range(_LONGEST_WORD, 1, -1) if run[place : place + size] in known), 0)
                if length:
                    yield from _pairs(run[start:place])
                    yield run[place : place + length]
                    start = place + length
                place += max(1, length)
            yield from _pairs(run[start:])

    def _open(self) -> _Table:
        import numpy

        with self._lock:
            if self._table is None:
                with numpy.load(self._path, allow_pickle=False) as file:
                    terms = bytes(file["terms"]).decode("utf-8").split("\n")
                    words = bytes(file["words"]).decode("utf-8").split("\n")
                    vectors = file["vectors"].astype(numpy.float32) * file["scales"][:, None]
                lengths = numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
                rows = {term: number for number, term in enumerate(terms)}
                self._table = _Table(rows, vectors, vectors / lengths, frozenset(words))
            return self._table


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """``rows`` says where a term's vector lies; ``directions`` are the vectors at length one; ``words`` are Chinese ones."""

    rows: dict[str, int]
    vectors: Any
    directions: Any
    words: frozenset[str]


def _pairs(run: str) -> Iterator[str]:
    """Pairs of characters of what holds no known word; a character alone where it stands alone."""
    if len(run) == 1:
        yield from iter_terms(run, is_query=True)
    for term in iter_terms(run, is_query=True):
        if len(term) == 2:
            yield term


def iter_windows(text: str) -> Iterator[str]:
    """Some sentences at a time; the second half of a window is the first half of the next."""
    units = [unit for unit in _SENTENCE_END.split(text) if unit.strip()]
    sizes = [sum(1 for _ in iter_terms(unit)) for unit in units]
    first = 0
    while first < len(units):
        last, size = first, 0
        while last < len(units) and (last == first or size + sizes[last] <= _WINDOW):
            size += sizes[last]
            last += 1
        yield "\n".join(units[first:last])
        if last >= len(units):
            return
        first += max(1, (last - first) // 2)


def _number(term: str, rows: dict[str, int]) -> int:
    """The row of a word, or a number of its own above all rows."""
    row = rows.get(term)
    return zlib.crc32(term.encode("utf-8")) | _UNKNOWN if row is None else row


def write_table(path: Path, terms: Sequence[str], vectors: Any, words: Sequence[str]) -> None:
    """Keep a table: eight bits a number, each row with a scale of its own. The length of a row is how much its word counts."""
    import numpy

    scales = numpy.maximum(numpy.abs(vectors).max(axis=1), 1e-9) / 127
    rounded = numpy.round(vectors / scales[:, None]).astype(numpy.int8)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = numpy.frombuffer("\n".join(terms).encode("utf-8"), dtype=numpy.uint8)
    chinese = numpy.frombuffer("\n".join(words).encode("utf-8"), dtype=numpy.uint8)
    numpy.savez_compressed(path, terms=names, words=chinese, vectors=rounded, scales=scales.astype(numpy.float32))
