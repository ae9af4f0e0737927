"""Carries out an order step by step: convert, read an importance matrix, quantize, measure. What is finished is never done twice.

Every step leaves a file under its final name only when it is whole, and says inside it what it was made from. So an order that was
killed at any moment is carried out again from its last finished step, and needs no journal but the files themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from models.card import find_split_parts
from models.errors import QuantizationFailed, UserFacingError
from models.gguf_parts import first_part, hash_parts, read_parts, size_of_parts
from quantize.awq.recipe import AwqRecipe
from quantize.conversion_step import convert_once
from quantize.fingerprint import fingerprint
from quantize.order import AUTO, NONE, Order, name_target, stem_of, strip_type
from quantize.output import explain_write
from quantize.picture_quality import measure_pictures
from quantize.projector_step import ProjectorStep, can_see
from quantize.quality_card import (
    QualityCard,
    card_from_json,
    embed_card,
    hash_text,
    make_card,
    read_card,
    read_embedded_card,
    write_card,
)
from quantize.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Step:
    """Where an order is: step ``number`` (from 1) of ``count``, its kind (convert, projector, imatrix, quantize, measure) and file."""

    kind: str
    file: str
    number: int
    count: int
    fraction: float = 0.0
    words: str = ""


Tell = Callable[[Step], None]


class Pipeline:
    """One order. ``read_text`` gives the text of ``order.calibration``, ``read_measured`` that of ``order.measure`` (where another).

    ``on_card`` hears of each finished file.
    """

    def __init__(
        self,
        order: Order,
        read_text: Callable[[str], str],
        *,
        read_measured: Callable[[str], str] | None = None,
        tell: Tell = lambda step: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        on_card: Callable[[Path, QualityCard], None] = lambda path, card: None,
    ) -> None:
        self._order = order
        self._read_text = read_text
        self._read_measured = read_measured or read_text
        self._tell = tell
        self._is_cancelled = is_cancelled
        self._on_card = on_card
        self._source = first_part(Path(order.source))
        self._number = 0
        self._projector: Path | None = None
        self._files = tuple(recipe for recipe in order.recipes if isinstance(recipe, Recipe))
        self._folders = tuple(recipe for recipe in order.recipes if isinstance(recipe, AwqRecipe))
        self._sees = bool(self._files) and order.projector != NONE and can_see(self._source)
        before = int(self._source.is_dir()) + int(self._sees) + int(order.imatrix == AUTO) if self._files else 0
        self._count = before + len(order.recipes) * (2 if order.measure else 1)

    def run(self) -> list[QualityCard]:
        """Do all of it; returns the cards, of files first, in the order of the recipes.

        Raises:
            WorkCancelled: what was finished stays.
            UserFacingError: a step failed; what was finished stays.
        """
        try:
            return self._run()
        except OSError as error:
            raise explain_write(self._source.name, self._out() or self._source, error) from error

    def _run(self) -> list[QualityCard]:
        if not self._source.is_dir():
            read_parts(self._source)
        text = self._read_measured(self._order.measure) if self._order.measure else ""
        cards = self._make_files(text) if self._files else []
        if self._folders:
            from quantize.awq.order_steps import AwqSteps

            steps = AwqSteps(self._order, self._step, self._is_cancelled)
            calibration = self._read_text(self._order.calibration)
            for recipe in self._folders:
                target, card = steps.run(recipe, calibration, text)
                self._on_card(target, card)
                cards.append(card)
        return cards

    def _make_files(self, text: str) -> list[QualityCard]:
        """The GGUF files of the order."""
        base = self._convert() if self._source.is_dir() else self._source
        if self._sees:
            self._projector = ProjectorStep(self._order, self._source, self._folder(), self._step, self._is_cancelled).run()
        imatrix = self._find_imatrix(base)
        recipes = self._files
        if imatrix is not None:
            digest = hash_parts(imatrix)
            recipes = tuple(replace(recipe, imatrix_sha256=digest) for recipe in recipes)
        base_hash = hash_parts(base)
        cards = []
        for recipe in recipes:
            target = name_target(self._place(base), recipe, self._out(), is_one=len(recipes) == 1, parts=self._parts(base))
            card = self._quantize(base, base_hash, target, recipe, imatrix)
            if text:
                card = self._measure(base, target, recipe, card, text)
            self._on_card(target, card)
            cards.append(card)
        return cards

    def _parts(self, base: Path) -> int:
        """How many files each result is cut into."""
        return len(find_split_parts(base)) if self._order.keeps_split else 1

    def _out(self) -> Path | None:
        return Path(self._order.out) if self._order.out else None

    def _place(self, base: Path) -> Path:
        """The path that new names are made from: a checkpoint's files are named after its folder."""
        return self._source.resolve().with_suffix(".gguf") if self._source.is_dir() and not self._order.out else base

    def _folder(self) -> Path:
        out = self._out()
        if out is None:
            return self._source.resolve().parent
        return out.parent if out.suffix == ".gguf" and not out.is_dir() else out

    def _step(self, kind: str, file: Path) -> Callable[[float, str], None]:
        self._number += 1
        step = Step(kind, file.name, self._number, self._count)
        self._tell(step)
        return lambda fraction, words: self._tell(replace(step, fraction=fraction, words=words))

    def _convert(self) -> Path:
        """A GGUF of the checkpoint that loses nothing."""
        from quantize.gguf.convert import convert_checkpoint, lossless_type

        kind = lossless_type(self._source)
        target = self._folder() / f"{self._source.resolve().name}-{kind}.gguf"
        progress = self._step("convert", target)
        return convert_once(
            self._order, self._source, target, kind, convert_checkpoint, progress=progress, is_cancelled=self._is_cancelled
        )

    def _find_imatrix(self, base: Path) -> Path | None:
        from quantize.gguf.importance_matrix import compute_importance_matrix, read_importance_matrix

        if self._order.imatrix == NONE:
            return None
        if self._order.imatrix != AUTO:
            read_importance_matrix(Path(self._order.imatrix))  # a file that is none is told before any work
            return Path(self._order.imatrix)
        text = self._read_text(self._order.calibration)
        target = self._folder() / f"{strip_type(stem_of(base))}.imatrix.gguf"
        progress = self._step("imatrix", target)
        if target.exists():
            try:
                found = read_importance_matrix(target)
            except UserFacingError:
                found = None
            if found is not None and (found.dataset, found.model) == (hash_text(text), fingerprint(base)):
                return target
        target.parent.mkdir(parents=True, exist_ok=True)
        compute_importance_matrix(
            base,
            text,
            target,
            most_windows=self._order.imatrix_windows,
            threads=self._order.threads,
            progress=progress,
            is_cancelled=self._is_cancelled,
        )
        return target

    def _quantize(self, base: Path, base_hash: str, target: Path, recipe: Recipe, imatrix: Path | None) -> QualityCard:
        from quantize.gguf.quantize import quantize_file

        progress = self._step("quantize", target)
        is_base = target.resolve() == base.resolve()  # the file a checkpoint was converted to may be what was asked for
        card = find_finished(target, recipe, base_hash) if not is_base or read_card(target) else None
        if card is not None:
            return card
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write(base.name, target, error) from error
        if not is_base:
            quantize_file(
                base,
                target,
                recipe,
                imatrix=imatrix,
                may_requantize=self._order.may_requantize,
                keeps_split=self._parts(base) > 1,
                threads=self._order.threads,
                progress=progress,
                is_cancelled=self._is_cancelled,
                on_whole=lambda made: write_card(make_card(made, base, recipe, engine_version()), made),
            )
            return self._card_of(target)
        card = make_card(target, base, recipe, engine_version())
        write_card(card, target)
        return card

    @staticmethod
    def _card_of(target: Path) -> QualityCard:
        card = card_from_json(read_card(target) or {})
        if card is None:
            raise QuantizationFailed(file=target.name, reason="Its card cannot be read back.")
        return card

    def _measure(self, base: Path, target: Path, recipe: Recipe, card: QualityCard, text: str) -> QualityCard:
        from quantize.measuring import measure_target

        progress = self._step("measure", target)
        is_same_text = card.text_sha256 == hash_text(text) and card.windows == self._order.windows
        if card.quality is not None and is_same_text and (card.pictures is not None or self._projector is None):
            return card
        quality, probe = measure_target(target, base, text, self._order, progress, self._is_cancelled)
        pictures = None
        if self._projector is not None:
            pictures = measure_pictures(
                target, base, self._projector, threads=self._order.threads, progress=progress, is_cancelled=self._is_cancelled
            )
        card = make_card(target, base, recipe, engine_version(), quality, text, probe, self._order.windows, pictures)
        if target.resolve() != base.resolve():
            card = embed_card(card, target)
        write_card(card, target)
        return card


def find_finished(target: Path, recipe: Recipe, base_hash: str) -> QualityCard | None:
    """The card of a file that was made before from the same base by the same recipe, and is whole.

    Raises:
        QuantizationFailed: a file of that name is there, but was made in another way.
    """
    if not target.exists():
        return None
    size = size_of_parts(target)
    value = read_card(target)
    if value is None or value.get("size_bytes") != size:  # killed between the two places where a card is kept
        value = read_embedded_card(target) or value
    card = card_from_json(value) if value else None
    if card is None:
        reason = f"{target.name} is there already and has no card: move it, or choose another folder."
        raise QuantizationFailed(file=target.name, reason=reason)
    if (card.recipe_sha256, card.base_sha256) != (recipe.sha256(), base_hash):
        return None
    if card.size_bytes != size:
        card = replace(card, sha256=hash_parts(target), size_bytes=size)
        write_card(card, target)
    return card


def engine_version() -> str:
    """What quantized and measured."""
    return f"(llama-cpp-python {version('llama-cpp-python')})"
