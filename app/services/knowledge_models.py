"""Which embedder and which reranking model passages are found with: the ones that ship with Yanmo, or models of the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.paths import Paths
from app.services.engine_pool import EnginePool
from app.services.events import EventBus
from app.services.knowledge import Knowledge
from app.settings import Settings
from backends.embeddings import EmbeddingRequest, RerankRequest
from models.card import ModelCard
from models.errors import ModelNotFound, TextTooLong

if TYPE_CHECKING:
    from app.retrieval.embedders import PassageEmbedder
    from app.retrieval.search import Rank
    from app.services.engines import Link

_SHORTEST = 200
_LONGEST_RANKED = 2000


def make_knowledge(
    bus: EventBus, settings: Settings, paths: Paths, pool: EnginePool, list_models: Callable[[], list[ModelCard]]
) -> Knowledge:
    """The service with its models."""
    models = KnowledgeModels(settings, pool, list_models, paths.embedder)
    return Knowledge(bus, settings, paths.knowledge_index, models)


class KnowledgeModels:
    """Thread-safe. A model is loaded when it is first asked, beside the one that writes, and goes as idle ones go."""

    def __init__(self, settings: Settings, pool: EnginePool, list_models: Callable[[], list[ModelCard]], table: Path) -> None:
        """``table`` is the file of the embedder that ships with Yanmo."""
        self._settings = settings
        self._pool = pool
        self._list_models = list_models
        self._table = table
        self._built_in: PassageEmbedder | None = None

    def embedders(self) -> list[ModelCard]:
        """The embedding models of the library."""
        return [card for card in self._list_models() if card.kind == "embedding"]

    def rerankers(self) -> list[ModelCard]:
        """The reranking models of the library."""
        return [card for card in self._list_models() if card.kind == "reranker"]

    def find_embedder(self) -> PassageEmbedder:
        """The one that is chosen.

        Raises:
            ModelNotFound: it is a model that is not here any more.
        """
        reference = str(self._settings.get("knowledge.embedder"))
        if reference:
            from app.retrieval.embedders import EngineEmbedder

            if all(card.id != reference for card in self._list_models()):
                raise ModelNotFound(model=reference)
            return EngineEmbedder(reference, lambda texts: self._embed(reference, texts))
        if self._built_in is None:
            from app.retrieval.static_embedder import StaticEmbedder

            self._built_in = StaticEmbedder(self._table)
        return self._built_in

    def find_ranker(self) -> Rank | None:
        """The reranking model to use; none where there is none, or none is wanted."""
        chosen = str(self._settings.get("knowledge.reranker"))
        here = [card.id for card in self.rerankers()] if chosen else []
        reference = chosen if chosen in here else here[0] if chosen == "auto" and here else ""
        return (lambda question, texts: self._rank(reference, question, texts)) if reference else None

    def _embed(self, reference: str, texts: Sequence[str]) -> Any:
        """Vectors; a text that is longer than the model reads gives that of its beginning."""
        return self._ask(reference, texts, lambda link, wanted: link.embed(EmbeddingRequest(texts=wanted)).vectors)

    def _rank(self, reference: str, question: str, texts: Sequence[str]) -> Sequence[float]:
        """Marks; of a text that is longer than the model reads beside the question its beginning is marked."""
        cut = [text[:_LONGEST_RANKED] for text in texts]
        found: Sequence[float] = self._ask(
            reference, cut, lambda link, wanted: link.rerank(RerankRequest(question, wanted)).scores
        )
        return found

    def _ask(self, reference: str, texts: Sequence[str], ask: Callable[[Link, tuple[str, ...]], Any]) -> Any:
        """Ask a model about texts, which become shorter until it reads all of them."""
        lease = self._pool.acquire(reference)
        try:
            wanted = tuple(texts)
            while True:
                try:
                    return ask(lease.link, wanted)
                except TextTooLong:
                    longest = max(map(len, wanted)) * 3 // 4
                    if longest < _SHORTEST:
                        raise
                    wanted = tuple(text[:longest] for text in wanted)
        finally:
            lease.give_back()
