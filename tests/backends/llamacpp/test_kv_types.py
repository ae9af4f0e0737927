"""Contexts that would end the process or be refused without a reason: too few cells, threads beyond measure, heads no type can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends.llamacpp import model as model_module
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.kv_types import GGML_TYPES, can_hold, list_head_sizes
from backends.llamacpp.model import choose_threads, count_physical_cores
from backends.options import KV_TYPES, MOST_THREADS, LoadOptions
from models.errors import InvalidOption
from tests.backends.requests import complete, finish_of, run, text_of
from tests.tiny_encoders import TinyEncoder
from tests.tiny_models import make_tiny_model

PACKED = [name for name in KV_TYPES if name not in ("f32", "f16", "bf16")]


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Heads of 32 numbers."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "wide.gguf", context=4096, heads=2, scale=2.0)


def answer(path: Path, **options: Any) -> str:
    backend = LlamaCppBackend()
    backend.load(str(path), LoadOptions(threads=1, **options), lambda fraction: True)
    try:
        return text_of(run(backend, complete("ink", max_tokens=8, temperature=0.0)))
    finally:
        backend.close()


@pytest.mark.parametrize(
    "options",
    [
        *({"context_length": length, "parallel": 4} for length in (1, 4, 7, 8, 9)),
        {"context_length": 200, "parallel": 128},
        {"context_length": 3, "parallel": 4, "kv_unified": False},
        {"context_length": 1, "batch_size": 1},
    ],
    ids=str,
)
def test_a_context_smaller_than_its_sequences_holds_one_token_of_each(tiny_model: Path, options: dict[str, Any]) -> None:
    assert answer(tiny_model, **options)


def test_all_sequences_of_a_small_context_write_at_once(tiny_model: Path) -> None:
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(threads=1, context_length=2, parallel=16), lambda fraction: True)
    running = [backend.generate(complete(f"{number}", max_tokens=4), lambda: False) for number in range(16)]
    ends = [finish_of(list(events)) for events in running]
    assert [end.usage.output_tokens for end in ends] == [4] * 16
    backend.close()


@pytest.mark.parametrize("kv_type", PACKED)
def test_a_type_that_the_heads_do_not_fit_is_refused_with_the_reason(tiny_model: Path, kv_type: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        answer(tiny_model, kv_type=kv_type)
    assert caught.value.facts["option"] == "kv_type"
    assert caught.value.english() == (
        f"“kv_type” cannot be {kv_type}. It must be f16, bf16 or f32: this model's heads have 16 numbers each, "
        f"and {kv_type} stores 32 together. Change the value and try again."
    )


def test_a_type_that_fits_is_used_unless_flash_attention_is_off(wide_model: Path) -> None:
    assert all(answer(wide_model, kv_type=kv_type) for kv_type in KV_TYPES)
    with pytest.raises(InvalidOption, match="flash attention is off"):
        answer(wide_model, kv_type="q8_0", flash_attention=False)


def test_an_embedding_model_whose_heads_do_not_fit_is_refused_alike(tmp_path: Path) -> None:
    from gguf import PoolingType

    path = TinyEncoder().write(tmp_path / "reader.gguf", PoolingType.MEAN)
    with pytest.raises(InvalidOption, match="8 numbers each"):
        LlamaCppBackend().load(str(path), LoadOptions(threads=1, kv_type="q8_0"), lambda fraction: True)


def test_a_draft_whose_heads_do_not_fit_keeps_another_type_and_changes_no_text(wide_model: Path, tmp_path: Path) -> None:
    narrow = make_tiny_model(tmp_path / "narrow.gguf", context=4096, heads=4, scale=2.0)
    plain = answer(wide_model, kv_type="q8_0")
    assert answer(wide_model, kv_type="q8_0", draft_model=str(narrow)) == plain
    assert answer(wide_model, kv_type="q8_0", draft_model=str(wide_model)) == plain


def test_sizes_of_heads_come_from_the_metadata_and_every_type_has_its_number() -> None:
    def sizes(**values: int) -> list[int]:
        known = {name.replace("_", ".", 1) if name.startswith("attention") else name: value for name, value in values.items()}
        return list_head_sizes(lambda key: known.get(key, 0))

    assert sizes(embedding_length=64, attention_head_count=4) == [16, 16]
    assert sizes(embedding_length=64, attention_head_count=4, attention_key_length=192, attention_value_length=128) == [192, 128]
    assert sizes(embedding_length=64, attention_head_count=4, attention_key_length_swa=40) == [16, 16, 40]
    assert sizes(embedding_length=64) == []
    assert can_hold("q4_0", [64, 128]) and not can_hold("q4_0", [64, 80]) and can_hold("bf16", [80]) and can_hold("q8_0", [])
    assert set(GGML_TYPES) == set(KV_TYPES)


@pytest.mark.parametrize("text", ["100000", "1025", "0", "-3", "many", "1.5", "²", "9" * 5000])
def test_threads_of_the_environment_that_make_no_sense_are_ignored_with_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    model_module._threads_of_environment.cache_clear()
    monkeypatch.setenv("YANMO_THREADS", text)
    for _ in range(3):
        assert choose_threads(0) == max(1, count_physical_cores() - 1)
        assert choose_threads(3) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "YANMO_THREADS" in caplog.text
    assert len(caplog.text) < 300


@pytest.mark.parametrize("number", [1, 2, MOST_THREADS])
def test_threads_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setenv("YANMO_THREADS", str(number))
    assert choose_threads(0) == number
