"""One reply on its way: what is asked of the engine, and what comes back until the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from app.services.context_fit import describe_shift
from app.services.engines import Engine, Stream
from app.services.events import EventBus, ReplyGrew, ReplyProgress
from app.services.live_replies import LiveReply
from app.services.run_cards import make_run_card
from app.store.records import MessageState, RunCard
from backends.backend import GenerationRequest
from backends.events import (
    ContextShifted,
    Failed,
    Finished,
    FinishReason,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from backends.options import GenerationOptions
from models.errors import EngineCrashed, LoadCancelled, StoreError, UserFacingError

_STATES: dict[FinishReason, MessageState] = {"stop": "complete", "length": "length", "cancelled": "stopped"}


@dataclass(eq=False)
class Reply:
    """One reply on its way."""

    live: LiveReply
    is_continued: bool = False
    stream: Stream | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.monotonic)
    model: str = ""
    trouble: StoreError | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    sources: list[dict[str, Any]] = field(default_factory=list)

    def cancel(self) -> None:
        """Let it end soon."""
        self.cancelled.set()
        if self.stream is not None:
            self.stream.cancel()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reply ended."""

    state: MessageState
    run: RunCard | None = None
    error: UserFacingError | None = None


class ReplyReader:
    """Reads streams of engines into replies. ``find_hash`` gives the SHA-256 of a model's file where that is quick, else nothing."""

    def __init__(self, bus: EventBus, find_hash: Callable[[str], str]) -> None:
        self._bus = bus
        self._find_hash = find_hash

    def ask(self, request: GenerationRequest, reply: Reply, engine: Engine) -> str:
        """The model's answer to a question of ours, before the reply itself; stopped as the reply is.

        Raises:
            UserFacingError: it failed; LoadCancelled where the reply was stopped.
        """
        assert engine.link is not None
        reply.stream = engine.link.generate(request)
        if reply.cancelled.is_set():
            reply.stream.cancel()
        pieces = []
        for event in reply.stream:
            if isinstance(event, TextDelta):
                pieces.append(event.text)
            elif isinstance(event, Failed):
                raise event.error
        if reply.cancelled.is_set():
            raise LoadCancelled()
        return "".join(pieces)

    def follow(
        self, reply: Reply, engine: Engine, options: GenerationOptions, before: RunCard | None, unseen: dict[str, Any]
    ) -> Outcome:
        """Read the stream to its end."""
        live, facts = reply.live, engine.facts
        if facts is not None and not facts.file_sha256:
            facts = replace(facts, file_sha256=self._find_hash(engine.reference))
        ids = (live.conversation_id, live.message_id)
        assert reply.stream is not None
        received = 0
        shifts: list[ContextShifted] = []
        for event in reply.stream:
            match event:
                case TextDelta(text, pieces):
                    received += pieces
                    live.add_text(text)
                    self._bus.publish(ReplyGrew(*ids, text=text))
                case ReasoningDelta(text, pieces):
                    received += pieces
                    live.add_reasoning(text)
                    self._bus.publish(ReplyGrew(*ids, reasoning=text))
                case PromptProgress(done, total):
                    self._bus.publish(ReplyProgress(*ids, done, total))
                case ContextShifted():
                    shifts.append(event)
                case Finished() | Failed():
                    end = event if isinstance(event, Finished) else Finished("stop", Usage(output_tokens=received))
                    seconds = time.monotonic() - reply.started
                    card = make_run_card(facts, options, end, seconds, before, unseen or describe_shift(shifts))
                    card = replace(card, sources=reply.sources)
                    return (
                        Outcome("failed", card, event.error) if isinstance(event, Failed) else Outcome(_STATES[end.reason], card)
                    )
        return Outcome("failed", error=EngineCrashed(reason="The reply ended without a word about why."))
