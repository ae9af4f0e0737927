"""One decoder layer under the hand: its Linears and their inputs, and scaling that leaves what it computes as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from quantize.awq.layer_pairs import NORMS_ABOUT_ONE, LayerPair
from quantize.awq.network import run_layer

if TYPE_CHECKING:
    from torch import Tensor

_LEAVES_AS_IT_IS = 1e-3
"""How much a block's output may change, of its largest value, where scaling is to change nothing."""


@dataclass(slots=True)
class Statistics:
    """What entered a group of Linears: Σ xᵀx (in, in), Σ |x| (in,), and how many tokens that was."""

    gram: Tensor
    sum_of_sizes: Tensor
    tokens: int = 0

    @property
    def mean_size(self) -> Tensor:
        """Mean |x| of each input channel."""
        return self.sum_of_sizes / max(1, self.tokens)

    def divide(self, scales: Tensor) -> None:
        """The inputs are divided by ``scales`` (in,) from now on."""
        self.gram /= scales
        self.gram /= scales.unsqueeze(1)
        self.sum_of_sizes /= scales


@dataclass(slots=True)
class Kept:
    """Calls of a module that were kept: what went in and what came out."""

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)


class Block:
    """A decoder layer, its arguments, and the groups of Linears that read the same input (by the rows that fit)."""

    def __init__(self, layer: Any, arguments: dict[str, Any], model_type: str, config: Any) -> None:
        self.layer = layer
        self.arguments = arguments
        self._offset = 1.0 if model_type in NORMS_ABOUT_ONE else 0.0
        self._config = config
        self.linears: dict[str, torch.nn.Linear] = {
            name: module for name, module in layer.named_modules() if isinstance(module, torch.nn.Linear)
        }

    def run(self, hidden: Tensor) -> Tensor:
        """The layer's output."""
        return run_layer(self.layer, hidden, self.arguments)

    def choose_rows(self, rows: tuple[LayerPair, ...], hidden: Tensor, seed: int) -> list[LayerPair]:
        """The rows that fit this layer and leave its output as it is when scaled by random s; tried on the input ``hidden``."""
        accepted: list[LayerPair] = []
        taken: set[str] = set()
        draw = torch.Generator().manual_seed(seed)
        expected = self.run(hidden)
        for row in rows:
            if taken & set(row.layers) or not self._has(row):
                continue
            wide = self._count_scales(row)
            if not wide:
                continue
            changed = [row.previous, *row.layers]
            before = {name: parameter.clone() for name in changed for name, parameter in self._parameters(name)}
            self.apply(row, torch.exp(torch.randn(wide, generator=draw) * 0.5))
            output = self.run(hidden)
            for name, values in before.items():
                self.layer.get_parameter(name).data = values
            if float((output - expected).abs().max()) <= _LEAVES_AS_IT_IS * float(expected.abs().max()):
                accepted.append(row)
                taken |= set(row.layers)
        return accepted

    def groups(self, rows: list[LayerPair]) -> list[tuple[str, ...]]:
        """Names of Linears that share an input: those of each row together, every other alone."""
        found = [row.layers for row in rows]
        inside = {name for group in found for name in group}
        return [*found, *((name,) for name in self.linears if name not in inside)]

    def apply(self, row: LayerPair, scales: Tensor) -> None:
        """Divide the outputs of ``row.previous`` by scales and multiply the inputs of its layers; float32, in place."""
        previous = self.layer.get_submodule(row.previous)
        if isinstance(previous, torch.nn.Linear):
            part = self._part(row, previous)
            previous.weight.data = previous.weight.data.clone()
            previous.weight.data[part] /= scales.unsqueeze(1)
            if previous.bias is not None:
                previous.bias.data = previous.bias.data.clone()
                previous.bias.data[part] /= scales
        else:
            previous.weight.data = (previous.weight.data + self._offset) / scales - self._offset
            if getattr(previous, "bias", None) is not None:
                previous.bias.data = previous.bias.data / scales
        wide = self.spread(row, scales)
        for name in row.layers:
            self.linears[name].weight.data = self.linears[name].weight.data * wide

    def spread(self, row: LayerPair, scales: Tensor) -> Tensor:
        """Scales of the outputs of ``row.previous`` as scales of the inputs of its layers."""
        return scales[self._shared(row)] if row.part in ("value", "values") else scales

    def gather(self, row: LayerPair, sizes: Tensor) -> Tensor:
        """Mean sizes of inputs as those of the outputs of ``row.previous`` that they come from."""
        if row.part not in ("value", "values"):
            return sizes
        shared = self._shared(row)
        count = int(shared.max()) + 1
        total = torch.zeros(count).index_add_(0, shared, sizes)
        return total * count / len(shared)

    def _has(self, row: LayerPair) -> bool:
        try:
            previous = self.layer.get_submodule(row.previous)
        except AttributeError:
            return False
        if getattr(previous, "weight", None) is None:
            return False
        return all(name in self.linears for name in row.layers)

    def _parameters(self, module: str) -> list[tuple[str, Tensor]]:
        return [(f"{module}.{name}", value) for name, value in self.layer.get_submodule(module).named_parameters()]

    def _count_scales(self, row: LayerPair) -> int:
        """How many scales the row has; 0 where its sizes do not fit together."""
        previous = self.layer.get_submodule(row.previous)
        width = self.linears[row.layers[0]].in_features
        if not isinstance(previous, torch.nn.Linear):
            return width if previous.weight.shape == (width,) else 0
        if row.part in ("value", "values"):
            heads, shared = self._heads()
            if not heads or heads % shared or width % heads:
                return 0
            wide = width // heads * shared
            if row.part == "values" and previous.out_features != wide:
                return 0
            return wide if previous.out_features >= wide else 0
        if row.part == "second half":
            return width if previous.out_features == 2 * width else 0
        return width if previous.out_features == width else 0

    def _heads(self) -> tuple[int, int]:
        heads = int(getattr(self._config, "num_attention_heads", 0) or 0)
        return heads, int(getattr(self._config, "num_key_value_heads", 0) or heads)

    def _shared(self, row: LayerPair) -> Tensor:
        """For each input of the output projection the value channel it comes from."""
        heads, shared = self._heads()
        size = self.linears[row.layers[0]].in_features // heads
        channels = torch.arange(heads * size)
        return channels // size // (heads // shared) * size + channels % size

    def _part(self, row: LayerPair, previous: torch.nn.Linear) -> slice:
        if row.part in ("value", "second half"):
            return slice(previous.out_features - self._count_scales(row), None)
        return slice(None)


def watch(
    block: Block, groups: list[tuple[str, ...]], inputs: list[Tensor], judged: list[str], kept_windows: set[int]
) -> tuple[dict[tuple[str, ...], Statistics], dict[str, Kept], list[Tensor]]:
    """Run the layer over all windows: statistics of each group, some calls of the modules that judge, and all outputs."""
    statistics: dict[tuple[str, ...], Statistics] = {}
    kept = {name: Kept() for name in judged}
    hooks = []
    keeps = False
    for group in groups:
        width = block.linears[group[0]].in_features
        statistics[group] = Statistics(torch.zeros(width, width), torch.zeros(width))

        def note(_module: Any, arguments: tuple[Tensor, ...], group: tuple[str, ...] = group) -> None:
            rows = arguments[0].reshape(-1, arguments[0].shape[-1])
            found = statistics[group]
            found.gram.addmm_(rows.T, rows)
            found.sum_of_sizes += rows.abs().sum(dim=0)
            found.tokens += rows.shape[0]

        hooks.append(block.linears[group[0]].register_forward_pre_hook(note))
    for name in judged:

        def keep(_module: Any, arguments: tuple[Any, ...], named: dict[str, Any], output: Any, name: str = name) -> None:
            if keeps:
                kept[name].calls.append((arguments, named))
                kept[name].outputs.append(output[0] if isinstance(output, tuple) else output)

        hooks.append(block.layer.get_submodule("" if name == "." else name).register_forward_hook(keep, with_kwargs=True))
    outputs = []
    try:
        for number, hidden in enumerate(inputs):
            keeps = number in kept_windows
            outputs.append(block.run(hidden))
    finally:
        for hook in hooks:
            hook.remove()
    return statistics, kept, outputs


def call_again(block: Block, name: str, kept: Kept) -> float:
    """The mean squared difference between what a module gives now for the calls that were kept and what it gave then."""
    module = block.layer.get_submodule("" if name == "." else name)
    total, count = 0.0, 0
    for (arguments, named), expected in zip(kept.calls, kept.outputs, strict=True):
        found = module(*arguments, **named)
        found = found[0] if isinstance(found, tuple) else found
        total += float((found - expected).square().sum())
        count += expected.numel()
    return total / max(1, count)
