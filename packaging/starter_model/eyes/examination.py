"""The examination: pictures and questions that training never saw, and the share of answers that are right to the letter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from starter_model.eyes.dialogs import COUNTS, FOLDER, LANGUAGES, Exchange, Questions
from starter_model.eyes.drawing import draw, spoil, with_bars
from starter_model.eyes.scenes import draw_scene

GROUPS: dict[str, tuple[str, ...]] = {
    "colour": ("colour_single", "colour_shape"),
    "shape": ("shape_single", "shape_colour"),
    "count": COUNTS,
    "digit": ("digit",),
    "word": ("word",),
    "where": ("where", "what_place", "colour_place", "shape_place"),
    "presence": ("presence",),
    "see": ("see",),
}
MAIN = ("colour", "shape", "count")
Answer = Callable[[str, Image.Image | None], str]


@dataclass(frozen=True, slots=True)
class Task:
    """A question about a picture (or none), and the only right answer; ``group`` is one of ``GROUPS``, talk or paraphrase."""

    group: str
    exchange: Exchange
    picture: Image.Image | None


def draw_tasks(count: int, groups: Iterable[str] = tuple(GROUPS), seed: str = "held out") -> list[Task]:
    """``count`` tasks for each group and language; pictures of many sizes and shapes, drawn from seeds that training never uses."""
    return [task for group in groups for language in LANGUAGES for task in _draw(group, language, count, seed, Questions())]


def draw_paraphrases(count: int, seed: str = "paraphrases") -> list[Task]:
    """``count`` tasks a language in wordings that training never saw (``held_out.txt``)."""
    questions = Questions(FOLDER / "held_out.txt", is_plain=True)
    kinds = sorted({kind for kind, _ in questions.wording})
    found = []
    for language in LANGUAGES:
        for number in range(count):
            kind = kinds[number % len(kinds)]
            found += _draw("paraphrase", language, 1, f"{seed} {number}", questions, (kind,))
    return found


def draw_talk(count: int, seed: str = "talk") -> list[Task]:
    """``count`` tasks a language without a picture: greetings, questions that need one, and what is none of its business."""
    questions = Questions()
    found = []
    for language in LANGUAGES:
        for number in range(count):
            rng = random.Random(f"{seed} {language} {number}")
            found.append(Task("talk", questions.talk(language, rng, has_picture=False), None))
    return found


def _draw(group: str, language: str, count: int, seed: str, questions: Questions, kinds: tuple[str, ...] = ()) -> list[Task]:
    kinds = kinds or GROUPS[group]
    found: list[Task] = []
    number = 0
    while len(found) < count:
        rng = random.Random(f"{seed} {group} {language} {number}")
        number += 1
        scene = draw_scene(rng)
        kind = rng.choice(kinds)
        needed = {"digit": "digit", "word": "word"}.get(kind, "shapes")
        if scene.kind != needed and kind not in ("see", "count_all"):
            continue
        exchange = questions.ask(scene, language, rng, kind)
        if exchange is not None:
            found.append(Task(group, exchange, spoil(draw(scene, rng, *_size(rng)), rng)))
    return found


def _size(rng: random.Random) -> tuple[int, int]:
    side = rng.choice((128, 200, 256, 320, 420))
    if rng.random() < 0.7:
        return side, side
    ratio = rng.uniform(1.1, 1.6)
    return (int(side * ratio), side) if rng.random() < 0.6 else (side, int(side * ratio))


def as_libmtmd_sees(picture: Image.Image) -> Image.Image:
    """What transformers must be given to see what libmtmd sees: a picture that is not square fitted in with black bars."""
    return picture if picture.width == picture.height else Image.fromarray(with_bars(picture))


def grade(tasks: list[Task], answers: list[str]) -> dict[str, float]:
    """The share of right answers by “group language”."""
    right: dict[str, list[bool]] = {}
    for task, answer in zip(tasks, answers, strict=True):
        right.setdefault(f"{task.group} {task.exchange.language}", []).append(answer.strip() == task.exchange.answer)
    return {name: round(sum(found) / len(found), 4) for name, found in right.items()}


def answer_with_llama_cpp(model: Path, projector: Path, tasks: list[Task]) -> list[str]:
    """The surest answers through libmtmd, which prepares the pictures itself."""
    from backends.llamacpp.library import NativeLibrary
    from quantize.picture_reader import PictureReader

    found = []
    with PictureReader(NativeLibrary(), model, projector) as reader:
        for task in tasks:
            pictures = [] if task.picture is None else [np.asarray(task.picture)]
            prompt = reader.prompt(task.exchange.question, len(pictures))
            found.append(reader.text_of(reader.answer(prompt, pictures)))
    return found


def answer_with_transformers(checkpoint: Path, tasks: list[Task], *, bars: bool = True) -> list[str]:
    """The surest answers through transformers' own processor and model, in float32; without ``bars`` it stretches pictures."""
    import torch
    from transformers import AutoProcessor, Gemma3ForConditionalGeneration

    processor = AutoProcessor.from_pretrained(checkpoint)
    model = Gemma3ForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
    found = []
    for task in tasks:
        parts = [{"type": "text", "text": task.exchange.question}]
        pictures = None
        if task.picture is not None:
            parts.insert(0, {"type": "image"})
            pictures = [as_libmtmd_sees(task.picture) if bars else task.picture]
        prompt = processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
        given = processor(images=pictures, text=prompt, return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            made = model.generate(**given, do_sample=False, max_new_tokens=64)
        found.append(processor.tokenizer.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True))
    return found
