"""What a request took is free when it is over, and needs no collection to be found."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gguf import PoolingType

from backends.backend import GenerationRequest
from backends.embeddings import EmbeddingRequest
from backends.events import Finished
from backends.llamacpp.backend import LlamaCppBackend
from backends.messages import ImagePart, Message, TextPart
from backends.options import OWN_LAYERS, Adapter, LoadOptions
from tests.backends.llamacpp.batched import Bench
from tests.backends.requests import ask, complete, finish_of, make_options, run
from tests.tiny_encoders import TinyEncoder
from tests.tiny_eyes import draw, make_eyes
from tests.tiny_guessers import make_tiny_guesser
from tests.tiny_models import make_tiny_adapter, make_tiny_model
from tests.tiny_vision import make_tiny_vision

ROUNDS = 5


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def left_after(work: Callable[[int], object]) -> Counter[str]:
    """Types of what ``work`` left in cycles, over some rounds; what is not there each time is of other threads."""
    work(-1)
    for _ in range(2):
        if not _left_once(work):
            return Counter()
    return _left_once(work)


def _left_once(work: Callable[[int], object]) -> Counter[str]:
    gc.collect()
    gc.garbage.clear()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for number in range(ROUNDS):
            work(number)
        gc.collect()
        return Counter(type(found).__qualname__ for found in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


REQUESTS: dict[str, Callable[[int], GenerationRequest]] = {
    "a chat": lambda number: ask("hello " * (number + 3), max_tokens=5),
    "a text": lambda number: complete("once upon a time " * (number + 3), max_tokens=5),
    "penalties, DRY and a bias": lambda number: ask(
        "x" * (number + 30), max_tokens=5, repeat_penalty=1.1, dry_multiplier=0.5, logit_bias=((7, 1.0),) * (number + 2)
    ),
    "likelihoods": lambda number: ask("x" * (number + 30), max_tokens=5, logprobs=3),
    "a schema": lambda number: ask("x" * (number + 30), max_tokens=5, schema='{"type": "object"}'),
    "likelihoods of the prompt": lambda number: ask("x" * (number + 30), max_tokens=3, logprobs=1, prompt_logprobs=True),
    "a stop text": lambda number: ask("x" * (number + 30), max_tokens=5, stop=("e",)),
    "no end": lambda number: ask("x" * (number + 30), max_tokens=5, ignore_eos=True),
}


@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_leaves_nothing_in_cycles(name: str, backend: LlamaCppBackend) -> None:
    assert not left_after(lambda number: finish_of(run(backend, REQUESTS[name](number))))


@pytest.mark.usefixtures("no_collections")
def test_sequences_that_leave_the_cache_and_come_back_leave_nothing_in_cycles(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=512, batch_size=64, parallel=2)
    tales = [[7 + (number * 31 + place * (number + 3)) % 240 for place in range(100)] for number in range(4)]

    def tell_all(_: int) -> None:
        for tale in tales:
            bench.ask(tale, 4)
            bench.run()
        assert len(list(bench.scheduler.parking)) >= 2

    assert not left_after(tell_all)
    bench.close()


@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize("kind", ["a draft", "its own layers"])
def test_guesses_leave_nothing_in_cycles(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.llamacpp.guess_account._CAN_LOSE_STEPS", 1e12)
    if is_own := kind == "its own layers":
        model = make_tiny_guesser(tmp_path / "guesser.gguf")
    else:
        model = make_tiny_model(tmp_path / "sharp.gguf", context=4096, scale=2.0)
    bench = Bench(model, context_length=1024, parallel=2, draft_model=OWN_LAYERS if is_own else str(model))

    def guess(number: int) -> None:
        asked = bench.ask([7 + (number * 31 + place * 3) % 240 for place in range(40)], 12)
        bench.run()
        end = bench.end(asked)
        assert isinstance(end, Finished)
        assert end.usage.drafted_tokens

    assert not left_after(guess)
    bench.close()


@pytest.mark.usefixtures("no_collections")
def test_changed_adapters_leave_nothing_in_cycles(tiny_model: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.gguf" for name in "ab"]
    for seed, path in enumerate(paths):
        make_tiny_adapter(path, seed=seed)
    chosen = tuple(Adapter(str(path), 1.0) for path in paths)
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(threads=1, context_length=512, adapters=chosen), lambda fraction: True)

    def adapt(number: int) -> None:
        finish_of(run(backend, complete("once upon", max_tokens=3, adapters=chosen[: number % 3])))

    assert not left_after(adapt)
    backend.close()


@pytest.mark.usefixtures("no_collections")
def test_vectors_leave_nothing_in_cycles(tmp_path: Path) -> None:
    backend = LlamaCppBackend()
    path = TinyEncoder().write(tmp_path / "encoder.gguf", PoolingType.MEAN)
    backend.load(str(path), LoadOptions(threads=1), lambda fraction: True)
    texts = tuple("hello world " * (number + 1) for number in range(ROUNDS))
    assert not left_after(lambda number: backend.embed(EmbeddingRequest(texts[: number + 2]), lambda: False))
    backend.close()


@pytest.mark.usefixtures("no_collections")
def test_pictures_leave_nothing_in_cycles(tmp_path: Path) -> None:
    make_tiny_vision(tmp_path).projector.unlink()
    make_eyes(tmp_path / "mmproj-tiny-eyes.gguf", side=64)
    for number in range(-1, ROUNDS):
        draw(tmp_path / f"{number}.png", (40 * number + 50, 30, 200), (64, 48), seed=number + 5)
    backend = LlamaCppBackend()
    backend.load(str(next(tmp_path.glob("tiny*.gguf"))), LoadOptions(threads=1), lambda fraction: True)

    def look(number: int) -> None:
        parts = (TextPart("What is it? " * (number + 2)), ImagePart(str(tmp_path / f"{number}.png")))
        finish_of(run(backend, GenerationRequest(messages=(Message("user", parts),), options=make_options(max_tokens=3))))

    assert not left_after(look)
    backend.close()
