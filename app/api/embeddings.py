"""``/v1/embeddings`` and ``/v1/rerank``."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.desk import Call, Desk, make_id
from app.api.errors import bad_request, describe
from app.api.parameters import are_token_ids, read_switch, read_whole
from app.api.running import while_connected
from app.api.streams import reply_json
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from models.errors import UserFacingError

_MOST_INPUTS = 8192


async def create(desk: Desk, request: Request) -> Response:
    """Vectors of texts."""
    async with desk.call(request) as call:
        texts, tokens = _read_input(call.body.get("input"))
        encoding = call.body.get("encoding_format") or "float"
        if encoding not in ("float", "base64"):
            raise bad_request("“encoding_format” must be float or base64.", "encoding_format")
        result = await while_connected(request, embed(call, EmbeddingRequest(texts=texts, tokens=tokens)))
        vectors = shorten(result.vectors, call.body)
        data = [
            {"object": "embedding", "index": index, "embedding": _encode(vector, encoding)}
            for index, vector in enumerate(vectors)
        ]
        used = int(sum(result.token_counts))
        usage = {"prompt_tokens": used, "total_tokens": used}
        return reply_json({"object": "list", "data": data, "model": call.model_name(call.leases[-1]), "usage": usage})


async def rerank(desk: Desk, request: Request) -> Response:
    """How well documents answer a query: Jina's and Cohere's shape."""
    async with desk.call(request) as call:
        body = call.body
        query, documents = body.get("query"), body.get("documents")
        if not isinstance(query, str) or not query:
            raise bad_request("“query” must be text.", "query")
        if not isinstance(documents, list) or not documents or len(documents) > _MOST_INPUTS:
            raise bad_request(f"“documents” must be a list of 1 to {_MOST_INPUTS} texts.", "documents")
        texts = tuple(_read_document(item) for item in documents)
        top = read_whole(body, "top_n", len(texts), 1, 10**9)
        shows = read_switch(body, "return_documents")
        result = await while_connected(request, _rerank(call, RerankRequest(query, texts)))
        order = sorted(range(len(texts)), key=lambda index: -float(result.scores[index]))[:top]
        results = [
            {
                "index": index,
                "relevance_score": float(result.scores[index]),
                **({"document": {"text": texts[index]}} if shows else {}),
            }
            for index in order
        ]
        used = int(sum(result.token_counts))
        usage = {"prompt_tokens": used, "total_tokens": used}
        meta = {"billed_units": {"search_units": 1}}
        name = call.model_name(call.leases[-1])
        return reply_json(
            {"id": make_id("rerank-"), "object": "list", "model": name, "results": results, "usage": usage, "meta": meta}
        )


async def embed(call: Call, request: EmbeddingRequest) -> EmbeddingResult:
    """Vectors of a request's model. Raises ApiError."""
    lease = await call.acquire()
    try:
        return await asyncio.to_thread(lease.link.embed, request)
    except UserFacingError as error:
        raise describe(error) from error


async def _rerank(call: Call, request: RerankRequest) -> RerankResult:
    lease = await call.acquire()
    try:
        return await asyncio.to_thread(lease.link.rerank, request)
    except UserFacingError as error:
        raise describe(error) from error


def shorten(vectors: Any, body: dict[str, Any]) -> Any:
    """The first ``dimensions`` numbers of each vector, of length one again (Matryoshka, https://arxiv.org/abs/2205.13147).

    Raises:
        ApiError: the model has fewer.
    """
    width = int(vectors.shape[1])
    wanted = read_whole(body, "dimensions", width, 1, 10**6)
    if wanted > width:
        raise bad_request(f"“dimensions” cannot be more than {width} for this model.", "dimensions")
    if wanted == width:
        return vectors
    import numpy

    cut = vectors[:, :wanted]
    return cut / numpy.maximum(numpy.linalg.norm(cut, axis=1, keepdims=True), 1e-12)


def _encode(vector: Any, encoding: str) -> list[float] | str:
    if encoding == "base64":
        import numpy

        return base64.b64encode(numpy.asarray(vector, dtype="<f4").tobytes()).decode("ascii")
    return [float(value) for value in vector]


def _read_input(value: Any) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Texts, or lists of token ids."""
    if isinstance(value, str) and value:
        return (value,), ()
    if isinstance(value, list) and 0 < len(value) <= _MOST_INPUTS:
        if all(isinstance(item, str) and item for item in value):
            return tuple(value), ()
        if are_token_ids(value):
            return (), (tuple(value),)
        if all(isinstance(item, list) and item and are_token_ids(item) for item in value):
            return (), tuple(tuple(item) for item in value)
    raise bad_request(f"“input” must be text, up to {_MOST_INPUTS} texts, or lists of token ids; none may be empty.", "input")


def _read_document(value: Any) -> str:
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise bad_request("Each of “documents” must be text.", "documents")
    return text
