"""Which of several quants of one model to take on this machine, and their table as CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from quantize.quality_card import QualityCard

COMFORTABLE_TOKENS_PER_SECOND = 8.0
"""About as fast as people read."""
_MEMORY_SHARE = 0.75
_CONTEXT_BYTES = 256 << 20
COLUMNS = (
    "type",
    "imatrix",
    "size_mb",
    "bits_per_weight",
    "kl_mean",
    "kl_99",
    "top_1",
    "perplexity",
    "tokens_per_second",
    "memory_mb",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """``index`` in the list that was given; ``reason`` is fits, slow or nothing (then the index is -1)."""

    index: int
    reason: str


def predict_speed(cards: Sequence[QualityCard], card: QualityCard) -> float:
    """Tokens a second: measured, else from the memory bandwidth that the others' speeds show (writing reads every weight once)."""
    if card.probe:
        return float(card.probe["decode_tokens_per_second"])
    bandwidths = [other.size_bytes * float(other.probe["decode_tokens_per_second"]) for other in cards if other.probe]
    return max(bandwidths) / card.size_bytes if bandwidths else 0.0


def pick(cards: Sequence[QualityCard], available_bytes: int) -> Choice:
    """The least loss of what fits into memory beside everything else and is quick enough; if nothing is quick, the quickest."""
    fitting = [
        (index, card)
        for index, card in enumerate(cards)
        if not card.fault and card.quality and card.size_bytes + _CONTEXT_BYTES <= available_bytes * _MEMORY_SHARE
    ]
    if not fitting:
        return Choice(-1, "nothing")
    quick = [pair for pair in fitting if predict_speed(cards, pair[1]) >= COMFORTABLE_TOKENS_PER_SECOND]
    if not quick:
        return Choice(max(fitting, key=lambda pair: predict_speed(cards, pair[1]))[0], "slow")
    return Choice(min(quick, key=lambda pair: ((pair[1].quality or {})["kl_mean"], pair[1].size_bytes))[0], "fits")


def rows(cards: Sequence[QualityCard]) -> list[list[str]]:
    """A row of text for each card, in the order of ``COLUMNS``; what was not measured is empty."""
    found = []
    for card in cards:
        quality, probe = card.quality or {}, card.probe or {}
        has_base = bool(quality.get("has_base"))
        found.append(
            [
                card.file_type,
                "yes" if card.recipe.get("imatrix_sha256") else "",
                f"{card.size_bytes / 2**20:.1f}",
                f"{card.bits_per_weight:.2f}",
                f"{quality['kl_mean']:.5f}" if has_base else "",
                f"{quality['kl_99']:.4f}" if has_base else "",
                f"{quality['same_top_1']:.4f}" if has_base else "",
                f"{quality['perplexity']:.3f}" if quality else "",
                f"{probe['decode_tokens_per_second']:.1f}" if probe else "",
                f"{probe['memory_bytes'] / 2**20:.0f}" if probe else "",
            ]
        )
    return found


def write_csv(cards: Sequence[QualityCard]) -> str:
    """The table for a spreadsheet."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(cards))
    return target.getvalue()


def write_table(cards: Sequence[QualityCard]) -> str:
    """The table as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|:--|:--|" + "--:|" * (len(COLUMNS) - 2)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows(cards))]) + "\n"
