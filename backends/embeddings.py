"""Texts as vectors, and documents ranked by a question: what is asked, what is answered, and the promise of an engine that can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from backends.backend import CancelCheck
from models.errors import InvalidOption

if TYPE_CHECKING:
    import numpy
    import numpy.typing

Pooling = Literal["", "mean", "cls", "last", "none"]
POOLINGS: tuple[Pooling, ...] = ("", "mean", "cls", "last", "none")
MOST_TEXTS = 100_000


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts, given as ``texts`` or as ``tokens`` (ids, with whatever special tokens belong there), or both, texts first.

    ``pooling`` makes one vector of those of a text's tokens: their mean, that of the first (``cls``) or of the last; ``none`` gives
    them all. Empty is what the model was trained for: what its file says, else the mean. With ``normalize`` each vector has length 1.
    """

    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    pooling: Pooling = ""
    normalize: bool = True

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise InvalidOption(option="pooling", value=repr(self.pooling), allowed="mean, cls, last, none, or empty")
        if not 1 <= len(self.texts) + len(self.tokens) <= MOST_TEXTS:
            count = len(self.texts) + len(self.tokens)
            raise InvalidOption(option="texts", value=f"{count} texts", allowed=f"1 to {MOST_TEXTS} texts")
        if any(not isinstance(text, str) for text in self.texts):
            raise InvalidOption(option="texts", value="something else than text", allowed="texts")


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingResult:
    """``vectors`` are float32 of shape (texts, width); with pooling ``none`` (tokens of all texts, width), in order.

    ``token_counts`` says how many tokens each text took, special ones included.
    """

    vectors: numpy.typing.NDArray[numpy.float32]
    token_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """How well does each document answer the query?"""

    query: str
    documents: tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.query, str) or any(not isinstance(text, str) for text in self.documents):
            raise InvalidOption(option="documents", value="something else than text", allowed="texts")
        if not 1 <= len(self.documents) <= MOST_TEXTS:
            raise InvalidOption(option="documents", value=f"{len(self.documents)} texts", allowed=f"1 to {MOST_TEXTS} texts")


@dataclass(frozen=True, slots=True)
class RerankResult:
    """One score for each document, in the order of the request; higher is better, and what a score means is the model's own.

    ``token_counts`` counts the tokens of query and document together.
    """

    scores: tuple[float, ...]
    token_counts: tuple[int, ...]


@runtime_checkable
class EmbeddingBackend(Protocol):
    """An engine that embeds. Both methods may be called from one thread while another generates."""

    def embed(self, request: EmbeddingRequest, is_cancelled: CancelCheck) -> EmbeddingResult:
        """The vectors of texts.

        Raises:
            TextTooLong: a text has more tokens than the model reads at once.
            InvalidOption: a text without a token, or a token that the model does not have.
            OutOfMemory: there is no room for the second context.
            WorkCancelled: ``is_cancelled`` said so.
        """

    def rerank(self, request: RerankRequest, is_cancelled: CancelCheck) -> RerankResult:
        """The scores of documents.

        Raises:
            CannotRerank: the model was not trained for it.
            UserFacingError: as for :meth:`embed`.
        """
