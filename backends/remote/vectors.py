"""Embeddings and rankings asked of another server."""

from __future__ import annotations

from typing import Any

from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.remote.connection import Connection
from models.remote_errors import RemoteRefused

_AT_ONCE = 256


async def ask_vectors(connection: Connection, request: EmbeddingRequest) -> EmbeddingResult:
    """The vectors of all texts, some hundred texts a request.

    Servers tell one number of tokens for a whole request: its texts share it by their length.

    Raises:
        RemoteRefused: a pooling that only the server can choose, or an answer that is none.
    """
    import numpy

    server = connection.address.server
    if request.pooling:
        raise RemoteRefused(server=server, reason="How it pools tokens is its own choice.")
    rows: list[Any] = []
    counts: list[int] = []
    for inputs in (list(request.texts), [list(tokens) for tokens in request.tokens]):
        for start in range(0, len(inputs), _AT_ONCE):
            part = inputs[start : start + _AT_ONCE]
            body = {"model": connection.address.model, "input": part, "encoding_format": "float"}
            value = await connection.ask("/embeddings", body)
            rows += _read_rows(value, len(part), server)
            counts += _share_tokens(value, [len(each) for each in part])
    try:
        vectors = numpy.array(rows, dtype=numpy.float64)
    except ValueError:
        raise RemoteRefused(server=server, reason="Its vectors are not all of one length.") from None
    if request.normalize:
        lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / numpy.where(lengths == 0, 1, lengths)
    return EmbeddingResult(vectors.astype(numpy.float32), tuple(counts))


async def ask_scores(connection: Connection, request: RerankRequest) -> RerankResult:
    """The scores of all documents. Raises RemoteRefused."""
    body = {"model": connection.address.model, "query": request.query, "documents": list(request.documents)}
    value = await connection.ask("/rerank", body)
    results = value.get("results") if isinstance(value, dict) else None
    scores: dict[int, float] = {}
    for entry in results if isinstance(results, list) else ():
        score = entry.get("relevance_score") if isinstance(entry, dict) else None
        if isinstance(score, int | float) and isinstance(entry.get("index"), int):
            scores[entry["index"]] = float(score)
    if set(scores) != set(range(len(request.documents))):
        raise RemoteRefused(server=connection.address.server, reason="It did not score every document.")
    counts = _share_tokens(value, [len(request.query) + len(text) for text in request.documents])
    return RerankResult(tuple(scores[place] for place in range(len(scores))), tuple(counts))


def _read_rows(value: Any, count: int, server: str) -> list[Any]:
    entries = value.get("data") if isinstance(value, dict) else None
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    found.sort(key=lambda entry: entry["index"] if isinstance(entry.get("index"), int) else 0)
    rows = [entry.get("embedding") for entry in found]
    if len(rows) != count or any(not isinstance(row, list) or not row for row in rows):
        raise RemoteRefused(server=server, reason="It did not send one vector for each text.")
    return rows


def _share_tokens(value: Any, lengths: list[int]) -> list[int]:
    usage = value.get("usage") if isinstance(value, dict) else None
    total = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else 0
    total = total if isinstance(total, int) else 0
    whole = sum(lengths) or 1
    shares = [total * length // whole for length in lengths]
    if shares:
        shares[-1] += total - sum(shares)
    return shares
