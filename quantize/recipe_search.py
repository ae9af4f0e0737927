"""Finds a recipe for a model: the smallest file within a budget of KL divergence, or the best file within a size.

Each group of tensors (one role in one third of the layers) is quantized alone, everything else left in F16, and what that costs is
measured on a text. Costs of groups add up closely enough to order the choices; the recipe that is chosen is measured as a whole.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InvalidOption, QuantizationFailed
from models.gguf_parts import hash_parts, read_parts
from quantize.fingerprint import fingerprint
from quantize.gguf.quantize import quantize_file
from quantize.gguf.size_prediction import predict_files
from quantize.output import remove_stale
from quantize.quality import Quality, measure_quality
from quantize.quality_card import hash_text
from quantize.recipe import Recipe
from quantize.runner import Progress

LADDER = ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0")
IMATRIX_LADDER = ("IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS", "Q4_K", "Q5_K", "Q6_K", "Q8_0")
_BITS = {
    "IQ2_S": 2.5625, "Q2_K": 2.625, "IQ3_XXS": 3.0625, "IQ3_S": 3.4375, "Q3_K": 3.4375, "IQ4_XS": 4.25, "Q4_K": 4.5, "Q5_K": 5.5,
    "Q6_K": 6.5625, "Q8_0": 8.5,
}  # fmt: skip
_BLOCK = re.compile(r"^blk\.(\d+)\.(.+)\.weight$")
_THIRDS = 3
_CHECKS = 6


@dataclass(frozen=True, slots=True)
class Group:
    """Tensors that get one type together: a name for people, a pattern for llama.cpp, and how many weights they have."""

    name: str
    pattern: str
    weights: int


@dataclass(frozen=True, slots=True)
class Point:
    """A recipe of the frontier: its file in bytes, and the KL divergence that the groups' costs add up to, in nats."""

    recipe: Recipe
    size_bytes: int
    predicted_kl: float


@dataclass(frozen=True, slots=True)
class Search:
    """What was found: the recipe with its measured quality, all points from best to smallest, and each group's cost by type."""

    chosen: Point
    quality: Quality
    frontier: tuple[Point, ...]
    costs: dict[str, dict[str, float]]


class RecipeSearch:
    """One search on one unquantized GGUF. What it measures is kept in ``memory`` (a JSON file), so that a killed search goes on.

    Raises:
        QuantizationFailed: the source is quantized already, or has nothing to choose for.
    """

    def __init__(
        self,
        source: Path,
        text: str,
        memory: Path,
        *,
        imatrix: Path | None = None,
        windows: int = 4,
        threads: int = 0,
        progress: Progress = lambda fraction, words: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source, self._text, self._memory, self._imatrix = source, text, memory, imatrix
        self._windows, self._threads = windows, threads
        self._progress, self._is_cancelled = progress, is_cancelled
        self._imatrix_hash = hash_parts(imatrix) if imatrix else ""
        self.ladder = IMATRIX_LADDER if imatrix else LADDER
        self.groups = find_groups(source)

    def smallest_within(self, budget: float) -> Search:
        """The smallest file whose mean KL divergence is at most ``budget`` nats a token.

        Raises:
            InvalidOption: not even the largest file is that good.
        """
        if not budget > 0:
            raise InvalidOption(option="--max-kl", value=budget, allowed="more than 0")
        costs, frontier = self._prepare()
        # Sums of costs order the points; where the budget falls among them is found by measuring whole files.
        low, high = 0, len(frontier) - 1
        best: tuple[Point, Quality] | None = None
        for _ in range(_CHECKS):
            if low > high:
                break
            middle = self._guess(frontier, low, high, budget)
            quality = self._measure(frontier[middle].recipe)
            if quality.kl_mean <= budget:
                best, low = (frontier[middle], quality), middle + 1
            else:
                high = middle - 1
        if best is None:
            raise InvalidOption(option="--max-kl", value=budget, allowed="larger: not even the largest file is that close")
        return Search(best[0], best[1], tuple(frontier), costs)

    def best_within(self, size_bytes: int) -> Search:
        """The file with the least predicted divergence that is at most so large.

        Raises:
            InvalidOption: not even the smallest file is that small.
        """
        costs, frontier = self._prepare()
        fitting = [point for point in frontier if point.size_bytes <= size_bytes]
        if not fitting:
            smallest = min(point.size_bytes for point in frontier) / 2**20
            raise InvalidOption(option="--max-size", value=size_bytes, allowed=f"at least {smallest:,.1f} MB for this model")
        chosen = min(fitting, key=lambda point: point.predicted_kl)
        return Search(chosen, self._measure(chosen.recipe), tuple(frontier), costs)

    @staticmethod
    def _guess(frontier: list[Point], low: int, high: int, budget: float) -> int:
        """First where the sums say the budget ends, then the middle."""
        by_sum = [index for index in range(low, high + 1) if frontier[index].predicted_kl <= budget]
        return by_sum[-1] if by_sum and low == 0 and high == len(frontier) - 1 else (low + high) // 2

    def _prepare(self) -> tuple[dict[str, dict[str, float]], list[Point]]:
        costs = self._measure_costs()
        choices = list(walk_down(self.groups, self.ladder, costs))
        recipes = [self._recipe(choice) for choice, _ in choices]
        sizes = [prediction.size_bytes for prediction in predict_files(self._source, recipes)]
        points = [Point(recipe, size, cost) for recipe, size, (_, cost) in zip(recipes, sizes, choices, strict=True)]
        return costs, points

    def _recipe(self, choice: dict[str, str]) -> Recipe:
        most = max(set(choice.values()), key=lambda kind: sum(g.weights for g in self.groups if choice[g.name] == kind))
        file_type = {"Q2_K": "Q2_K", "Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}.get(most, most)
        return Recipe(
            file_type, tuple((group.pattern, choice[group.name]) for group in self.groups), imatrix_sha256=self._imatrix_hash
        )

    def _measure_costs(self) -> dict[str, dict[str, float]]:
        """KL divergence by group and type; what an earlier search of the same model and text measured is taken over."""
        kept = self._read_memory()
        jobs = [(group, kind) for group in self.groups for kind in self.ladder]
        for number, (group, kind) in enumerate(jobs):
            self._progress(number / len(jobs), f"{group.name} {kind}")
            if kind in kept.setdefault(group.name, {}):
                continue
            recipe = Recipe("Q8_0", ((group.pattern, kind), (".*", "F16")), imatrix_sha256=self._imatrix_hash)
            kept[group.name][kind] = max(0.0, self._measure(recipe).kl_mean)
            self._write_memory(kept)
        return kept

    def _measure(self, recipe: Recipe) -> Quality:
        # beside the source, because that disk has room for models; swept up by the next search if this one is killed
        target = self._memory.with_name(f".{self._memory.name}.measured")
        remove_stale(target)
        folder = Path(tempfile.mkdtemp(dir=self._memory.parent, prefix=f".{self._memory.name}.measured."))
        try:
            made = quantize_file(
                self._source,
                folder / "m.gguf",
                recipe,
                imatrix=self._imatrix,
                threads=self._threads,
                is_cancelled=self._is_cancelled,
            )
            return measure_quality(
                made,
                self._text,
                base=self._source,
                most_windows=self._windows,
                threads=self._threads,
                is_cancelled=self._is_cancelled,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _key(self) -> str:
        return "/".join([fingerprint(self._source), hash_text(self._text), str(self._windows), self._imatrix_hash])

    def _read_memory(self) -> dict[str, dict[str, float]]:
        try:
            value: Any = json.loads(self._memory.read_text(encoding="utf-8"))
            return (
                {str(g): {str(k): float(c) for k, c in t.items()} for g, t in value["costs"].items()}
                if value["key"] == self._key()
                else {}
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _write_memory(self, costs: dict[str, dict[str, float]]) -> None:
        partial = self._memory.with_name(f".{self._memory.name}.part")
        partial.write_text(json.dumps({"key": self._key(), "costs": costs}, indent=1), encoding="utf-8")
        partial.replace(self._memory)


def find_groups(source: Path) -> list[Group]:
    """Matrices by role and third of the layers; embeddings and output alone.

    Raises:
        QuantizationFailed: the source is quantized already, or holds no matrices that can be.
    """
    headers = read_parts(source)
    tensors = [tensor for header in headers for tensor in header.tensors]
    if any(tensor.type.name not in ("F32", "F16", "BF16") for tensor in tensors):
        raise QuantizationFailed(file=source.name, reason="It is quantized already: a search needs the model it was made from.")
    layers = headers[0].of_architecture("block_count", 1)
    found: dict[tuple[str, int], tuple[list[str], int]] = {}
    for tensor in tensors:
        if len(tensor.shape) < 2 or tensor.shape[0] % 256 or tensor.name.endswith("_norm.weight") or "gate_inp" in tensor.name:
            continue
        match = _BLOCK.match(tensor.name)
        key = (
            (match[2], min(_THIRDS - 1, int(match[1]) * _THIRDS // layers))
            if match
            else (tensor.name.removesuffix(".weight"), -1)
        )
        names, weights = found.get(key, ([], 0))
        found[key] = ([*names, tensor.name], weights + tensor.element_count)
    if not found:
        raise QuantizationFailed(
            file=source.name, reason="Its matrices have rows that are no multiple of 256: there is nothing to choose."
        )
    places = ("early", "middle", "late")
    groups = []
    for (role, third), (names, weights) in found.items():
        numbers = [match[1] for name in names if (match := _BLOCK.match(name))]
        pattern = rf"^blk\.({'|'.join(numbers)})\.{re.escape(role)}\.weight$" if numbers else rf"^{re.escape(role)}\.weight$"
        groups.append(Group(f"{role} {places[third]}" if third >= 0 else role, pattern, weights))
    return sorted(groups, key=lambda group: group.name)


def walk_down(
    groups: list[Group], ladder: tuple[str, ...], costs: dict[str, dict[str, float]]
) -> list[tuple[dict[str, str], float]]:
    """From every group at its best type downwards, always the step that saves most bytes for each nat that it costs.

    Steps may skip types that are not on the group's lower convex hull, which makes the greedy walk the best one at its own sizes.
    """
    choice = {group.name: ladder[-1] for group in groups}
    cost = {group.name: costs[group.name][ladder[-1]] for group in groups}
    walked = [(dict(choice), sum(cost.values()))]
    while True:
        best: tuple[float, Group, str] | None = None
        for group in groups:
            here = _BITS[choice[group.name]]
            for kind in ladder:
                saved = (here - _BITS[kind]) * group.weights / 8
                if saved <= 0:
                    continue
                price = (costs[group.name][kind] - cost[group.name]) / saved
                if best is None or price < best[0]:
                    best = (price, group, kind)
        if best is None:
            return walked
        _, group, kind = best
        choice[group.name], cost[group.name] = kind, costs[group.name][kind]
        walked.append((dict(choice), sum(cost.values())))
