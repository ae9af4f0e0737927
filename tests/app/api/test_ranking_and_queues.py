"""Documents ranked by a real ranking model, gaps filled by one that can, and a queue that is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services.server import ServerOptions
from tests.app.api.conftest import Served, crowd, open_server
from tests.backends.llamacpp.test_embeddings import ENCODER, PoolingType


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    folder = tmp_path_factory.mktemp("ranking")
    file = ENCODER.write(folder / "reranker.gguf", PoolingType.RANK)
    served = open_server(folder / "data", ServerOptions(port=0))
    yield served, served.workstation.library.import_model(Path(file)).id
    served.workstation.close()


def test_documents_come_sorted_and_as_many_as_are_asked_for(ranking: tuple[Served, str]) -> None:
    served, model = ranking
    documents = ["one", "two words", "some longer text", "query"]
    body = {"model": model, "query": "some query", "documents": documents, "return_documents": True}
    whole = served.post("/v1/rerank", body).json()["results"]
    scores = [entry["relevance_score"] for entry in whole]
    assert scores == sorted(scores, reverse=True) and {entry["index"] for entry in whole} == {0, 1, 2, 3}
    assert all(entry["document"]["text"] == documents[entry["index"]] for entry in whole)
    top = served.post("/v1/rerank", {**body, "top_n": 2}).json()["results"]
    assert top == whole[:2]
    near = open_server(Path(served.workstation.paths.data).parent / "near", ServerOptions(port=0))
    try:
        near.workstation.remotes.add("far", served.address)
        through = near.post("/v1/rerank", {**body, "model": f"far/{model}"}).json()["results"]
        assert [entry["index"] for entry in through] == [entry["index"] for entry in whole]
        assert [entry["relevance_score"] for entry in through] == pytest.approx(scores)
    finally:
        near.workstation.close()


def test_a_text_that_is_too_long_is_the_clients_fault_and_not_the_servers(ranking: tuple[Served, str]) -> None:
    served, model = ranking
    words = "ink " * 6000
    texts = {"model": served.tiny, "input": ["short", words]}
    documents = {"model": model, "query": "q", "documents": ["short", words]}
    for path, body in (("/v1/embeddings", texts), ("/v1/rerank", documents), ("/api/v0/embeddings", texts)):
        reply = served.post(path, body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "text_too_long"), path
    assert served.post("/api/embed", texts).status_code == 400


def test_a_queue_that_is_full_is_told_with_503_and_when_to_come_again(served: Served) -> None:
    body = {"model": served.slow, "prompt": "ink", "max_tokens": 200, "logit_bias": {"2": -100}}
    statuses = crowd(served, "/v1/completions", body, 12)
    assert {status for status, _ in statuses} == {200, 503}
    assert all(again == "1" for status, again in statuses if status == 503)
