"""One decoder layer from float to four bits: watched, scaled, rounded in several ways, and the best of them kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from backends.torch_transformers.packing import pack_autoawq, pack_compressed
from models.errors import DamagedModelFile
from quantize.awq.block import Block, Statistics, watch
from quantize.awq.layer_pairs import rows_for
from quantize.awq.network import put_tensor
from quantize.awq.recipe import AUTOAWQ, AwqRecipe
from quantize.awq.rounding import Grid, Quantized, quantize_compensated, quantize_nearest
from quantize.awq.scale_search import find_scales

if TYPE_CHECKING:
    from torch import Tensor

    from quantize.awq.network import Network

_JUDGING_TOKENS = 2048
"""Of how many tokens the outputs of attention and MLP are compared in the search for scales."""
_HELD_OUT_SHARE = 8
"""One window of so many is not calibrated on, and says which way of rounding is best."""

Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to round a layer that is tried."""

    name: str
    is_scaled: bool
    is_compensated: bool


WAYS = (Way("compensated", True, True), Way("nearest", True, False), Way("plain", False, False))
"""Plain is rounding to nearest without scales or clipping: where nothing is better, it is kept."""


def make_grid(recipe: AwqRecipe, stored_type: torch.dtype) -> Grid:
    """The grid of a recipe; AutoAWQ's layout holds scales in float16 only."""
    return Grid(recipe.group_size, recipe.is_symmetric, torch.float16 if recipe.layout == AUTOAWQ else stored_type)


@torch.inference_mode()
def quantize_layer(
    network: Network, index: int, inputs: list[Tensor], arguments: dict[str, Any], recipe: AwqRecipe, tell: Tell
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of layer ``index`` as the checkpoint will hold them, by their names in it, and notes on how it was done.

    The layer is left in memory with the values that these tensors stand for.

    Raises:
        DamagedModelFile: it computes no numbers.
    """
    block = Block(network.load(index), arguments, network.model_type, network.config)
    grid = make_grid(recipe, network.stored_type)
    rows = block.choose_rows(rows_for(network.model_type), inputs[0], recipe.seed + index)
    calibrating, held_out = _divide(inputs)
    judged = sorted({row.judged_on for row in rows if row.judged_on})
    kept_windows = set(range(max(1, _JUDGING_TOKENS // inputs[0].shape[1])))
    statistics, kept, _ = watch(block, block.groups(rows), calibrating, judged, kept_windows)
    expected = [block.run(hidden) for hidden in held_out]
    if not all(bool(torch.isfinite(output).all()) for output in expected):
        raise DamagedModelFile(file=network.folder.name, reason=f"Layer {index} computes no numbers.")
    tell(0.2)
    for number, row in enumerate(rows):
        scales = find_scales(block, row, statistics[row.layers], kept.get(row.judged_on), grid)
        block.apply(row, scales)
        statistics[row.layers].divide(block.spread(row, scales))
        tell(0.2 + 0.4 * (number + 1) / len(rows))
    kept.clear()
    trial = _Trial(network, index, block, held_out, expected)
    for number, way in enumerate(WAYS):
        if way.is_compensated and recipe.rounding != "compensated":
            continue
        trial.attempt(way, statistics, grid)
        tell(0.6 + 0.3 * (number + 1) / len(WAYS))
    tensors = trial.write(recipe)
    notes = {"way": trial.way, "loss": f"{trial.loss:.6g}", "rows": " ".join(f"{row.previous}>{row.layers[0]}" for row in rows)}
    return tensors, notes


class _Trial:
    """Tries ways to round a layer, and keeps the one whose output on held-out windows is nearest to the float layer's."""

    def __init__(self, network: Network, index: int, block: Block, held_out: list[Tensor], expected: list[Tensor]) -> None:
        self._network, self._index, self._block = network, index, block
        self._held_out, self._expected = held_out, expected
        self._names = network.names_of(index)
        self._weights = {name: linear.weight.data for name, linear in block.linears.items()}
        self.way, self.loss = "", float("inf")
        self._best: dict[str, Quantized] = {}
        self._rest: dict[str, Tensor] = {}

    def attempt(self, way: Way, statistics: dict[tuple[str, ...], Statistics], grid: Grid) -> None:
        """Round every Linear this way, and judge the layer."""
        if not way.is_scaled:
            self._weights.clear()
            self._network.load(self._index)
            self._weights = {name: linear.weight.data for name, linear in self._block.linears.items()}
        made: dict[str, Quantized] = {}
        for group, found in statistics.items():
            for name in group:
                weight, quantized = self._weights[name], None
                if way.is_compensated:
                    quantized = quantize_compensated(weight, grid, found.gram)
                made[name] = quantized or quantize_nearest(weight, grid, found.gram if way.is_scaled else None)
        rest = self._round_rest()
        for name, quantized in made.items():
            self._block.linears[name].weight.data = quantized.dequantize()
        loss = 0.0
        for hidden, expected in zip(self._held_out, self._expected, strict=True):
            loss += float((self._block.run(hidden) - expected).square().mean()) / len(self._expected)
        if loss < self.loss or not self._best:
            self.way, self.loss, self._best, self._rest = way.name, loss, made, rest

    def write(self, recipe: AwqRecipe) -> dict[str, Tensor]:
        """The best as tensors of the checkpoint; the layer is left with the values that these stand for."""
        tensors: dict[str, Tensor] = {}
        for name, values in self._rest.items():
            tensors[self._names[name]] = values
            put_tensor(self._block.layer, name, values.float())
        for name, quantized in self._best.items():
            self._block.linears[name].weight.data = quantized.dequantize()
            stored = self._names[f"{name}.weight"].removesuffix("weight")
            if recipe.layout == AUTOAWQ:
                packed = pack_autoawq(quantized.numbers, quantized.zeros, quantized.scales)
            else:
                packed = pack_compressed(quantized.numbers, None if recipe.is_symmetric else quantized.zeros, quantized.scales)
            tensors |= {stored + ending: values for ending, values in packed.items()}
        return tensors

    def _round_rest(self) -> dict[str, Tensor]:
        """Everything but the Linears' weights in the type that it is stored in, which the layer then computes with."""
        weights = {f"{name}.weight" for name in self._block.linears}
        rest = {}
        for name, stored in self._names.items():
            if name not in weights:
                parameter = self._block.layer.get_parameter(name)
                rest[name] = parameter.data.to(self._network.type_of(stored))
                parameter.data = rest[name].float()
        return rest


def _divide(inputs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Windows to calibrate on and windows to judge by; the same where there are too few for both."""
    if len(inputs) < _HELD_OUT_SHARE // 2:
        return inputs, inputs
    held_out = set(range(_HELD_OUT_SHARE // 2 - 1, len(inputs), _HELD_OUT_SHARE))
    return [x for n, x in enumerate(inputs) if n not in held_out], [inputs[n] for n in sorted(held_out)]
