"""Layers of a model's own that guess ahead change how long a reply takes, never what it says; where there are none, that is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.events import Finished, Usage
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.extra_layers import _REMEMBERED, ExtraLayers
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel
from backends.options import OWN_LAYERS, LoadOptions
from models.errors import DraftRefused
from tests.backends.llamacpp.batched import Bench, Plain
from tests.backends.requests import complete, finish_of, run, text_of
from tests.tiny_guessers import make_tiny_guesser


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_guesser(tmp_path_factory.mktemp("models") / "good.gguf")


@pytest.fixture(scope="module")
def bad_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_guesser(tmp_path_factory.mktemp("models") / "bad.gguf", is_good=False)


@pytest.fixture(autouse=True)
def never_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.llamacpp.guess_account._CAN_LOSE_STEPS", 1e12)
    monkeypatch.setattr("backends.llamacpp.draft.SURE_ENOUGH", 0.0)


@pytest.fixture(scope="module")
def good(good_file: Path) -> Iterator[tuple[Bench, Plain]]:
    yield from open_both(good_file)


@pytest.fixture(scope="module")
def bad(bad_file: Path) -> Iterator[tuple[Bench, Plain]]:
    yield from open_both(bad_file)


def open_both(path: Path) -> Iterator[tuple[Bench, Plain]]:
    bench, plain = Bench(path, context_length=1024, parallel=2, draft_model=OWN_LAYERS), Plain(path)
    yield bench, plain
    bench.close()
    plain.close()


def usage_of(bench: Bench, number: int) -> Usage:
    end = bench.end(number)
    assert isinstance(end, Finished)
    return end.usage


@pytest.mark.parametrize("kind", ["good", "bad"])
def test_replies_are_those_without_guesses(kind: str, request: pytest.FixtureRequest) -> None:
    bench, plain = request.getfixturevalue(kind)
    drafted = []

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(0, 255), min_size=1, max_size=200), st.integers(1, 60), st.booleans())
    def check(prompt: list[int], length: int, again: bool) -> None:
        for _ in range(2 if again else 1):  # the second time most of the prompt is in the cache, so its hidden states are unknown
            number = bench.ask(prompt, length)
            bench.run()
            plain.compare(prompt, bench.output(number), whole=length)
            usage = usage_of(bench, number)
            drafted.append((usage.drafted_tokens, usage.accepted_tokens))
        bench.reset()

    check()
    guesses, right = (sum(column) for column in zip(*drafted, strict=True))
    assert guesses > 100
    assert right / guesses > 0.8 if kind == "good" else right / guesses < 0.5


def test_right_guesses_save_steps(good: tuple[Bench, Plain]) -> None:
    bench, _ = good
    number = bench.ask([1, 2, 3], 100, logit_bias=((264, -1000.0),))
    bench.run()
    assert usage_of(bench, number).acceptance > 0.8
    assert bench.decodes < 60
    bench.reset()


def test_the_layers_read_the_hidden_state_that_is_handed_to_them(tmp_path: Path) -> None:
    path = make_tiny_guesser(tmp_path / "state.gguf", reads_state=True)
    options = LoadOptions(threads=1, context_length=256, draft_model=OWN_LAYERS)
    model = NativeModel(NativeLibrary(), str(path), options, lambda _: True)
    layers = ExtraLayers(model, options)
    output = next(tensor for tensor in GGUFReader(path).tensors if tensor.name == "output.weight").data
    random = np.random.default_rng(3)
    for place in range(4):
        state = random.standard_normal(output.shape[1]).astype(np.float32)
        assert layers._read([(place, place, state)], output=True)
        logits = np.ctypeslib.as_array(model.api.llama_get_logits_ith(layers.context, 0), (output.shape[0],))
        expected = output @ (state / np.sqrt(np.mean(state**2)))
        assert np.abs(logits - expected).max() < 0.05 * np.abs(expected).max()
    layers.close()
    model.close()


def test_two_at_once_guess_nothing_and_who_is_left_guesses_again(good: tuple[Bench, Plain]) -> None:
    bench, plain = good
    numbers = [bench.ask([7, 8, 9], 10), bench.ask([40, 41], 60)]
    bench.run()
    for number, prompt, length in zip(numbers, ([7, 8, 9], [40, 41]), (10, 60), strict=True):
        plain.compare(prompt, bench.output(number), whole=length)
    assert usage_of(bench, numbers[0]).drafted_tokens == 0
    assert usage_of(bench, numbers[1]).drafted_tokens > 0
    bench.reset()


def test_of_a_long_text_the_end_is_enough(good: tuple[Bench, Plain]) -> None:
    bench, plain = good
    prompt = [byte % 256 for byte in range(_REMEMBERED + 150)]
    number = bench.ask(prompt, 40)
    bench.run()
    plain.compare(prompt, bench.output(number), whole=40)
    assert usage_of(bench, number).acceptance > 0.5
    bench.reset()


def test_the_backend_guesses_by_the_models_own_layers_and_says_how_often_it_was_right(good_file: Path) -> None:
    backend, memory, texts = LlamaCppBackend(), [], []
    for draft in ("", OWN_LAYERS):
        options = LoadOptions(threads=1, context_length=512, draft_model=draft)
        memory.append(backend.load(str(good_file), options, lambda _: True).memory_bytes)
        events = run(backend, complete("Once", max_tokens=60, temperature=0.0))
        texts.append(text_of(events))
        usage = finish_of(events).usage
        assert (usage.accepted_tokens > 0) == bool(draft)
    backend.close()
    assert texts[0] == texts[1]
    assert memory[1] > memory[0], "weights and cache of the layer are counted"


def test_a_model_without_such_layers_is_refused_by_name(tmp_path: Path, tiny_model: Path) -> None:
    stripped = make_tiny_guesser(tmp_path / "stripped.gguf", has_guesses=False)
    backend = LlamaCppBackend()
    for path in (tiny_model, stripped):
        with pytest.raises(DraftRefused, match="no layers of its own"):
            backend.load(str(path), LoadOptions(threads=1, draft_model=OWN_LAYERS), lambda _: True)
    backend.load(str(stripped), LoadOptions(threads=1, context_length=256), lambda _: True)
    assert text_of(run(backend, complete("Once", max_tokens=5)))
    backend.close()
