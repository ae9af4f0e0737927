"""The scales of a row of layer pairs: the activation-aware search of AWQ (https://arxiv.org/abs/2306.00978), from coarse to fine.

Candidates are s = x̄^r and x̄^r / w̄^(1-r), x̄ the mean size of each input, w̄ that of the weights that read it within their groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from quantize.awq.block import Block, Kept, Statistics, call_again
from quantize.awq.rounding import Grid, round_plainly

if TYPE_CHECKING:
    from torch import Tensor

    from quantize.awq.layer_pairs import LayerPair

_COARSE = tuple(step / 10 for step in range(11))
_FINE = (0.05, 0.025)
_MOST_ROWS = 1024
"""Outputs of a Linear that are looked at where it is judged by itself: more change nothing but the time."""


def find_scales(block: Block, row: LayerPair, found: Statistics, kept: Kept | None, grid: Grid) -> Tensor:
    """The best scales of a row, as many as ``row.previous`` has outputs; ones where nothing is better than no scaling."""
    weights = {name: block.linears[name].weight.data for name in row.layers}
    x_mean = block.gather(row, found.mean_size)
    w_mean = block.gather(row, _mean_weight(list(weights.values()), grid.group_size))
    judge = _judge_alone(block, row, found, grid) if kept is None else _judge_parent(block, row, kept, weights, grid)
    best, best_loss, best_place = torch.ones_like(x_mean), judge(torch.ones_like(x_mean)), (0.0, False)

    def attempt(ratio: float, is_duo: bool) -> None:
        nonlocal best, best_loss, best_place
        scales = _candidate(x_mean, w_mean, ratio, is_duo)
        loss = judge(scales)
        if loss < best_loss:
            best, best_loss, best_place = scales, loss, (ratio, is_duo)

    for is_duo in (False, True):
        for ratio in _COARSE:
            if ratio or is_duo:  # the other is no scaling at all
                attempt(ratio, is_duo)
    for step in _FINE:
        ratio, is_duo = best_place
        for other in (ratio - step, ratio + step):
            if 0 < other < 1:
                attempt(other, is_duo)
    for name, weight in weights.items():
        block.linears[name].weight.data = weight
    return best


def _candidate(x_mean: Tensor, w_mean: Tensor, ratio: float, is_duo: bool) -> Tensor:
    scales = x_mean.clamp(min=1e-8).pow(ratio)
    if is_duo:
        scales = scales / (w_mean.pow(1 - ratio) + 1e-4)
    scales = scales.clamp(min=1e-4)
    return scales / (scales.max() * scales.min()).sqrt()


def _mean_weight(weights: list[Tensor], group_size: int) -> Tensor:
    """Mean size of the weights on each input, each as a share of the largest of its group."""
    total = torch.zeros(weights[0].shape[1])
    for weight in weights:
        sizes = weight.abs().reshape(weight.shape[0], -1, group_size)
        total += (sizes / sizes.amax(dim=-1, keepdim=True).clamp(min=1e-6)).reshape(weight.shape).sum(dim=0)
    return total / sum(weight.shape[0] for weight in weights)


def _judge_parent(block: Block, row: LayerPair, kept: Kept, weights: dict[str, Tensor], grid: Grid) -> Callable[[Tensor], float]:
    """By what the attention or the MLP gives for the calls that were kept."""

    def judge(scales: Tensor) -> float:
        wide = block.spread(row, scales)
        for name, weight in weights.items():
            block.linears[name].weight.data = round_plainly(weight * wide, grid).div_(wide)
        return call_again(block, row.judged_on, kept)

    return judge


def _judge_alone(block: Block, row: LayerPair, found: Statistics, grid: Grid) -> Callable[[Tensor], float]:
    """By the outputs of the Linears themselves: tr(E·H·Eᵀ), whatever the number of tokens."""
    sampled = []
    for name in row.layers:
        weight = block.linears[name].weight.data
        step = max(1, -(-weight.shape[0] // _MOST_ROWS))
        sampled.append(weight[::step])

    def judge(scales: Tensor) -> float:
        wide, loss = block.spread(row, scales), 0.0
        for weight in sampled:
            error = round_plainly(weight * wide, grid).div_(wide).sub_(weight)
            loss += float(((error @ found.gram) * error).sum())
        return loss

    return judge
