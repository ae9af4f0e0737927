"""Tiny models for the engine's tests, and one thread for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.llamacpp.backend import LlamaCppBackend
from backends.options import LoadOptions
from tests.tiny_models import make_tiny_model

os.environ["YANMO_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf", context=4096)


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough that a long prompt takes many seconds on one thread."""
    path = tmp_path_factory.mktemp("models") / "slow.gguf"
    return make_tiny_model(path, layers=6, width=512, heads=8, context=16384)


@pytest.fixture
def backend(tiny_model: Path) -> Iterator[LlamaCppBackend]:
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(threads=1, context_length=1024), lambda fraction: True)
    yield backend
    backend.close()
