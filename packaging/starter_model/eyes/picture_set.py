"""Writes ``resources/calibration/pictures/``: the built-in pictures with questions that quality cards of seeing models are made with.

Usage: ``python packaging/starter_model/eyes/picture_set.py``
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from starter_model.eyes.dialogs import Questions
from starter_model.eyes.drawing import draw
from starter_model.eyes.scenes import SHAPES, draw_scene

TARGET = Path(__file__).resolve().parents[3] / "resources" / "calibration" / "pictures"
_KINDS = ("colour_single", "shape_single", "count_all", "count_shape", "count_colour", "colour_shape", "shape_colour", "digit")
_COUNT = 32
_NUMBERS = {"en": ("zero", "one", "two", "three", "four", "five", "six"), "zh": ("零", "一", "两", "三", "四", "五", "六")}
_OTHER_NAMES = {"方形": ("方",), "圆形": ("圆",), "五角星": ("星",), "三角形": ("三角",), "心形": ("心",), "十字形": ("十字",)}


def accepted_words(kind: str, language: str, answer: str) -> list[str]:
    """What an answer must hold to be right: the colour, shape or number, however the sentence goes around it."""
    core = answer.strip(".。").removesuffix("个")
    if language == "en":
        core = core.removeprefix("A ").removeprefix("An ").lower()
    if core.isdigit() and kind.startswith("count"):
        return [core, _NUMBERS[language][int(core)]]
    if language == "zh" and core.endswith("色"):
        return [core, core.removesuffix("色")]
    return [core, *_OTHER_NAMES.get(core, ())]


def main() -> None:
    """Write pictures and questions."""
    TARGET.mkdir(parents=True, exist_ok=True)
    questions, entries = Questions(is_plain=True), []
    number = 0
    while len(entries) < _COUNT:
        rng = random.Random(f"picture set {number}")
        number += 1
        kind, language = _KINDS[len(entries) % len(_KINDS)], ("en", "zh")[len(entries) // len(_KINDS) % 2]
        scene = draw_scene(rng)
        if scene.kind != ("digit" if kind == "digit" else "shapes"):
            continue
        found = questions.ask(scene, language, rng, kind)
        if found is None or "There is no" in found.answer or found.answer.startswith("没有") or kind not in ("digit", found.kind):
            continue
        name = f"{len(entries):02d}.png"
        draw(scene, rng, 224, 224).quantize(64).save(TARGET / name, optimize=True)
        entries.append({"picture": name, "question": found.question, "accepted": accepted_words(kind, language, found.answer)})
    text = json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
    (TARGET / "questions.json").write_text(text, encoding="utf-8")
    print(len(entries), "pictures of", len(SHAPES), "shapes")


if __name__ == "__main__":
    main()
