"""Tiny checkpoints for the torch engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.options import LoadOptions
from backends.torch_transformers.backend import TorchBackend
from tests.tiny_checkpoints import make_tiny_checkpoint


def load(path: Path, **options: object) -> TorchBackend:
    backend = TorchBackend()
    backend.load(str(path), LoadOptions(threads=1, **options), lambda fraction: True)  # type: ignore[arg-type]
    return backend


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("检查点") / "tiny", context=4096)


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough that a long prompt takes seconds on one thread."""
    return make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "slow", layers=6, width=512, heads=8, context=16384)


@pytest.fixture
def backend(tiny: Path) -> Iterator[TorchBackend]:
    backend = load(tiny, context_length=1024, compute_type="f32")
    yield backend
    backend.close()
