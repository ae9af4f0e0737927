"""What several tests of the llama.cpp engine compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.llamacpp.batched import Plain


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> Iterator[Plain]:
    """One sequence at a time, in a loop without a scheduler."""
    loop = Plain(tiny_model)
    yield loop
    loop.close()
