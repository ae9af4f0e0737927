"""The estimate against arithmetic done by hand."""

from __future__ import annotations

from pathlib import Path

from models.gguf_header import read_header
from models.memory_fit import estimate_memory
from tests.models.gguf_bytes import ARRAY, write_gguf


def test_weights_are_exact(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf"))
    assert estimate_memory(header, 2048).weights == 32 * 3 * 4 + 32 * 34


def test_the_kv_cache_follows_heads_context_and_type(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf"))
    row = 1 * 2 * (8 + 8)  # layers, key-value heads, key and value size
    assert estimate_memory(header, 1024).kv_cache == row * 1024 * 2
    assert estimate_memory(header, 2048).kv_cache == row * 2048 * 2
    assert estimate_memory(header, 1024, "q8_0").kv_cache == row * 1024 * 34 // 32


def test_layers_may_have_different_heads(tmp_path: Path) -> None:
    heads = {"llama.block_count": (4, 2), "llama.attention.head_count_kv": (ARRAY, (4, [2, 1]))}
    header = read_header(write_gguf(tmp_path / "a.gguf", heads))  # type: ignore[arg-type]
    assert estimate_memory(header, 100).kv_cache == (2 + 1) * 16 * 100 * 2


def test_more_context_and_larger_batches_cost_more(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf"))
    small, large = estimate_memory(header, 512, micro_batch=64), estimate_memory(header, 4096, micro_batch=512)
    assert small.compute < large.compute
    assert large.total == large.weights + large.kv_cache + large.compute
