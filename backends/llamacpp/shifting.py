"""Going on where the context is full: the beginning and the newest part of a text stay, what lies between is forgotten, and it is told.

Source: StreamingLLM, https://arxiv.org/abs/2309.17453: the first tokens must stay, for all others lean on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.events import ContextShifted
from backends.llamacpp.kv_cache import KvCache
from backends.llamacpp.reply import Reply
from backends.llamacpp.tokens import Tokenizer
from backends.media_tokens import text_tokens, whole_beginning, whole_end

_SINKS = 4
"""Tokens at the beginning that are never forgotten."""
_LONGEST_KEPT_SHARE = 0.5
"""The most of the context that the beginning may take; what stays of the system prompt is cut there."""
_FREED_SHARE = 0.25
"""How much of the context is freed at once: less would be a shift for every few words, more forgets too early."""
_EXCERPT = 60


def find_cut(length: int, room: int, kept: int) -> tuple[int, int]:
    """What to forget of ``length`` tokens so that ``room`` are enough, and some are free: the first that goes and how many.

    The first ``kept`` stay where that leaves enough for the rest. Nothing goes (0 tokens) where all fit. The number grows in steps, so
    that a conversation is cut at the same place for several turns, and what was read of it can be used again.
    """
    if length < room:
        return 0, 0
    start = max(_SINKS, min(kept, int(room * _LONGEST_KEPT_SHARE)))
    free = max(1, int(room * _FREED_SHARE))
    return start, -(-(length - room + 1) // free) * free


def shorten(tokens: list[int], room: int, kept: int, tokenizer: Tokenizer) -> tuple[list[int], ContextShifted | None]:
    """A prompt that fits, and what was left out of it."""
    start, count = find_cut(len(tokens), room, kept)
    if not count:
        return tokens, None
    start, count = keep_media_whole(tokens, start, count)
    shorter = [*tokens[:start], *tokens[start + count :]]
    return shorter, describe_cut(tokens, start, count, tokenizer)


def keep_media_whole(tokens: Sequence[int], start: int, count: int) -> tuple[int, int]:
    """The same cut, widened where it would go through a picture or a sound: such a one is forgotten as a whole."""
    begin = whole_beginning(tokens, start)
    begin = begin if begin >= _SINKS else whole_end(tokens, start)
    end = whole_end(tokens, min(start + count, len(tokens)))
    return begin, max(0, end - begin)


def describe_cut(tokens: Sequence[int], start: int, count: int, tokenizer: Tokenizer) -> ContextShifted:
    """What a person is told of tokens that are forgotten: how many, and the words with which the gap begins and ends."""

    def read(part: Sequence[int]) -> str:
        return b"".join(tokenizer.piece(token) for token in text_tokens(part)).decode("utf-8", "replace").strip("\ufffd \n")

    begin = read(tokens[start : min(start + _EXCERPT, start + count)])[:_EXCERPT]
    end = read(tokens[max(start, start + count - _EXCERPT) : start + count])[-_EXCERPT:]
    return ContextShifted(count, begin, end)


def shift(reply: Reply, cache: KvCache) -> None:
    """Make room for more in a reply whose context is full.

    Where the engine can, what stays is moved, which costs nothing; else, and where another sequence shares it, it is read anew.
    """
    assert reply.slot is not None
    start, count = find_cut(len(reply.tokens), reply.context_length, reply.kept_tokens)
    start, count = keep_media_whole(reply.tokens, start, count)
    count = min(count, len(reply.slot.tokens) - start)
    if count < 1:
        return
    reply.events.append(describe_cut(reply.tokens, start, count, reply.tokenizer))
    if not cache.shift(reply.slot, start, count):
        cache.trim(reply.slot, start)
    reply.leave_out(start, count)
