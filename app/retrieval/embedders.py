"""What an embedder promises to the index, and the embedder that asks an engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Scores = numpy.typing.NDArray[numpy.float32]
    Vectors = numpy.typing.NDArray[numpy.float32]


class PassageEmbedder(Protocol):
    """Makes something of a passage that is kept, and compares a question with it. ``name`` stands beside what was kept."""

    @property
    def name(self) -> str:
        """Another name for everything that encodes differently."""

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """One value for each passage."""

    def prepare(self, encoded: Sequence[bytes]) -> Any:
        """Many of these values as they lie in memory."""

    def score(self, question: str, prepared: Any) -> Scores:
        """A score for each passage, higher is better; at most 0 for one that has nothing to do with the question."""


class EngineEmbedder:
    """Vectors of an embedding model. ``embed`` gives normalised vectors of shape (texts, width).

    Some families were trained with a word before each text that says what it is; it is added where the model's name tells the family.
    """

    def __init__(self, name: str, embed: Callable[[Sequence[str]], Vectors]) -> None:
        self.name = name
        self._embed = embed
        self._query_prefix, self._passage_prefix = _prefixes_of(name)

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Vectors of half precision."""
        import numpy

        vectors = self._embed([self._passage_prefix + text for text in texts])
        return [vector.tobytes() for vector in numpy.asarray(vectors, dtype=numpy.float16)]

    def prepare(self, encoded: Sequence[bytes]) -> Any:
        """A matrix of float32; a vector of another width than the first is one of zeros."""
        import numpy

        if not encoded:
            return numpy.zeros((0, 0), dtype=numpy.float32)
        width = len(encoded[0])
        rows = b"".join(one if len(one) == width else bytes(width) for one in encoded)
        return numpy.frombuffer(rows, dtype=numpy.float16).reshape(len(encoded), -1).astype(numpy.float32)

    def score(self, question: str, prepared: Any) -> Scores:
        """Cosines, less than nothing where the vectors look away from each other."""
        import numpy

        vector = numpy.asarray(self._embed([self._query_prefix + question])[0], dtype=numpy.float32)
        if not len(prepared) or prepared.shape[1] != len(vector):
            return numpy.zeros(len(prepared), dtype=numpy.float32)
        return numpy.asarray(prepared @ vector, dtype=numpy.float32)


def _prefixes_of(name: str) -> tuple[str, str]:
    """What goes before a question and before a passage, as the families' model cards say."""
    lowered = name.lower()
    if "nomic-embed" in lowered:
        return "search_query: ", "search_document: "
    if re.search(r"(?:^|[^a-z])e5[-_]", lowered) and "instruct" not in lowered:
        return "query: ", "passage: "
    if "bge" in lowered and "-en" in lowered and "m3" not in lowered:
        return "Represent this sentence for searching relevant passages: ", ""
    if "bge" in lowered and "-zh" in lowered:
        return "为这个句子生成表示以用于检索相关文章：", ""
    if "qwen3-embedding" in lowered:
        return "Instruct: Given a question, retrieve passages that answer it\nQuery: ", ""
    return "", ""
