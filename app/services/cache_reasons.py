"""Why a prompt was read anew although another one was read before: compared with the texts that could have been in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CacheState = Literal["reused", "first", "differs", "gone"]
_EXCERPT = 60
_SLACK = 0.1
"""Part of the prompt by which shares of characters and of tokens may differ: tokens are not all of one length."""
_FEW_TOKENS = 64


@dataclass(frozen=True, slots=True)
class CacheReason:
    """``reused`` all but what is new; ``first`` nothing was read before; ``differs`` from the nearest earlier text after ``place``
    characters, where it has ``then`` and this prompt ``now``; ``gone`` what they share was forgotten, to make room or with the model.
    """

    state: CacheState
    place: int = 0
    now: str = ""
    then: str = ""


def explain_cache(prompt: str, earlier: Sequence[str], cached_tokens: int, prompt_tokens: int) -> CacheReason:
    """Compare a prompt with ``earlier`` texts of the same model (prompts with their answers), of which ``cached_tokens`` were reused."""
    if not earlier:
        return CacheReason("reused" if cached_tokens >= prompt_tokens - 1 else "first")
    nearest = max(earlier, key=lambda text: _common_length(text, prompt))
    place = _common_length(nearest, prompt)
    shared = place / max(1, len(prompt))
    cached = cached_tokens / max(1, prompt_tokens)
    missed = shared * prompt_tokens - cached_tokens
    if missed > _FEW_TOKENS and shared - cached > _SLACK:
        return CacheReason("gone", place)
    if place >= min(len(prompt), len(nearest)):
        return CacheReason("reused", place)
    return CacheReason("differs", place, prompt[place : place + _EXCERPT], nearest[place : place + _EXCERPT])


def _common_length(one: str, other: str) -> int:
    """Characters that both begin with; compared in halves, because prompts may be megabytes."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
