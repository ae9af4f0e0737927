"""What quantizing cost a model that sees: its answers about built-in pictures against those of its base."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.runner import Progress, run_step
from resources import resource_folder

if TYPE_CHECKING:
    import numpy

    from quantize.picture_reader import PictureReader

_MOST_TOKENS = 24
_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class PictureQuestion:
    """A question about a picture file; an answer is right that holds one of ``accepted``, in any case."""

    picture: Path
    question: str
    accepted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """Of ``questions``: the share answered rightly by the model and by its base, and answered in the very words of the base.

    ``kl_mean`` (nats a token) and ``same_top_1`` compare the two along the base's answers.
    """

    questions: int
    right: float
    base_right: float
    same_answers: float
    kl_mean: float
    same_top_1: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def builtin_questions() -> list[PictureQuestion]:
    """The questions that ship, in English and Chinese; training of the starter with eyes never sees these pictures.

    Raises:
        QuantizationFailed: they are missing or damaged.
    """
    folder = resource_folder() / "calibration" / "pictures"
    try:
        entries = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
        return [PictureQuestion(folder / one["picture"], one["question"], tuple(one["accepted"])) for one in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QuantizationFailed(file="questions.json", reason=f"The built-in pictures cannot be read: {error}.") from error


def measure_pictures(
    model: Path,
    base: Path,
    projector: Path,
    *,
    threads: int = 0,
    progress: Progress = lambda fraction, words: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> PictureQuality:
    """Ask both models about the built-in pictures, with the same projector; in a child process.

    Raises:
        UserFacingError: one of them cannot be loaded, or the process died.
        WorkCancelled: it was cancelled.
    """
    arguments = {"model": str(model), "base": str(base), "projector": str(projector), "threads": threads}
    step = "quantize.picture_quality:measure_here"
    found = run_step(step, arguments, subject=str(model), progress=progress, is_cancelled=is_cancelled)
    assert isinstance(found, PictureQuality)
    return found


def measure_here(model: str, base: str, projector: str, threads: int, progress: Progress) -> PictureQuality:
    """The measurement itself, in the process that calls it."""
    from backends.llamacpp.library import NativeLibrary
    from backends.llamacpp.model import choose_threads
    from quantize.picture_reader import PictureReader

    library, count = NativeLibrary(), choose_threads(threads)
    questions = builtin_questions()
    with (
        PictureReader(library, Path(base), Path(projector), context=_CONTEXT, threads=count) as first,
        PictureReader(library, Path(model), Path(projector), context=_CONTEXT, threads=count) as second,
    ):
        if first.vocabulary_size != second.vocabulary_size:
            reason = "It and its base have different vocabularies, so their answers cannot be compared."
            raise QuantizationFailed(file=Path(model).name, reason=reason)
        rows = []
        for number, question in enumerate(questions):
            rows.append(_compare(first, second, question))
            progress((number + 1) / len(questions), f"{number + 1}/{len(questions)}")
    return _summarize(rows)


@dataclass(frozen=True, slots=True)
class _Row:
    right: bool
    base_right: bool
    same: bool
    divergences: tuple[float, ...]
    same_tops: tuple[bool, ...]


def _compare(base: PictureReader, model: PictureReader, question: PictureQuestion) -> _Row:
    import numpy

    from quantize.quality import log_softmax

    picture = read_picture(question.picture)
    text = base.prompt(question.question)
    expected, position = base.read(text, [picture])
    found, _ = model.read(text, [picture])
    answer: list[int] = []
    divergences, tops = [], []
    while True:
        wanted, given = log_softmax(expected[None])[0], log_softmax(found[None])[0]
        divergences.append(float((numpy.exp(wanted) * (wanted - given)).sum()))
        token = int(expected.argmax())
        tops.append(token == int(found.argmax()))
        if base.is_end(token) or len(answer) == _MOST_TOKENS:
            break
        answer.append(token)
        expected, found = base.go_on(token, position), model.go_on(token, position)
        position += 1
    said = base.text_of(answer)
    # where every first choice along the base's answer is the same, so is the answer
    own = said if all(tops) else model.text_of(model.answer(text, [picture], _MOST_TOKENS))
    return _Row(_is_right(own, question), _is_right(said, question), own == said, tuple(divergences), tuple(tops))


def _is_right(answer: str, question: PictureQuestion) -> bool:
    return any(word.casefold() in answer.casefold() for word in question.accepted)


def _summarize(rows: Sequence[_Row]) -> PictureQuality:
    divergences = [value for row in rows for value in row.divergences]
    tops = [same for row in rows for same in row.same_tops]
    count = max(1, len(rows))
    return PictureQuality(
        len(rows),
        sum(row.right for row in rows) / count,
        sum(row.base_right for row in rows) / count,
        sum(row.same for row in rows) / count,
        sum(divergences) / max(1, len(divergences)),
        sum(tops) / max(1, len(tops)),
    )


def read_picture(path: Path) -> numpy.ndarray:
    """The pixels (height, width, 3) of a picture file, uint8.

    Raises:
        QuantizationFailed: it cannot be read.
    """
    import numpy
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return numpy.asarray(picture.convert("RGB"))
    except OSError as error:
        raise QuantizationFailed(file=path.name, reason=f"The picture cannot be read: {error}.") from error
