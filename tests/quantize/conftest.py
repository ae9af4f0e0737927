"""The starter model in F16, made from what ships, and a text to measure on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from quantize.gguf.quantize import quantize_file
from quantize.recipe import Recipe
from resources import resource_folder

STARTER = resource_folder() / "starter" / "yanmo-starter-Q8_0.gguf"
_WORDS = (
    "the king went down to the river and asked his men what had become of the letter that she wrote in winter before the old house "
    "burned 他 说 那 日 天 色 已 晚 众 人 都 在 园 中 看 花 只 见 一 个 小 童 走 来 问 道 先生 何 不 进 去 坐 坐"
)


@pytest.fixture(scope="session")
def text() -> str:
    """Some 3,000 tokens of words in both languages, the same every time."""
    draw = random.Random(3)
    words = _WORDS.split()
    return "\n".join(" ".join(draw.choice(words) for _ in range(12)) + "." for _ in range(180))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unquantized model that was really trained."""
    target = tmp_path_factory.mktemp("量化") / "starter-F16.gguf"
    return quantize_file(STARTER, target, Recipe("F16"), may_requantize=True, threads=1)
