"""Writes ``resources/calibration/``: the built-in text for importance matrices, and the held-out text for measuring, never the same lines.

    python packaging/calibration/build.py

Everything in it is this project's own: prose written for it in English and Chinese, its documentation, its sources, snippets in other
languages, and dialogs from the starter's wording files in the forms of the usual chat templates.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = ROOT / "resources" / "calibration"
HELD_OUT_EVERY = 6
SHARED_LETTERS = 60
DIALOGS = 900
SOURCES = (
    "models/gguf_header.py",
    "models/errors.py",
    "backends/llamacpp/kv_cache.py",
    "app/store/messages.py",
    "quantize/quality.py",
)
TEMPLATES = (
    ("<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n{a}<|im_end|>\n"),
    ("<|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{a}<|eot_id|>"),
    ("[INST] {q} [/INST] {a}</s>"),
    ("<start_of_turn>user\n{q}<end_of_turn>\n<start_of_turn>model\n{a}<end_of_turn>\n"),
    ("### Instruction:\n{q}\n\n### Response:\n{a}\n"),
)


def main() -> None:
    """Write the files."""
    TARGET.mkdir(parents=True, exist_ok=True)
    kept: dict[str, list[str]] = {}
    held_out: list[str] = []
    for name, pieces in (
        ("prose-en", paragraphs((HERE / "prose.en.txt", *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"))),
        ("prose-zh", [*paragraphs((HERE / "prose.zh.txt",)), *iter_translations()]),
        ("code", [*paragraphs((HERE / "snippets.txt",), fence=True), *iter_functions()]),
        ("chat", list(iter_dialogs())),
    ):
        for number, piece in enumerate(pieces):
            if name == "chat":  # by what is answered, because one answer serves many questions
                number = zlib.crc32(piece.split("\x00")[1].encode())
                piece = piece.split("\x00")[0]
            (held_out if number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 else kept.setdefault(name, [])).append(piece)
    long = {line for piece in held_out for line in piece.splitlines() if len(line) > SHARED_LETTERS}
    for name, pieces in kept.items():
        kept[name] = [piece for piece in pieces if not any(line in long for line in piece.splitlines())]
    for name, pieces in kept.items():
        (TARGET / f"{name}.txt").write_text("\n\n".join(pieces) + "\n", encoding="utf-8")
    random.Random(1).shuffle(held_out)
    (TARGET / "held-out.txt").write_text("\n\n".join(held_out) + "\n", encoding="utf-8")


def paragraphs(paths: tuple[Path, ...], *, fence: bool = False) -> list[str]:
    """Paragraphs of texts; with ``fence`` cut only before a code fence."""
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        pieces = text.split("\n\n```") if fence else text.split("\n\n")
        found += [("```" if fence and number else "") + piece.strip() for number, piece in enumerate(pieces) if piece.strip()]
    return found


def iter_translations() -> Iterator[str]:
    """The Chinese of the program's own sentences, a dozen to a paragraph."""
    import xml.etree.ElementTree as ElementTree

    catalog = ElementTree.parse(ROOT / "resources" / "translations" / "zh_CN.ts")
    texts = [node.text for node in catalog.iter("translation") if node.text and len(node.text) > 6]
    for start in range(0, len(texts), 12):
        yield "\n".join(texts[start : start + 12])


def iter_functions() -> Iterator[str]:
    """Top-level pieces of this project's own modules."""
    for name in SOURCES:
        yield from (piece.strip("\n") for piece in (ROOT / name).read_text(encoding="utf-8").split("\n\n\n"))


def iter_dialogs() -> Iterator[str]:
    """Questions and answers of the starter in the forms of several chat templates, each question once."""
    sys.path.insert(0, str(ROOT / "packaging"))
    from starter_model.corpus import NO_PROSE, Corpus

    corpus = Corpus(NO_PROSE, seed=11)
    seen: set[str] = set()
    number = 0
    while len(seen) < DIALOGS and number < 50 * DIALOGS:
        turns = corpus.dialog(number).turns
        number += 1
        if any(turn.question in seen for turn in turns):
            continue
        seen.update(turn.question for turn in turns)
        form = TEMPLATES[len(seen) % len(TEMPLATES)]
        if len({zlib.crc32(turn.answer.encode()) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 for turn in turns}) == 1:
            yield "".join(form.format(q=turn.question, a=turn.answer) for turn in turns) + "\x00" + turns[0].answer


if __name__ == "__main__":
    main()
