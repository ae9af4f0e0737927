"""PEFT's adapters on torch: the logits of merged weights, several at once, each request its own in one pass, refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from backends.backend import GenerationRequest
from backends.embeddings import EmbeddingRequest
from backends.events import Failed, TextDelta, TokenChosen
from backends.options import Adapter
from backends.torch_transformers.backend import TorchBackend
from models.errors import AdapterRefused, DamagedModelFile, ModelNotFound, NotAModelFile
from quantize.gguf.lora import merge_adapter
from tests.backends.requests import complete, run, text_of
from tests.backends.torch_transformers.conftest import load
from tests.quantize.test_lora import make_adapter
from tests.tiny_checkpoints import make_tiny_checkpoint

PROMPT = "once upon a time the bell"
ATTENTION, REST = ("q_proj", "v_proj"), ("down_proj", "embed_tokens", "lm_head")


@pytest.fixture(scope="module")
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("适配器")
    make_adapter(folder / "a", tiny, ATTENTION, lora_alpha=64)
    make_adapter(folder / "b", tiny, REST, use_rslora=True)
    return str(folder / "a"), str(folder / "b")


@pytest.fixture(scope="module")
def wide(tiny: Path) -> Iterator[TorchBackend]:
    """Eight places."""
    backend = load(tiny, context_length=1024, compute_type="f32", parallel=8)
    yield backend
    backend.close()


def first_logprobs(backend: TorchBackend, **options: object) -> dict[int, float]:
    events = run(backend, complete(PROMPT, max_tokens=1, temperature=0.0, logprobs=50, **options))
    chosen = next(event for event in events if isinstance(event, TokenChosen))
    return {token: logprob for token, _, logprob in chosen.alternatives}


def merged_logprobs(base: Path, folders: tuple[str, ...], target: Path) -> dict[int, float]:
    for number, folder in enumerate(folders):
        base = merge_adapter(base, Path(folder), target / str(number))
    backend = load(base, context_length=1024, compute_type="f32")
    found = first_logprobs(backend)
    backend.close()
    return found


def test_adapters_alone_and_together_give_the_logits_of_the_merged_weights(
    tiny: Path, wide: TorchBackend, adapters: tuple[str, str], tmp_path: Path
) -> None:
    plain = first_logprobs(wide)
    for number, chosen in enumerate([adapters[:1], adapters[1:], adapters]):
        expected = merged_logprobs(tiny, chosen, tmp_path / str(number))
        found = first_logprobs(wide, adapters=tuple((path, 1.0) for path in chosen))
        common = set(found) & set(expected)
        assert len(common) >= 45
        assert all(abs(found[token] - expected[token]) < 1e-3 for token in common)
        assert max(abs(found[token] - plain[token]) for token in set(found) & set(plain)) > 0.02
    assert first_logprobs(wide, adapters=((adapters[0], 0.0),)) == pytest.approx(plain, abs=1e-4)


def test_a_scale_is_how_strongly_an_adapter_speaks(wide: TorchBackend, adapters: tuple[str, str]) -> None:
    plain = first_logprobs(wide)
    found = [first_logprobs(wide, adapters=((adapters[0], scale),)) for scale in (-0.001, 0.001, 0.002)]
    common = sorted(set(plain).intersection(*found))
    changes = [numpy.array([one[token] - plain[token] for token in common]) for one in found]
    assert numpy.allclose(changes[0], -changes[1], atol=0.1 * numpy.abs(changes[1]).max())
    assert numpy.allclose(changes[2], 2 * changes[1], atol=0.1 * numpy.abs(changes[2]).max())


def collect(backend: TorchBackend, requests: list[GenerationRequest]) -> list[str]:
    """What requests say that are asked for at once."""
    texts = dict.fromkeys(range(len(requests)), "")
    for number, request in enumerate(requests):
        backend.submit(number, request, lambda: False)
    assert backend._scheduler is not None
    while not backend._scheduler.is_idle:
        for number, event in backend.step():
            assert not isinstance(event, Failed)
            if isinstance(event, TextDelta):
                texts[number] += event.text
    return list(texts.values())


def test_requests_with_different_adapters_share_a_pass_and_say_what_they_say_alone(
    wide: TorchBackend, adapters: tuple[str, str]
) -> None:
    first, second = adapters
    wishes = [(), ((first, 1.0),), ((second, 3.0),), ((first, 0.5), (second, -2.0))]
    requests = [complete(PROMPT * 3, max_tokens=16, temperature=0.0, adapters=wish) for wish in wishes]
    alone = [collect(wide, [request])[0] for request in requests]
    assert len(set(alone)) == len(wishes)
    wide.drop_all()
    passes: list[set[object]] = []
    import backends.torch_transformers.scheduler as scheduler

    real = scheduler.compute

    def note(model: object, tokens: list[int], spans: list[object], *rest: object) -> object:
        passes.append({span.adapters for span in spans})  # type: ignore[attr-defined]
        return real(model, tokens, spans, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler, "compute", note)
        assert collect(wide, requests * 2) == alone * 2
    assert max(map(len, passes)) == len(wishes)


def test_what_one_set_of_adapters_read_is_no_beginning_for_another(wide: TorchBackend, adapters: tuple[str, str]) -> None:
    plain = complete("9" + PROMPT * 9, max_tokens=2, temperature=0.0)
    other = complete("9" + PROMPT * 9, max_tokens=2, temperature=0.0, adapters=((adapters[0], 1.0),))
    cached = [run(wide, request)[-1].usage.cached_tokens for request in (plain, other, plain, other)]  # type: ignore[union-attr]
    assert max(cached[:2]) <= 1  # the begin token
    assert min(cached[2:]) > 100


def test_the_adapters_of_the_load_are_used_unless_a_request_names_others(tiny: Path, adapters: tuple[str, str]) -> None:
    plain = load(tiny, context_length=1024, compute_type="f32")
    adapted = load(tiny, context_length=1024, compute_type="f32", adapters=(Adapter(adapters[0], 0.5),))
    wished = first_logprobs(plain, adapters=((adapters[0], 0.5),))
    assert first_logprobs(adapted) == pytest.approx(wished) != pytest.approx(first_logprobs(plain))
    assert first_logprobs(adapted, adapters=()) == pytest.approx(first_logprobs(plain))
    vectors = [one.embed(EmbeddingRequest((PROMPT,)), lambda: False).vectors[0] for one in (plain, adapted)]
    assert numpy.abs(vectors[0] - vectors[1]).max() > 1e-3
    plain.close()
    adapted.close()


def test_four_bit_weights_take_adapters_too(adapters: tuple[str, str], tmp_path: Path) -> None:
    from quantize.awq.recipe import AwqRecipe
    from quantize.awq.run import quantize_here
    from quantize.calibration import builtin_text

    source = make_tiny_checkpoint(tmp_path / "tiny", context=4096)
    recipe = AwqRecipe(group_size=32, windows=1, rounding="nearest").to_json()
    quantize_here(str(source), str(tmp_path / "made"), recipe, builtin_text(), 1, lambda fraction, words: None)
    backend = load(tmp_path / "made", context_length=1024)
    plain, adapted = first_logprobs(backend), first_logprobs(backend, adapters=((adapters[0], 1.0),))
    backend.close()
    assert max(abs(adapted[token] - plain[token]) for token in set(adapted) & set(plain)) > 0.02


def test_an_adapter_that_does_not_fit_is_refused_and_the_model_stays(
    tiny: Path, wide: TorchBackend, adapters: tuple[str, str], tmp_path: Path
) -> None:
    other = make_tiny_checkpoint(tmp_path / "other", width=128)
    make_adapter(tmp_path / "wide", other, ATTENTION)
    make_adapter(tmp_path / "dora", tiny, ATTENTION, use_dora=True)
    make_adapter(tmp_path / "cut", tiny, ATTENTION)
    weights = tmp_path / "cut" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    (tmp_path / "style.gguf").write_bytes(b"GGUF")
    cases: list[tuple[str, type[Exception], str]] = [
        ("wide", AdapterRefused, "do not fit"),
        ("dora", AdapterRefused, "plain LoRA"),
        ("cut", DamagedModelFile, "cut"),
        ("style.gguf", AdapterRefused, "PEFT"),
        ("missing", ModelNotFound, "missing"),
        ("other", NotAModelFile, "adapter_config"),
    ]
    before = first_logprobs(wide)
    for name, kind, words in cases:
        with pytest.raises(kind, match=words):
            run(wide, complete(PROMPT, adapters=((adapters[1], 1.0), (str(tmp_path / name), 1.0))))
    assert first_logprobs(wide) == pytest.approx(before, abs=1e-4)
    assert text_of(run(wide, complete(PROMPT, max_tokens=3)))
    with pytest.raises(AdapterRefused):
        load(tiny, adapters=(Adapter(str(tmp_path / "wide")),))
