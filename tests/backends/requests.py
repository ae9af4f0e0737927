"""Short ways to ask a backend and to read what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backends.backend import Backend, GenerationRequest
from backends.events import Failed, Finished, GenerationEvent, ReasoningDelta, TextDelta
from backends.messages import make_text_message
from backends.options import GenerationOptions, SamplingOptions


def ask(text: str, **options: Any) -> GenerationRequest:
    """A chat request of one user message."""
    return GenerationRequest(messages=(make_text_message("user", text),), options=make_options(**options))


def complete(prompt: str, **options: Any) -> GenerationRequest:
    """A raw prompt to continue."""
    return GenerationRequest(prompt=prompt, options=make_options(**options))


def make_options(max_tokens: int = 0, stop: tuple[str, ...] = (), seed: int | None = 7, **options: Any) -> GenerationOptions:
    """Settings of a request; what is no setting of its own is one of its sampling."""
    own = {name: options.pop(name) for name in list(options) if name in GenerationOptions.__slots__}
    return GenerationOptions(SamplingOptions(**options), max_tokens, stop, seed, **own)


def text_of(events: Iterable[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def reasoning_of(events: Iterable[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def finish_of(events: Iterable[GenerationEvent]) -> Finished:
    last = list(events)[-1]
    assert isinstance(last, Finished), last
    return last


def failure_of(events: Iterable[GenerationEvent]) -> Failed:
    last = list(events)[-1]
    assert isinstance(last, Failed), last
    return last


def run(backend: Backend, request: GenerationRequest) -> list[GenerationEvent]:
    """All events of an uncancelled request."""
    return list(backend.generate(request, lambda: False))
