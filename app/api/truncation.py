"""Leaves the oldest turns of a conversation out where a client allows it, so that the rest fits the context."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from backends.backend import GenerationRequest
from backends.messages import Message
from backends.options import GenerationOptions

_ANSWER_SHARE = 0.25
"""How much of the context is kept free for the answer, where the answer has no shorter limit."""

Count = Callable[[GenerationRequest], Awaitable[int]]


async def drop_oldest(request: GenerationRequest, available: int, count: Count) -> GenerationRequest:
    """The request with as few turns left out as make it fit ``available`` tokens; what the system says stays.

    Where nothing makes it fit, the last question is left, for the engine to refuse with the right numbers. ``count`` gives the tokens
    of a request.
    """
    if request.options.context_policy != "drop" or not request.messages or available <= 0:
        return request
    room = available - _answer_room(request.options, available)
    if await count(request) < room:
        return request
    views = list_views(request.messages)
    low, high = 0, len(views) - 1
    while low < high:
        middle = (low + high) // 2
        if await count(replace(request, messages=views[middle])) < room:
            high = middle
        else:
            low = middle + 1
    return replace(request, messages=views[low])


def list_views(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """What is left of a conversation, longest first: it begins with ever later questions of the user.

    At last the answers and calls of tools after the last question are left out too, oldest first, and the question stays: an
    agent may work for hours on one. The results of tools go with their calls.
    """
    questions = [place for place, message in enumerate(messages) if message.role == "user"]
    if not questions:
        return [tuple(messages)]
    views = [(*_system_of(messages[:place]), *messages[place:]) for place in questions]
    last = questions[-1]
    steps = [place for place in range(last + 2, len(messages)) if messages[place].role == "assistant"]
    head = (*_system_of(messages[:last]), messages[last])
    return views + [(*head, *_system_of(messages[last + 1 : place]), *messages[place:]) for place in steps]


def _system_of(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.role == "system"]


def _answer_room(options: GenerationOptions, available: int) -> int:
    most = max(1, int(available * _ANSWER_SHARE))
    return min(options.max_tokens, most) if options.max_tokens else most
