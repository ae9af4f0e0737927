"""Numbers with which llama.cpp dies are refused with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DamagedModelFile
from models.gguf_header import read_header
from tests.models.gguf_bytes import ARRAY, STRING, Value, write_gguf

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("general.architecture", (STRING, "")),
        ("general.architecture", None),
        ("llama.block_count", (4, 0)),
        ("llama.block_count", (4, 2**31 - 1)),
        ("llama.block_count", (4, 2)),
        ("llama.embedding_length", (4, 0)),
        ("llama.context_length", (4, 0)),
        ("llama.context_length", (4, 2**32 - 1)),
        ("llama.attention.head_count", (4, 0)),
        ("llama.attention.head_count", (4, 5)),
        ("llama.attention.head_count", (4, 2**32 - 1)),
        ("llama.attention.head_count_kv", (4, 3)),
        ("llama.attention.head_count_kv", (4, 8)),
        ("llama.attention.head_count_kv", (ARRAY, (4, []))),
        ("llama.attention.head_count_kv", (ARRAY, (5, [-2]))),
        ("llama.attention.key_length", (4, 0)),
        ("llama.attention.layer_norm_rms_epsilon", (6, NAN)),
        ("llama.attention.layer_norm_rms_epsilon", (6, INF)),
        ("llama.attention.layer_norm_rms_epsilon", (6, -1.0)),
        ("llama.rope.freq_base", (6, NAN)),
        ("llama.rope.freq_base", (6, 0.0)),
        ("llama.rope.freq_base", (6, -1e4)),
        ("llama.rope.scaling.factor", (6, -2.0)),
        ("llama.rope.scaling.factor", (12, INF)),
        ("llama.rope.dimension_count", (4, 7)),
        ("llama.rope.dimension_count", (4, 2**31)),
        ("llama.expert_count", (4, 2**20)),
        ("llama.expert_count", (4, 8)),
        ("llama.expert_used_count", (4, 2)),
        ("llama.feed_forward_length", (5, -1)),
        ("llama.vocab_size", (4, 2**31)),
        ("tokenizer.ggml.tokens", (ARRAY, (STRING, []))),
        ("tokenizer.ggml.tokens", (ARRAY, (4, [1, 2, 3]))),
        ("tokenizer.ggml.tokens", (STRING, "abc")),
        ("tokenizer.ggml.scores", (ARRAY, (6, [0.0]))),
        ("tokenizer.ggml.scores", (ARRAY, (4, [0, 0, 0]))),
        ("tokenizer.ggml.token_type", (ARRAY, (5, [1]))),
        ("tokenizer.ggml.bos_token_id", (4, 3)),
    ],
    ids=str,
)
def test_an_impossible_value_is_refused_and_named(tmp_path: Path, key: str, value: Value | None) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf", {key: value}))
    with pytest.raises(DamagedModelFile) as caught:
        header.validate()
    assert "a.gguf" in caught.value.english()
    assert len(caught.value.facts["reason"]) > 20


@pytest.mark.parametrize(
    "changes",
    [
        {"llama.attention.head_count_kv": (ARRAY, (4, [2]))},
        {"llama.attention.head_count": (4, 3), "llama.attention.head_count_kv": (4, 1), "llama.attention.key_length": (4, 8)},
        {"llama.expert_count": (4, 8), "llama.expert_used_count": (4, 2)},
        {"tokenizer.ggml.eos_token_id": (4, 2**32 - 1)},
        {"general.architecture": (STRING, "mamba"), "mamba.block_count": (4, 1), "mamba.attention.head_count": (4, 0)},
        {"split.count": (2, 3), "llama.block_count": (4, 30)},
    ],
    ids=str,
)
def test_unusual_but_real_values_pass(tmp_path: Path, changes: dict[str, Value]) -> None:
    read_header(write_gguf(tmp_path / "a.gguf", changes)).validate()
