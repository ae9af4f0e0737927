"""Don't repeat yourself (DRY): tokens that would go on with a repetition of the text are made less likely.

As llama.cpp computes it (text-generation-webui pull request 6335), for engines whose vocabulary C does not know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from backends.options import SamplingOptions

BREAKERS = ("\n", ":", '"', "*")
_LARGEST = math.log(3.4e38)


def find_breakers(texts: Sequence[bytes]) -> frozenset[int]:
    """Ids of tokens with a character in them at which a repetition ends."""
    marks = [mark.encode() for mark in BREAKERS]
    return frozenset(token for token, text in enumerate(texts) if any(mark in text for mark in marks))


def penalties(tokens: Sequence[int], options: SamplingOptions, breakers: frozenset[int]) -> dict[int, float]:
    """What to take from the logits of which tokens after ``tokens``."""
    last = list(reversed(tokens))
    limit = next((place for place, token in enumerate(last) if token in breakers), len(last))
    allowed = options.dry_allowed_length
    if limit < allowed or len(last) <= allowed:
        return {}
    repeats = _common_with_end(last)
    longest: dict[int, int] = {}
    for place in range(1, len(last)):
        length = min(repeats[place], limit)
        if length >= allowed:
            follower = last[place - 1]
            longest[follower] = max(longest.get(follower, 0), length)
    most = _LARGEST / math.log(options.dry_base) if options.dry_base > 1.000001 else math.inf
    return {
        token: options.dry_multiplier * options.dry_base ** min(length - allowed, most)
        for token, length in longest.items()
        if token not in breakers
    }


def _common_with_end(last: list[int]) -> list[int]:
    """For each place of a reversed text how much of what precedes it equals the end of the text (the Z function)."""
    found = [0] * len(last)
    left = right = 0
    for place in range(1, len(last)):
        if place < right:
            found[place] = min(right - place, found[place - left])
        while place + found[place] < len(last) and last[found[place]] == last[place + found[place]]:
            found[place] += 1
        if place + found[place] > right:
            left, right = place, place + found[place]
    return found


def apply(logits: Any, tokens: Sequence[int], options: SamplingOptions, breakers: frozenset[int]) -> Any:
    """Logits (vocabulary,), a numpy array, with the penalties taken off; a copy where there are any."""
    found = penalties(tokens, options, breakers)
    if not found:
        return logits
    changed = logits.copy()
    for token, penalty in found.items():
        changed[token] -= penalty
    return changed
