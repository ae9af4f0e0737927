"""The fixed model and text of the anchors: random, and the same on every machine."""

from __future__ import annotations

import random
from pathlib import Path

from tests.tiny_models import make_tiny_model

_WORDS = "the king went down to the river and asked his men what had become of the letter 他 说 那 日 天 色 已 晚 众 人 都 在 园 中 看 花"


def make_model(path: Path) -> Path:
    """Two layers of width 256, so that every type has whole blocks."""
    return make_tiny_model(path, layers=2, width=256, heads=4, seed=7, scale=0.15)


def make_text() -> str:
    """About ten windows of 512 tokens."""
    draw = random.Random(3)
    words = _WORDS.split()
    return "\n".join(" ".join(draw.choice(words) for _ in range(12)) + "." for _ in range(75))
