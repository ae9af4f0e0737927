"""Embeddings and ranking: the numbers of the network itself, whatever the batching, and clear refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gguf import PoolingType

from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest
from backends.llamacpp.backend import LlamaCppBackend
from backends.options import LoadOptions
from backends.worker_link import WorkerLink
from models.errors import CannotRerank, CannotWrite, GenerationFailed, InvalidOption, OutOfMemory, TextTooLong, WorkCancelled
from tests.backends.requests import ask, complete, failure_of, run, text_of
from tests.containers import fill_container
from tests.tiny_encoders import TinyEncoder

ENCODER = TinyEncoder()
TEXTS = ("abc", "hello world", "z", "the quick brown fox jumps over the lazy dog " * 10, "")


def load(path: Path, **options: object) -> LlamaCppBackend:
    backend = LlamaCppBackend()
    backend.load(str(path), LoadOptions(threads=1, **options), lambda fraction: True)  # type: ignore[arg-type]
    return backend


def embed(backend: LlamaCppBackend, *texts: str, **options: object) -> EmbeddingResult:
    return backend.embed(EmbeddingRequest(texts, **options), lambda: False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppBackend]:
    backend = load(ENCODER.write(tmp_path_factory.mktemp("encoders") / "encoder.gguf", PoolingType.MEAN))
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppBackend]:
    backend = load(ENCODER.write(tmp_path_factory.mktemp("encoders") / "reranker.gguf", PoolingType.RANK))
    yield backend
    backend.close()


def test_a_text_that_its_container_has_no_memory_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = load(ENCODER.write(tmp_path / "encoder.gguf", PoolingType.MEAN))
    monkeypatch.setattr("psutil.swap_memory", lambda: SimpleNamespace(free=0))
    with monkeypatch.context() as full:
        fill_container(full, tmp_path)
        with pytest.raises(OutOfMemory):
            embed(backend, TEXTS[3])
    assert len(embed(backend, TEXTS[3]).vectors) == 1
    backend.close()


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "none"])
def test_the_vectors_are_those_of_the_network(encoder: LlamaCppBackend, pooling: str) -> None:
    result = embed(encoder, *TEXTS, pooling=pooling, normalize=False)
    expected = []
    for text in TEXTS:
        rows = ENCODER.vectors(ENCODER.frame(text))
        expected.append({"mean": rows.mean(0, keepdims=True), "cls": rows[:1], "last": rows[-1:], "none": rows}[pooling])
    assert result.vectors.dtype == np.float32
    assert result.token_counts == tuple(len(ENCODER.frame(text)) for text in TEXTS)
    np.testing.assert_allclose(result.vectors, np.concatenate(expected), atol=0.02)


def test_without_a_wish_the_models_own_pooling_is_used_and_vectors_have_length_one(encoder: LlamaCppBackend) -> None:
    vectors = embed(encoder, "abc", "hello").vectors
    expected = ENCODER.vectors(ENCODER.frame("abc")).mean(0)
    np.testing.assert_allclose(vectors[0], expected / np.linalg.norm(expected), atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_tokens_give_the_same_vectors_as_their_text(encoder: LlamaCppBackend) -> None:
    request = EmbeddingRequest(("hello",), (tuple(ENCODER.frame("hello")), tuple(ENCODER.frame("abc"))))
    vectors = encoder.embed(request, lambda: False).vectors
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-4)
    assert np.abs(vectors[0] - vectors[2]).max() > 0.01


def test_a_chat_model_embeds_beside_a_reply_and_neither_changes_the_other(backend: LlamaCppBackend) -> None:
    alone_text = text_of(run(backend, complete("Once", max_tokens=200, temperature=0.0)))
    alone = embed(backend, "One text", "Another text").vectors
    found: list[np.ndarray] = []
    events = backend.generate(complete("Once", max_tokens=200, temperature=0.0), lambda: False)
    first = next(events)
    thread = threading.Thread(target=lambda: found.extend(embed(backend, "One text", "Another text").vectors for _ in range(20)))
    thread.start()
    rest = list(events)
    thread.join()
    assert text_of([first, *rest]) == alone_text
    assert len(found) == 20
    for vectors in found:
        np.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_a_text_of_several_batches_has_the_vector_of_its_tokens_in_any_company(tiny_model: Path) -> None:
    backend = load(tiny_model, context_length=2048)
    long = "some words that go on " * 60
    alone = embed(backend, long, pooling="mean").vectors[0]
    mixed = embed(backend, *["short"] * 40, long, "end", pooling="mean").vectors
    np.testing.assert_allclose(mixed[40], alone, atol=1e-3)
    rows = embed(backend, long, pooling="none", normalize=False).vectors
    mean = rows.mean(0) / np.linalg.norm(rows.mean(0))
    np.testing.assert_allclose(mean, alone, atol=1e-3)
    np.testing.assert_allclose(embed(backend, long, pooling="last", normalize=False).vectors[0], rows[-1], atol=1e-3)
    backend.close()


def test_the_starter_embeds() -> None:
    starter = next(Path("resources/starter").glob("*.gguf"))
    backend = load(starter, context_length=512)
    similar, same, other = embed(backend, "What is the capital of France?", "what is the capital of France", "def f(x):").vectors
    backend.close()
    assert float(similar @ same) > float(similar @ other)


def test_documents_are_scored_as_the_network_scores_them(reranker: LlamaCppBackend) -> None:
    documents = ("hello", "quick brown fox", "z " * 400, "abc")
    result = reranker.rerank(RerankRequest("some query", documents), lambda: False)
    np.testing.assert_allclose(result.scores, [ENCODER.score("some query", document) for document in documents], atol=0.02)
    assert result.token_counts == tuple(len(ENCODER.frame("some query", document)) for document in documents)


def test_a_reranker_also_embeds_and_one_kind_of_question_follows_the_other(reranker: LlamaCppBackend) -> None:
    before = reranker.rerank(RerankRequest("q", ("abc",)), lambda: False)
    assert embed(reranker, "abc").vectors.shape == (1, ENCODER.width)
    assert reranker.rerank(RerankRequest("q", ("abc",)), lambda: False).scores == pytest.approx(before.scores, abs=1e-5)


def test_a_model_without_a_ranking_head_refuses_to_rank(encoder: LlamaCppBackend, backend: LlamaCppBackend) -> None:
    for other in (encoder, backend):
        with pytest.raises(CannotRerank):
            other.rerank(RerankRequest("q", ("a",)), lambda: False)


def test_an_embedding_model_refuses_to_write_and_goes_on(encoder: LlamaCppBackend) -> None:
    with pytest.raises(CannotWrite, match="an embedding model"):
        run(encoder, ask("Hello"))
    assert embed(encoder, "abc").vectors.shape == (1, ENCODER.width)


def test_a_text_that_is_too_long_is_refused_by_its_number(encoder: LlamaCppBackend) -> None:
    with pytest.raises(TextTooLong) as caught:
        embed(encoder, "fine", "z " * 1023)
    assert caught.value.facts["number"] == "2"
    assert caught.value.facts["needed"] == "1025"
    assert embed(encoder, "z " * 1022).token_counts == (1024,)


def test_nonsense_is_refused_before_c_sees_it(encoder: LlamaCppBackend, backend: LlamaCppBackend) -> None:
    for tokens in ((), (-1,), (10_000_000,)):
        with pytest.raises(InvalidOption):
            encoder.embed(EmbeddingRequest(tokens=(tokens,)), lambda: False)
    with pytest.raises(InvalidOption):
        EmbeddingRequest()
    with pytest.raises(InvalidOption):
        EmbeddingRequest(("a",), pooling="sum")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption):
        RerankRequest("q", ())


def test_a_cancel_ends_a_long_question_soon_and_the_next_is_answered(slow_model: Path) -> None:
    backend = load(slow_model, context_length=4096)
    calls = iter(range(1_000_000))
    with pytest.raises(WorkCancelled):
        backend.embed(EmbeddingRequest(("word " * 800,)), lambda: next(calls) > 5)
    assert embed(backend, "word").vectors.shape[0] == 1
    backend.close()


def test_a_worker_embeds_and_ranks_while_it_answers_and_says_what_it_can(tmp_path: Path, tiny_model: Path) -> None:
    path = ENCODER.write(tmp_path / "reranker.gguf", PoolingType.RANK)
    link = WorkerLink("llamacpp", str(path), LoadOptions(threads=1))
    try:
        facts = link.load()
        assert (facts.can_write, facts.can_rerank, facts.embedding_width) == (False, True, ENCODER.width)
        assert len(link.rerank(RerankRequest("q", ("a", "b", "c"))).scores) == 3
        assert link.embed(EmbeddingRequest(("a", "b"))).vectors.shape == (2, ENCODER.width)
        with pytest.raises(TextTooLong):
            link.embed(EmbeddingRequest(("z " * 5000,)))
        assert isinstance(failure_of(link.generate(ask("Hello"))).error, CannotWrite)
        assert link.embed(EmbeddingRequest(("still there",))).vectors.shape[0] == 1
    finally:
        link.close()


def test_a_question_that_takes_too_long_is_given_up_and_does_not_hold_the_next(slow_model: Path) -> None:
    link = WorkerLink("llamacpp", str(slow_model), LoadOptions(threads=1, context_length=16384))
    try:
        link.load()
        with pytest.raises(GenerationFailed, match="in time"):
            link.embed(EmbeddingRequest(("word " * 3000,)), timeout=0.2)
        assert link.embed(EmbeddingRequest(("word",)), timeout=10).vectors.shape[0] == 1
    finally:
        link.close()


def test_an_engine_that_cannot_embed_says_so() -> None:
    from models.errors import EngineUnavailable

    link = WorkerLink("echo", "echo:", LoadOptions())
    try:
        link.load()
        with pytest.raises(EngineUnavailable, match="no embeddings"):
            link.embed(EmbeddingRequest(("a",)))
    finally:
        link.close()
