"""Layers that keep a state cannot step back: what is guessed, cancelled or continued is nevertheless what a plain loop says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.events import Finished
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.batch import Batch
from backends.llamacpp.extra_layers import ExtraLayers
from backends.llamacpp.model import NativeModel
from backends.llamacpp.speculation import PromptLookup
from backends.options import OWN_LAYERS, LoadOptions
from models.gguf_header import read_header
from models.memory_fit import LoadShape, kv_bytes
from models.memory_shape import MOST_TAKEN_BACK, read_shape, state_copies
from tests.backends.llamacpp.batched import Bench, Plain, open_model
from tests.tiny_states import make_states


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    return make_states(tmp_path_factory.mktemp("states"))


@pytest.fixture(scope="module")
def plain(made: tuple[Path, Path, Any]) -> Iterator[Plain]:
    plain = Plain(made[1], 256)
    yield plain
    plain.close()


@pytest.fixture(autouse=True)
def guess_often(monkeypatch: pytest.MonkeyPatch, plain: Plain) -> None:
    """Nothing pauses, and looking up finds what a random model never repeats: some right tokens, then a wrong one."""

    def guess(lookup: PromptLookup, room: int) -> list[int]:
        text = list(lookup._tokens)
        right = [token for token, _ in plain.say(text, len(text) % 3)]
        return [*right, 6, 7, 8][: min(room, lookup._length)]

    monkeypatch.setattr(PromptLookup, "guess", guess)
    monkeypatch.setattr("backends.llamacpp.guess_account._CAN_LOSE_STEPS", 1e12)
    monkeypatch.setattr("backends.llamacpp.speculation._PATIENCE", 1e12)
    monkeypatch.setattr("backends.llamacpp.draft.SURE_ENOUGH", 0.0)


@pytest.fixture(scope="module", params=["own layers", "lookup"])
def bench(request: pytest.FixtureRequest, made: tuple[Path, Path, Any]) -> Iterator[Bench]:
    means: dict[str, Any] = {"draft_model": OWN_LAYERS} if request.param == "own layers" else {"lookup_tokens": 8}
    bench = Bench(made[1], parallel=3, context_length=256, **means)
    yield bench
    bench.close()


def test_the_layer_that_guesses_computes_what_transformers_layers_compute(made: tuple[Path, Path, Any]) -> None:
    import torch
    from safetensors.torch import load_file

    folder, path, reference = made
    tensors = load_file(folder / "model.safetensors")
    kind, norm_kind = type(reference.model.layers[-1]), type(reference.model.norm)
    layer = kind(reference.config, len(reference.model.layers) - 1).eval()
    layer.load_state_dict(
        {name.removeprefix("mtp.layers.0."): values for name, values in tensors.items() if name.startswith("mtp.layers.0.")}
    )

    def normed(name: str, values: torch.Tensor) -> torch.Tensor:
        norm = norm_kind(values.shape[-1], eps=reference.config.rms_norm_eps)
        norm.weight.data = tensors[f"mtp.{name}.weight"]
        return norm(values)

    options = LoadOptions(threads=1, context_length=64, draft_model=OWN_LAYERS)
    model = open_model(path, context_length=64, draft_model=OWN_LAYERS)
    layers = ExtraLayers(model, options)
    torch.manual_seed(4)
    states = torch.randn(6, reference.config.hidden_size)
    tokens = torch.tensor([[7, 300, 41, 999, 5, 7]])
    with torch.no_grad():
        embedded = reference.model.embed_tokens(tokens)
        both = torch.cat([normed("pre_fc_norm_embedding", embedded), normed("pre_fc_norm_hidden", states[None])], -1)
        places = torch.arange(6)[None]
        hidden = both @ tensors["mtp.fc.weight"].T
        turning = reference.model.rotary_emb(hidden, places)
        mask = torch.full((6, 6), float("-inf")).triu(1)[None, None]
        hidden = layer(hidden, position_embeddings=turning, attention_mask=mask, position_ids=places)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        expected = reference.lm_head(normed("norm", hidden))[0].log_softmax(-1).numpy()
    for place in range(6):
        assert layers._read([(int(tokens[0, place]), place, states[place].numpy())], output=True)
        logits = np.ctypeslib.as_array(model.api.llama_get_logits_ith(layers.context, 0), (expected.shape[1],))
        found = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        assert np.abs(found - expected[place]).max() < 0.02, "keys and values are kept in F16"
    layers.close()
    model.close()


def test_replies_are_those_without_guesses(bench: Bench, plain: Plain) -> None:
    drafted = []

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(5, 60), min_size=1, max_size=60), st.integers(1, 40), st.booleans())
    def check(prompt: list[int], length: int, again: bool) -> None:
        for _ in range(2 if again else 1):
            number = bench.ask(prompt, length)
            bench.run()
            plain.compare(prompt, bench.output(number), whole=length)
            end = bench.end(number)
            assert isinstance(end, Finished)
            drafted.append((end.usage.drafted_tokens, end.usage.accepted_tokens))
        bench.reset()

    check()
    guesses, right = (sum(column) for column in zip(*drafted, strict=True))
    assert guesses > 100
    assert right < guesses, "wrong ones were taken back"


def test_conversations_go_on_branch_and_are_cancelled_as_if_each_were_alone(bench: Bench, plain: Plain) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        prompts = [data.draw(st.lists(st.integers(5, 60), min_size=1, max_size=30)) for _ in range(2)]
        cancelled: set[int] = set()
        lengths: dict[int, int] = {}
        asked: dict[int, list[int]] = {}
        for _ in range(data.draw(st.integers(1, 5))):
            before = data.draw(st.sampled_from([*prompts, *([bench.replies[n].tokens for n in asked] or prompts)]))
            prompt = [*before[:100], *data.draw(st.lists(st.integers(5, 60), min_size=1, max_size=10))]
            length = data.draw(st.integers(1, 12))
            place = len(bench.replies)
            number = bench.ask(prompt, length, lambda place=place: place in cancelled)
            asked[number], lengths[number] = prompt, length
            for _ in range(data.draw(st.integers(0, 12))):
                bench.step()
            if data.draw(st.booleans()) and data.draw(st.booleans()):
                cancelled.add(data.draw(st.sampled_from(sorted(asked))))
        bench.run()
        for number, prompt in asked.items():
            end = bench.end(number)
            assert isinstance(end, Finished)
            whole = 0 if end.reason == "cancelled" else lengths[number]
            plain.compare(prompt, bench.output(number), whole=whole)
        bench.reset()

    check()


@pytest.mark.parametrize("nodes", [1, 20, 100])
def test_a_decode_that_is_aborted_leaves_no_half_state_behind(made: tuple[Path, Path, Any], nodes: int) -> None:
    model = open_model(made[1], context_length=256, draft_model=OWN_LAYERS)
    api, context, cache = model.api, model.context, model.make_cache()
    batch = Batch(api, model.batch_size, model.sequences)
    prompt = [5 + number % 40 for number in range(150)]
    slot = cache.take(prompt, 0, force=True)
    assert slot is not None
    looks = 0

    def read(end: int) -> int:
        batch.clear()
        tokens = prompt[len(slot.tokens) : end]
        batch.add(slot.id, slot.position, tokens, 1)
        result = int(api.llama_decode(context, batch.as_struct()))
        if result:
            cache.take_stock(slot, tokens)
        else:
            cache.extend(slot, tokens)
        return result

    def is_enough(_data: object) -> bool:
        nonlocal looks
        looks += 1
        return looks > nodes

    def logits() -> Any:
        return np.ctypeslib.as_array(api.llama_get_logits_ith(context, -1), (model.tokenizer.size,)).copy()

    assert read(150) == 0
    expected = logits()
    cache.clear(slot)
    assert read(60) == 0
    stop = api.ggml_abort_callback(is_enough)
    api.llama_set_abort_callback(context, stop, None)
    assert read(120) == 2, "aborted"
    api.llama_set_abort_callback(context, api.ggml_abort_callback(), None)
    assert read(150) == 0
    assert np.abs(logits() - expected).max() < 0.02 * np.abs(expected).max()
    model.close()


def test_states_are_kept_for_guesses_only_and_few_of_them(made: tuple[Path, Path, Any]) -> None:
    def kept(**options: Any) -> int:
        model: NativeModel = open_model(made[1], context_length=64, **options)
        most = model.most_guesses
        model.close()
        return most

    assert kept() == 0
    assert kept(lookup_tokens=2) == 2
    assert kept(draft_model=OWN_LAYERS) == MOST_TAKEN_BACK


def test_the_memory_of_kept_states_is_planned_to_the_byte(tmp_path: Path) -> None:
    _, path, _ = make_states(tmp_path, guesses=False)
    header = read_header(path)
    shape = read_shape([header])
    for lookup in (0, 3):
        backend = LlamaCppBackend()
        options = LoadOptions(threads=1, context_length=256, parallel=3, lookup_tokens=lookup)
        loaded = backend.load(str(path), options, lambda _: True)
        backend.close()
        copies = state_copies(header.architecture, options.guessed_tokens)
        assert copies == 1 + lookup
        planned = kv_bytes(shape.layers, LoadShape(256, sequences=3, states=copies))
        assert sum(part.kv_cache for part in loaded.memory) == pytest.approx(planned, abs=0.02 * 2**20)
