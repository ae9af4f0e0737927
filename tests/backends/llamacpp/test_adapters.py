"""LoRA adapters: the logits of merged weights, several at once, switched between requests, refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.embeddings import EmbeddingRequest
from backends.events import TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.reply import Prompt, Reply
from backends.options import Adapter, GenerationOptions, LoadOptions, generation_options_from_json
from models.errors import AdapterRefused, InvalidOption, ModelNotFound, NotAModelFile
from tests.backends.llamacpp.batched import Bench
from tests.backends.requests import complete, make_options, run, text_of
from tests.tiny_models import make_tiny_adapter, make_tiny_model

PROMPT = "Once upon a time"


def load(path: Path, **options: object) -> LlamaCppBackend:
    backend = LlamaCppBackend()
    backend.load(str(path), LoadOptions(threads=1, context_length=1024, **options), lambda fraction: True)  # type: ignore[arg-type]
    return backend


def first_logprobs(backend: LlamaCppBackend, **options: object) -> dict[int, float]:
    """The log-probabilities of the likeliest first tokens."""
    events = run(backend, complete(PROMPT, max_tokens=1, temperature=0.0, logprobs=50, **options))
    chosen = next(event for event in events if isinstance(event, TokenChosen))
    return {token: logprob for token, _, logprob in chosen.alternatives}


def assert_equal(found: dict[int, float], expected: dict[int, float]) -> None:
    common = set(found) & set(expected)
    assert len(common) >= 45  # the last of fifty may change places
    for token in common:
        assert found[token] == pytest.approx(expected[token], abs=0.02)


def differ(one: dict[int, float], other: dict[int, float]) -> bool:
    return max(abs(one[token] - other[token]) for token in set(one) & set(other)) > 0.1


def test_an_adapter_gives_the_logits_of_the_merged_weights(tmp_path: Path, tiny_model: Path) -> None:
    deltas = make_tiny_adapter(tmp_path / "a.gguf", seed=5)
    halved = {name: delta * np.float32(0.5) for name, delta in deltas.items()}
    for scale, added in ((1.0, deltas), (0.5, halved)):
        merged = load(make_tiny_model(tmp_path / f"merged{scale}.gguf", context=4096, deltas=added))
        expected = first_logprobs(merged)
        merged.close()
        adapted = load(tiny_model, adapters=(Adapter(str(tmp_path / "a.gguf"), scale),))
        found, plain = first_logprobs(adapted), first_logprobs(adapted, adapters=())
        adapted.close()
        assert_equal(found, expected)
        assert differ(plain, expected)


def test_several_adapters_add_up_and_each_request_may_name_its_own(tmp_path: Path, tiny_model: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.gguf", "b.gguf")]
    first, second = (make_tiny_adapter(Path(path), seed=seed) for path, seed in zip(paths, (5, 6), strict=True))
    both = {name: first[name] + second[name] * np.float32(-0.7) for name in first}
    merged = load(make_tiny_model(tmp_path / "merged.gguf", context=4096, deltas=both))
    expected = first_logprobs(merged)
    merged.close()
    backend = load(tiny_model)
    plain = first_logprobs(backend)
    for _ in range(2):
        assert_equal(first_logprobs(backend, adapters=((paths[0], 1.0), (paths[1], -0.7))), expected)
        assert first_logprobs(backend) == pytest.approx(plain)
    assert first_logprobs(backend, adapters=((paths[0], 0.0),)) == pytest.approx(plain)
    backend.close()


def test_requests_with_different_adapters_run_together_and_say_what_they_say_alone(tmp_path: Path, tiny_model: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.gguf", "b.gguf")]
    for seed, path in enumerate(paths):
        make_tiny_adapter(Path(path), seed=seed + 5)
    wishes = [(), ((paths[0], 1.0),), ((paths[1], 1.0),), ((paths[0], 0.5), (paths[1], 0.5))]
    bench = Bench(tiny_model, parallel=4, context_length=2048)
    prompt = bench.model.tokenizer.encode_prompt(PROMPT * 10)

    def ask(number: int, wish: object) -> None:
        options = make_options(max_tokens=16, temperature=0.0, adapters=wish)
        adapters = bench.model.adapters.prepare(options.adapters)
        reply = Reply(number, bench.model, Prompt(prompt, (), None, None, adapters), options, lambda: False)
        bench.scheduler.submit(reply)
        bench.replies[number], bench.events[number] = reply, []

    alone = []
    for number, wish in enumerate(wishes):
        ask(number, wish)
        bench.run()
        alone.append(bench.output(number))
    assert len({tuple(output) for output in alone}) == len(wishes)
    bench.reset()
    for number in range(8):
        ask(number, wishes[number % 4])
    bench.run()
    for number in range(8):
        assert bench.output(number) == alone[number % 4]
    bench.close()


def test_what_one_set_of_adapters_read_is_no_beginning_for_another(tmp_path: Path, tiny_model: Path) -> None:
    path = str(tmp_path / "a.gguf")
    make_tiny_adapter(Path(path), seed=5)
    backend = load(tiny_model)
    request = complete(PROMPT * 20, max_tokens=2, temperature=0.0)
    other = complete(PROMPT * 20, max_tokens=2, temperature=0.0, adapters=((path, 1.0),))
    cached = [run(backend, one)[-1].usage.cached_tokens for one in (request, other, request, other)]  # type: ignore[union-attr]
    backend.close()
    assert cached[:2] == [0, 0]
    assert min(cached[2:]) > 100


def test_what_is_kept_on_disk_was_computed_with_the_same_adapters(tmp_path: Path, tiny_model: Path) -> None:
    path = str(tmp_path / "a.gguf")
    make_tiny_adapter(Path(path), seed=5)
    cached = []
    for adapters in ((Adapter(path),), (), (Adapter(path, 0.5),), (Adapter(path),)):
        backend = load(tiny_model, adapters=adapters, cache_folder=str(tmp_path / "cache"))
        cached.append(
            run(backend, replace(complete(PROMPT * 20, max_tokens=2, temperature=0.0), owner="me"))[-1].usage.cached_tokens
        )  # type: ignore[union-attr]
        backend.close()
    assert cached[:3] == [0, 0, 0]
    assert cached[3] > 100


def test_embeddings_are_computed_with_the_adapters_of_the_load(tmp_path: Path, tiny_model: Path) -> None:
    deltas = make_tiny_adapter(tmp_path / "a.gguf", seed=5)
    merged = load(make_tiny_model(tmp_path / "merged.gguf", context=4096, deltas=deltas))
    adapted = load(tiny_model, adapters=(Adapter(str(tmp_path / "a.gguf")),))
    vectors = [backend.embed(EmbeddingRequest((PROMPT,)), lambda: False).vectors[0] for backend in (merged, adapted)]
    merged.close()
    adapted.close()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=0.01)


def test_an_adapter_that_does_not_fit_is_refused_and_the_model_stays(tmp_path: Path, tiny_model: Path) -> None:
    make_tiny_adapter(tmp_path / "wide.gguf", seed=5, width=128)
    make_tiny_adapter(tmp_path / "other.gguf", seed=5, architecture="qwen2")
    (tmp_path / "noise.gguf").write_bytes(b"noise" * 100)
    whole = (tmp_path / "wide.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    backend = load(tiny_model)

    def refused(name: str, error: type[Exception]) -> str:
        with pytest.raises(error) as caught:
            run(backend, complete(PROMPT, adapters=((str(tmp_path / name), 1.0),)))
        return str(caught.value)

    assert "weights do not fit" in refused("wide.gguf", AdapterRefused)
    assert "architecture qwen2" in refused("other.gguf", AdapterRefused)
    refused("noise.gguf", NotAModelFile)
    refused("missing.gguf", ModelNotFound)
    refused("cut.gguf", Exception)
    with pytest.raises(AdapterRefused, match="no LoRA"):
        run(backend, complete(PROMPT, adapters=((str(tiny_model), 1.0),)))
    assert text_of(run(backend, complete(PROMPT, max_tokens=5)))
    backend.close()
    with pytest.raises(AdapterRefused):
        load(tiny_model, adapters=(Adapter(str(tmp_path / "wide.gguf")),))


def test_options_take_adapters_as_plain_values_and_refuse_nonsense() -> None:
    options = generation_options_from_json(GenerationOptions(adapters=(Adapter("a", 0.5),)).to_json())
    assert options.adapters == (Adapter("a", 0.5),)
    assert generation_options_from_json(GenerationOptions().to_json()).adapters is None
    assert LoadOptions(adapters=[{"path": "a"}]).adapters == (Adapter("a"),)  # type: ignore[arg-type]
    for wrong in ([("a", 1.0), ("a", 2.0)], ["a"], [("a", float("nan"))], [("", 1.0)], [3]):
        with pytest.raises(InvalidOption):
            LoadOptions(adapters=wrong)  # type: ignore[arg-type]
