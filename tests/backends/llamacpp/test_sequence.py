"""The KV cache holds exactly what the bookkeeping says, whatever was asked, cancelled or changed before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.sequence import Cancelled
from backends.options import LoadOptions
from models.errors import DamagedModelFile, GenerationFailed, InvalidOption
from tests.backends.requests import complete, finish_of, run, text_of


@pytest.fixture(scope="module")
def models(tiny_model: Path) -> Iterator[tuple[LlamaCppBackend, LlamaCppBackend]]:
    """One that lives through everything, and one that starts afresh each time."""
    pair = (LlamaCppBackend(), LlamaCppBackend())
    for backend in pair:
        backend.load(str(tiny_model), LoadOptions(threads=1, context_length=256, batch_size=32), lambda fraction: True)
    yield pair
    for backend in pair:
        backend.close()


def forget(backend: LlamaCppBackend) -> None:
    assert backend._sequence is not None
    backend._sequence._api.llama_memory_clear(backend._sequence._memory, True)
    backend._sequence.tokens.clear()


def held_positions(backend: LlamaCppBackend) -> int:
    assert backend._sequence is not None
    return int(backend._sequence._api.llama_memory_seq_pos_max(backend._sequence._memory, 0)) + 1


STEPS = st.lists(
    st.tuples(st.text("abh ", min_size=1, max_size=120), st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_reuse_cancels_and_edits_never_change_what_is_said(
    models: tuple[LlamaCppBackend, LlamaCppBackend], steps: list[tuple[str, int, int]]
) -> None:
    lasting, fresh = models
    for prompt, patience, length in steps:
        asked = 0

        def is_cancelled(limit: int = patience) -> bool:
            nonlocal asked
            asked += 1
            return limit > 0 and asked > limit

        cancelled = list(lasting.generate(complete(prompt, max_tokens=length, temperature=0.0), is_cancelled))
        assert finish_of(cancelled).reason in ("cancelled", "length", "stop")
        assert lasting._sequence is not None
        assert held_positions(lasting) == len(lasting._sequence.tokens)
        request = complete(prompt + "a", max_tokens=length, temperature=0.0)
        forget(fresh)
        assert text_of(run(lasting, request)) == text_of(run(fresh, request))
        assert held_positions(lasting) == len(lasting._sequence.tokens)


def test_an_engine_error_is_told_and_the_next_request_starts_afresh(
    models: tuple[LlamaCppBackend, LlamaCppBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = models[0]
    sequence = backend._sequence
    assert sequence is not None
    run(backend, complete("abc", max_tokens=2))
    with monkeypatch.context() as patch:
        patch.setattr(sequence._api, "llama_decode", lambda context, batch: -3)
        with pytest.raises(GenerationFailed):
            run(backend, complete("abcd", max_tokens=2))
    assert sequence.tokens == []
    assert held_positions(backend) == 0
    assert finish_of(run(backend, complete("abcd", max_tokens=2))).usage.cached_tokens == 0


def test_a_cancel_before_anything_was_read_changes_nothing(models: tuple[LlamaCppBackend, LlamaCppBackend]) -> None:
    sequence = models[0]._sequence
    assert sequence is not None
    forget(models[0])
    with pytest.raises(Cancelled):
        list(sequence.read_prompt([1, 2, 3], lambda: True))
    assert sequence.tokens == []


def test_quantized_values_need_flash_attention(tiny_model: Path) -> None:
    with pytest.raises(InvalidOption):
        LlamaCppBackend().load(str(tiny_model), LoadOptions(kv_type="q8_0", flash_attention=False), lambda fraction: True)


def test_a_model_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    from tests.tiny_models import make_tiny_model

    path = make_tiny_model(tmp_path / "none.gguf")
    data = path.read_bytes().replace(b"gpt2", b"none")
    path.write_bytes(data)
    with pytest.raises(DamagedModelFile, match="vocabulary"):
        LlamaCppBackend().load(str(path), LoadOptions(threads=1), lambda fraction: True)
