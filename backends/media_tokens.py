"""How a picture or a sound stands in a sequence of tokens: as negative numbers that say what it is, so that prefixes compare as before.

A medium that takes ``count`` places is ``count`` numbers, 30 bits each, drawn from a hash of what was seen: the same picture is the
same numbers in every process and on disk, another one differs from its first number on. The first lies below ``-2**30`` and so shows
where a medium begins; the second says how many positions it takes, which with M-RoPE are fewer than its places.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence

_HALF = 1 << 30


def make_media_tokens(key: bytes, count: int, positions: int) -> list[int]:
    """The numbers of a medium with the identity ``key`` that takes ``count`` places and ``positions`` positions.

    Raises:
        ValueError: numbers that cannot be.
    """
    if count < 1 or not 1 <= positions < _HALF or (count == 1 and positions != 1):
        raise ValueError(f"a medium of {count} places and {positions} positions")
    seed = hashlib.sha256(key + positions.to_bytes(4, "little")).digest()
    words = array("I", hashlib.shake_256(seed).digest(4 * count))
    tokens = [-1 - (word % _HALF) for word in words]
    tokens[0] -= _HALF
    if count > 1:
        tokens[1] = -1 - positions
    return tokens


def is_media_head(token: int) -> bool:
    """Whether a medium begins with this number."""
    return token < -_HALF


def find_media_heads(tokens: Sequence[int]) -> list[int]:
    """Where media begin."""
    return [place for place, token in enumerate(tokens) if token < -_HALF]


def media_length(tokens: Sequence[int], head: int) -> int:
    """Places of the medium that begins at ``head``."""
    end = head + 1
    while end < len(tokens) and -_HALF <= tokens[end] < 0:
        end += 1
    return end - head


def whole_beginning(tokens: Sequence[int], length: int) -> int:
    """The most of the first ``length`` tokens that cuts through no medium: half a picture is none."""
    while 0 < length < len(tokens) and -_HALF <= tokens[length] < 0:
        length -= 1
    return length


def whole_end(tokens: Sequence[int], length: int) -> int:
    """The least place from ``length`` on at which no medium is cut."""
    while length < len(tokens) and -_HALF <= tokens[length] < 0:
        length += 1
    return length


def count_gap(tokens: Sequence[int]) -> int:
    """How many places the tokens have more than positions."""
    if not tokens or min(tokens) >= 0:
        return 0
    gap = 0
    for head in find_media_heads(tokens):
        count = media_length(tokens, head)
        gap += count - (-1 - tokens[head + 1] if count > 1 else 1)
    return gap


def text_tokens(tokens: Sequence[int]) -> list[int]:
    """The tokens without media."""
    return [token for token in tokens if token >= 0]
