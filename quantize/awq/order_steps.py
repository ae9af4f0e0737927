"""The part of an order that makes and measures AWQ folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from models.errors import QuantizationFailed
from quantize.awq.recipe import AwqRecipe
from quantize.awq.run import quantize_checkpoint
from quantize.folder_card import find_finished_folder, hash_folder, keep_folder_card, make_folder_card
from quantize.measuring import measure_target
from quantize.order import Order
from quantize.quality_card import QualityCard, card_from_json, hash_text, read_card

Progress = Callable[[float, str], None]


class AwqSteps:
    """Of one order. ``start`` begins a step (kind, path) and gives what its progress is told to."""

    def __init__(self, order: Order, start: Callable[[str, Path], Progress], is_cancelled: Callable[[], bool]) -> None:
        self._order, self._start, self._is_cancelled = order, start, is_cancelled
        self._source = Path(order.source)
        self._base_hash = ""

    def run(self, recipe: AwqRecipe, calibration: str, measured: str) -> tuple[Path, QualityCard]:
        """Make one folder, and measure it where there is a text to measure on; what was finished before is not done again.

        Raises:
            QuantizationFailed: the source is no checkpoint, or something else has the folder's name.
            WorkCancelled, UserFacingError: as the steps do.
        """
        if not self._source.is_dir():
            reason = "AWQ is made from a checkpoint folder (safetensors), and this is a GGUF file."
            raise QuantizationFailed(file=self._source.name, reason=reason)
        recipe = replace(recipe, calibration_sha256=hash_text(calibration))
        target = name_folder(self._source, recipe, self._order)
        progress = self._start("quantize", target)
        self._base_hash = self._base_hash or hash_folder(self._source)
        card = find_finished_folder(target, recipe, self._base_hash)
        if card is None:
            quantize_checkpoint(
                self._source,
                target,
                recipe,
                calibration,
                threads=self._order.threads,
                progress=progress,
                is_cancelled=self._is_cancelled,
            )
            card = card_from_json(read_card(target) or {})
            if card is None:
                raise QuantizationFailed(file=target.name, reason="Its card cannot be read back.")
        keep_folder_card(card, target)
        return target, self._measure(target, recipe, card, measured) if measured else card

    def _measure(self, target: Path, recipe: AwqRecipe, card: QualityCard, text: str) -> QualityCard:
        progress = self._start("measure", target)
        if card.quality is not None and card.text_sha256 == hash_text(text) and card.windows == self._order.windows:
            return card
        quality, probe = measure_target(target, self._source, text, self._order, progress, self._is_cancelled)
        measured = make_folder_card(
            target,
            self._source,
            self._base_hash,
            recipe,
            quality=quality,
            text=text,
            probe=probe,
            windows=self._order.windows,
            engine=card.engine,
        )
        return keep_folder_card(measured, target)


def name_folder(source: Path, recipe: AwqRecipe, order: Order) -> Path:
    """Where the folder goes: as asked, else beside the source or in the order's folder, named after the source and the recipe."""
    out = Path(order.out) if order.out else None
    if out is not None and order.is_target:
        return out
    usual = AwqRecipe()
    name = f"{source.resolve().name}-AWQ-4"
    if recipe.group_size != usual.group_size:
        name += f"-g{recipe.group_size}"
    if recipe.is_symmetric:
        name += "-symmetric"
    if recipe.layout != usual.layout:
        name += f"-{recipe.layout}"
    return (out or source.resolve().parent) / name
