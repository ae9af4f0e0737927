"""Vectors of texts from a decoder: the hidden states of its last layer, pooled as the checkpoint says."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy

from backends.backend import CancelCheck
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.llamacpp.adapters import AdapterSet
from backends.torch_transformers.attention import KeyValues, Span, hidden_states
from backends.torch_transformers.failures import explain_failure
from backends.torch_transformers.tokens import HubTokenizer
from models.errors import CannotRerank, InvalidOption, TextTooLong, WorkCancelled

_CHUNK = 256


class Embedder:
    """Embeds with one model, beside whatever else it computes; one question at a time."""

    def __init__(
        self, model: Any, device: str, tokenizer: HubTokenizer, folder: Path, limit: int, adapters: AdapterSet = ()
    ) -> None:
        self._model, self._device, self._tokenizer, self._name = model, device, tokenizer, folder.name
        self._adapters = adapters
        self._limit = limit
        self._lock = threading.Lock()
        self._pooling = read_pooling(folder)
        self.width = int(model.config.get_text_config().hidden_size)

    def embed(self, request: EmbeddingRequest, is_cancelled: CancelCheck) -> EmbeddingResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.embed`."""
        texts = [self._tokenizer.encode(text, add_special=True) for text in request.texts] + [list(t) for t in request.tokens]
        for number, tokens in enumerate(texts, 1):
            if not tokens:
                raise InvalidOption(option="texts", value=f"empty, as text {number} is", allowed="texts of a token or more")
            if len(tokens) > self._limit:
                raise TextTooLong(number=number, model=self._name, needed=len(tokens), available=self._limit)
            if min(tokens) < 0 or max(tokens) >= self._tokenizer.size:
                allowed = f"ids from 0 to {self._tokenizer.size - 1}"
                raise InvalidOption(option="tokens", value=f"as text {number} has them", allowed=allowed)
        pooling = request.pooling or self._pooling
        with self._lock:
            vectors = [_pool(self._read(tokens, is_cancelled), pooling) for tokens in texts]
        result = numpy.concatenate(vectors).astype(numpy.float32, copy=False)
        if request.normalize:
            lengths = numpy.linalg.norm(result, axis=1, keepdims=True)
            result = (result / numpy.where(lengths > 0, lengths, 1)).astype(numpy.float32, copy=False)
        return EmbeddingResult(result, tuple(len(tokens) for tokens in texts))

    def rerank(self, _request: RerankRequest, _is_cancelled: CancelCheck) -> RerankResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.rerank`: a decoder has no head for it."""
        raise CannotRerank(model=self._name)

    def _read(self, tokens: list[int], is_cancelled: CancelCheck) -> Any:
        cache, rows = KeyValues(), []
        for start in range(0, len(tokens), _CHUNK):
            if is_cancelled():
                raise WorkCancelled()
            part = tokens[start : start + _CHUNK]
            span = Span(cache, len(part), adapters=self._adapters)
            try:
                rows.append(hidden_states(self._model, part, span, self._device).float().cpu().numpy())
            except (RuntimeError, MemoryError) as error:
                raise explain_failure(error, self._name) from error
        return numpy.concatenate(rows)


def read_pooling(folder: Path) -> str:
    """How sentence-transformers makes one vector of a text's many (modules.json); mean where nothing is said."""
    for path in sorted(folder.glob("*_Pooling/config.json")):
        try:
            rules = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for key, name in (("cls_token", "cls"), ("lasttoken", "last"), ("mean_tokens", "mean")):
            if isinstance(rules, dict) and rules.get(f"pooling_mode_{key}"):
                return name
    return "mean"


def _pool(rows: Any, pooling: str) -> Any:
    """Vectors (tokens, width) as one (1, width), or as they are."""
    match pooling:
        case "none":
            return rows
        case "cls":
            return rows[:1]
        case "last":
            return rows[-1:]
        case _:
            return rows.mean(axis=0, keepdims=True)
