"""What a quantization cost: perplexity, KL divergence and agreement with the unquantized model, on a text neither was tuned to.

The text is read as llama.cpp's own perplexity tool reads it: windows of 512 tokens, each begun with BOS where the model has one, of
which the second half is scored. Both models run side by side, so no file of logits is ever written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    import numpy

WINDOW = 512
_ROWS = 64
"""Rows of logits worked on at once: a row of a large vocabulary is over a megabyte in float64."""
_WORST = 12


@dataclass(frozen=True, slots=True)
class WorstToken:
    """A place where the two models disagree most: the text before it, the token that followed, and the divergence there in nats."""

    before: str
    token: str
    divergence: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures over ``tokens`` scored tokens. Divergences are in nats a token, from the base to the model; agreements are shares.

    ``flips`` is the share of positions where the likeliest token differs. Without a base only the perplexity is known.
    """

    tokens: int
    windows: int
    perplexity: float
    perplexity_error: float
    base_perplexity: float = 0.0
    kl_mean: float = 0.0
    kl_median: float = 0.0
    kl_99: float = 0.0
    kl_max: float = 0.0
    same_top_1: float = 0.0
    same_top_5: float = 0.0
    flips: float = 0.0
    tokens_per_second: float = 0.0
    is_broken: bool = False
    has_base: bool = False
    worst: tuple[WorstToken, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def measure_quality(
    model: Path,
    text: str,
    *,
    base: Path | None = None,
    most_windows: int = 0,
    threads: int = 0,
    progress: Progress = lambda fraction, words: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Quality:
    """Measure a model on a text, against ``base`` where one is given; in a child process. ``most_windows`` 0 reads all of it.

    Raises:
        QuantizationFailed: the text is too short, or the two models have different vocabularies.
        WorkCancelled: it was cancelled.
        UserFacingError: a model cannot be loaded, or the process died.
    """
    arguments = {
        "model": str(model),
        "base": str(base) if base else "",
        "text": text,
        "most_windows": most_windows,
        "threads": threads,
    }
    found = run_step(
        "quantize.quality:measure_here",
        arguments,
        subject=str(model),
        progress=progress,
        is_cancelled=is_cancelled,
        needs_torch=model.is_dir() or (base is not None and base.is_dir()),
    )
    assert isinstance(found, Quality)
    return found


def measure_here(model: str, base: str, text: str, most_windows: int, threads: int, progress: Progress) -> Quality:
    """The measurement itself, in the process that calls it."""
    from quantize.readers import open_reader

    reader = open_reader(model, WINDOW, threads)
    other = open_reader(base, WINDOW, threads) if base else None
    try:
        if other is not None and other.vocabulary_size != reader.vocabulary_size:
            reason = f"It has {reader.vocabulary_size} tokens and the base has {other.vocabulary_size}: they cannot be compared."
            raise QuantizationFailed(file=Path(model).name, reason=reason)
        windows = list(cut_windows(reader.tokenize(text), reader.begin_token, WINDOW))
        if not windows:
            reason = f"The text has fewer than {WINDOW} tokens: take a longer one."
            raise QuantizationFailed(file=Path(model).name, reason=reason)
        if most_windows:
            windows = windows[:: max(1, len(windows) // most_windows)][:most_windows]
        tally = _Tally(has_base=other is not None)
        for number, window in enumerate(windows):
            _score(tally, reader, other, window)
            progress((number + 1) / len(windows), f"{number + 1}/{len(windows)}")
        return tally.result(len(windows), reader)
    finally:
        reader.close()
        if other is not None:
            other.close()


def cut_windows(tokens: list[int], begin: int | None, size: int) -> Iterator[list[int]]:
    """Whole windows only; the first token of each gives way to BOS where the model has one."""
    for start in range(0, len(tokens) - size + 1, size):
        window = tokens[start : start + size]
        yield [begin, *window[1:]] if begin is not None else window


def _score(tally: _Tally, reader: Any, other: Any, window: list[int]) -> None:
    import numpy

    first = len(window) // 2
    begin = time.perf_counter()
    logits = reader.read(window, first)
    tally.seconds += time.perf_counter() - begin
    tally.read += len(window)
    base_logits = other.read(window, first) if other is not None else None
    followed = numpy.asarray(window[first + 1 :])
    for start in range(0, len(followed), _ROWS):
        rows = slice(start, min(start + _ROWS, len(followed)))
        ours = log_softmax(logits[rows])
        theirs = log_softmax(base_logits[rows]) if base_logits is not None else None
        tally.add(ours, theirs, followed[rows], window, first + start)


def log_softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """Natural log-probabilities of rows of logits (positions, vocabulary), in float64."""
    import numpy

    rows = logits.astype(numpy.float64)
    rows -= rows.max(axis=-1, keepdims=True)
    rows -= numpy.log(numpy.exp(rows).sum(axis=-1, keepdims=True))
    return rows


_MUCH_WORSE = 0.5
"""Nats a token above its base from which on a model that is worse than guessing is called broken."""


class _Tally:
    """Sums over all scored tokens."""

    def __init__(self, *, has_base: bool) -> None:
        self.has_base = has_base
        self.seconds = 0.0
        self.read = 0
        self._losses: list[float] = []
        self._base_losses: list[float] = []
        self._divergences: list[float] = []
        self._same_1 = self._same_5 = 0.0
        self._worst: list[tuple[float, list[int], int]] = []

    def add(
        self, ours: numpy.ndarray, theirs: numpy.ndarray | None, followed: numpy.ndarray, window: list[int], start: int
    ) -> None:
        """Add some positions: log-probabilities of both, and the tokens that really followed."""
        import numpy

        index = numpy.arange(len(followed))
        self._losses += (-ours[index, followed]).tolist()
        if theirs is None:
            return
        self._base_losses += (-theirs[index, followed]).tolist()
        divergences = (numpy.exp(theirs) * (theirs - ours)).sum(axis=-1)
        self._divergences += divergences.tolist()
        self._same_1 += float((ours.argmax(axis=-1) == theirs.argmax(axis=-1)).sum())
        best = min(5, ours.shape[-1] - 1)
        top = numpy.argpartition(ours, -best, axis=-1)[:, -best:]
        base_top = numpy.argpartition(theirs, -best, axis=-1)[:, -best:]
        self._same_5 += sum(len(set(a) & set(b)) / best for a, b in zip(top.tolist(), base_top.tolist(), strict=True))
        for row in numpy.argsort(divergences)[-_WORST:].tolist():
            self._worst.append((float(divergences[row]), window, start + row))
        self._worst = sorted(self._worst, key=lambda item: -item[0])[:_WORST]

    def result(self, windows: int, reader: Any) -> Quality:
        """The figures; a model that gives no numbers, or is worse than guessing, is broken."""
        import numpy

        count = len(self._losses)
        losses = numpy.asarray(self._losses)
        mean = float(losses.mean())
        limit = math.log(reader.vocabulary_size)
        if self.has_base and count and math.isfinite(base := float(numpy.mean(self._base_losses))):
            limit = max(limit, base + _MUCH_WORSE)  # a text that its base cannot guess either says nothing against a file
        is_broken = not bool(numpy.isfinite(losses).all()) or mean > limit
        spread = max(0.0, float((losses**2).mean()) - mean**2)
        perplexity = math.exp(mean) if math.isfinite(mean) and mean < 700 else math.inf
        values: dict[str, Any] = {}
        if self.has_base and count:
            divergences = numpy.asarray(self._divergences)
            values = {
                "base_perplexity": math.exp(float(numpy.mean(self._base_losses))),
                "kl_mean": float(divergences.mean()),
                "kl_median": float(numpy.median(divergences)),
                "kl_99": float(numpy.quantile(divergences, 0.99)),
                "kl_max": float(divergences.max()),
                "same_top_1": self._same_1 / count,
                "same_top_5": self._same_5 / count,
                "flips": 1 - self._same_1 / count,
                "worst": tuple(self._describe(reader, *item) for item in self._worst),
            }
        return Quality(
            tokens=count,
            windows=windows,
            perplexity=perplexity,
            perplexity_error=math.sqrt(spread / (count - 1)) * perplexity if count > 1 else 0.0,
            tokens_per_second=self.read / self.seconds if self.seconds else 0.0,
            is_broken=is_broken,
            has_base=self.has_base,
            **values,
        )

    @staticmethod
    def _describe(reader: Any, divergence: float, window: list[int], position: int) -> WorstToken:
        before = reader.text_of(window[max(0, position - 23) : position + 1])
        return WorstToken(before, reader.text_of(window[position + 1 : position + 2]), round(divergence, 4))
