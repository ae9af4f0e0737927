"""Continuous batching on torch: a token for every reply that is written and a piece of a prompt go through the network together."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.events import Failed, FinishReason, GenerationEvent
from backends.llamacpp.eyes import Eyes
from backends.llamacpp.projector import MediaChunk
from backends.llamacpp.shifting import describe_cut, find_cut, keep_media_whole
from backends.llamacpp.waiting_room import is_being_read
from backends.media_tokens import count_gap
from backends.torch_transformers.attention import Span, compute
from backends.torch_transformers.failures import explain_failure
from backends.torch_transformers.reply import Sequence, TorchReply
from backends.torch_transformers.sequences import Sequences
from models.errors import EngineBusy, UserFacingError

_CHUNK_SECONDS = 0.12
"""How long a step with a piece of a prompt may take: a cancel waits for its end."""
_FIRST_CHUNK, _SMALLEST_CHUNK = 64, 16
_PATIENCE = 0.02
_MOST_LOGITS = 16 * 1024 * 1024


@dataclass(slots=True)
class _Part:
    """A reply's share of a step: its tokens, and how many rows of logits it gets."""

    reply: TorchReply
    tokens: list[int]
    outputs: int
    row: int = 0
    embeddings: Any = None
    chunk: MediaChunk | None = None


class Scheduler:
    """Requests in, events out, one :meth:`step` at a time, from one thread. ``device`` is torch's name of it.

    Requests are admitted in order while fewer than ``parallel`` have a place. A piece of a prompt goes to the request that waits
    longest; how long it may be is learned from how long the last one took.
    """

    def __init__(
        self,
        model: Any,
        device: str,
        path: str,
        context_length: int,
        *,
        parallel: int,
        waiting_limit: int,
        batch_size: int,
        eyes: Eyes | None = None,
    ) -> None:
        self._model, self._device, self._name = model, device, Path(path).name
        self._vocabulary = int(model.config.get_text_config().vocab_size)
        self._parallel, self._waiting_limit = parallel, waiting_limit
        self.cache = Sequences(2 * parallel, context_length * parallel)
        self._eyes = eyes
        self._waiting: deque[TorchReply] = deque()
        self._active: list[TorchReply] = []
        self._events: list[tuple[int, GenerationEvent]] = []
        self._largest = max(_SMALLEST_CHUNK, batch_size)
        self._chunk = min(_FIRST_CHUNK, self._largest)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do."""
        return not (self._waiting or self._active)

    def submit(self, reply: TorchReply) -> None:
        """Queue a request.

        Raises:
            EngineBusy: as many as may wait are waiting.
        """
        if len(self._waiting) >= self._waiting_limit:
            raise EngineBusy(waiting=len(self._waiting))
        self._waiting.append(reply)

    def step(self) -> list[tuple[int, GenerationEvent]]:
        """Advance every request; what they say, each with the id of its request."""
        for reply in [reply for reply in (*self._active, *self._waiting) if reply.is_cancelled()]:
            self._finish(reply, "cancelled")
        self._admit()
        for reply in self._active:
            if reply.must_shift:
                self._shift(reply)
        if parts := self._choose_parts():
            self._compute(parts)
        elif self._active and self._eyes is not None:
            self._eyes.wait_a_moment()
        for reply in self._active:
            self._collect(reply)
        events, self._events = self._events, []
        return events

    def forget(self, owner: str) -> None:
        """Keep nothing of an owner; what is being written for it goes on, and is not kept."""
        for reply in (*self._active, *self._waiting):
            if reply.owner == owner:
                reply.owner = ""
        self.cache.forget(owner)

    def drop_all(self) -> None:
        """Forget every request and every sequence without a word."""
        for reply in (*self._active, *self._waiting):
            reply.close()
        self._active.clear()
        self._waiting.clear()
        self._events.clear()
        self.cache.all.clear()

    def _admit(self) -> None:
        """Give places to those who wait, in order; one whose form is not compiled, or whose prompt another reads, lets others pass."""
        for reply in list(self._waiting):
            if len(self._active) >= self._parallel:
                return
            if not reply.tells_prompt and self._is_being_read(reply):
                continue
            try:
                if not reply.take_form():
                    continue
            except UserFacingError as error:
                self._fail(reply, error)
                continue
            self._waiting.remove(reply)
            slot: Any = self.cache.take(reply.tokens, reply.adapters, fresh=reply.tells_prompt)
            slot.owner = reply.owner
            reply.slot = slot
            self._active.append(reply)
            reply.begin()
        if self._waiting and not self._active:
            wait(
                [reply.form for reply in self._waiting if reply.form is not None],
                timeout=_PATIENCE,
                return_when="FIRST_COMPLETED",
            )

    def _is_being_read(self, reply: TorchReply) -> bool:
        """Whether a request with a place is reading a longer beginning of this prompt than any sequence holds."""
        return is_being_read(reply, self._active, lambda: self.cache.match(reply.tokens, reply.adapters)[1])

    def _choose_parts(self) -> list[_Part]:
        """One token for each reply that is written, and pieces of prompts, the longest waiting first."""
        parts = [_Part(reply, reply.tokens[-1:], 1) for reply in self._active if not reply.is_reading]
        room = self._chunk
        for reply in list(self._active):
            if not reply.is_reading or room <= 0:
                continue
            assert reply.slot is not None
            start = len(reply.slot.tokens)
            if reply.next_media(start) is not None:
                if (picture := self._look(reply, start)) is not None:
                    parts.append(picture)
                    room -= len(picture.tokens)
                continue
            count = min(room, reply.text_ahead)
            if reply.tells_prompt:
                count = min(count, max(1, _MOST_LOGITS // self._vocabulary))
            outputs = count if reply.tells_prompt else int(start + count == len(reply.tokens))
            parts.append(_Part(reply, reply.tokens[start : start + count], outputs))
            room -= count
        return [part for part in parts if part.reply in self._active]

    def _look(self, reply: TorchReply, start: int) -> _Part | None:
        """The picture that comes next in a prompt, whole; None while it is being looked at, or where it cannot be."""
        chunk = reply.next_media(start)
        assert chunk is not None and self._eyes is not None
        try:
            embeddings = self._eyes.see(chunk, reply.is_cancelled)
        except UserFacingError as error:
            self._fail(reply, error)
            return None
        for coming in reply.coming_media(start, 1):
            self._eyes.prepare(coming, reply.is_cancelled)
        if embeddings is None:
            return None
        is_last = start + len(chunk.tokens) == len(reply.tokens)
        return _Part(reply, chunk.tokens, int(is_last), embeddings=embeddings, chunk=chunk)

    def _compute(self, parts: list[_Part]) -> None:
        """One pass through the network, and what follows from it."""
        tokens: list[int] = []
        rows: list[int] = []
        spans: list[Span] = []
        for part in parts:
            sequence: Any = part.reply.slot
            tokens += part.tokens
            part.row = len(rows)
            rows += range(len(tokens) - part.outputs, len(tokens))
            spans.append(_make_span(part, sequence))
        started = time.perf_counter()
        try:
            logits, _ = compute(self._model, tokens, spans, rows or [len(tokens) - 1], self._device)
            found = logits.float().cpu().numpy()
        except (RuntimeError, MemoryError, IndexError) as error:
            self._recover(parts, explain_failure(error, self._name))
            return
        self._learn(len(tokens), time.perf_counter() - started, any(part.reply.is_reading for part in parts))
        for part in parts:
            self._accept(part, found)

    def _accept(self, part: _Part, logits: Any) -> None:
        reply, sequence = part.reply, part.reply.slot
        assert sequence is not None
        start = len(sequence.tokens)
        sequence.tokens.extend(part.tokens)
        reply.note_read()
        if not part.outputs:
            return
        reply.rows = logits[part.row : part.row + part.outputs]
        if reply.tells_prompt:
            reply.tell_prompt(0, start, part.outputs)
            if len(sequence.tokens) < len(reply.tokens):
                return
        try:
            reason = reply.choose(part.outputs - 1)
        except UserFacingError as error:
            self._fail(reply, error)
            return
        finally:
            reply.rows = None
        if reason is not None:
            self._finish(reply, reason)

    def _learn(self, count: int, seconds: float, was_reading: bool) -> None:
        """How many tokens of a prompt fit into the time that a step may take."""
        if was_reading and count >= _SMALLEST_CHUNK:
            fitting = int(count * _CHUNK_SECONDS / max(seconds, 1e-4))
            self._chunk = max(_SMALLEST_CHUNK, min(self._largest, 2 * self._chunk, fitting))

    def _recover(self, parts: list[_Part], error: UserFacingError) -> None:
        """Forget what nobody uses and try again later; where there is nothing to forget, those who computed fail."""
        if self.cache.evict_one():
            while self.cache.evict_one():
                pass
            self._chunk = max(_SMALLEST_CHUNK, self._chunk // 4)
            return
        for part in parts:
            self._fail(part.reply, error)

    def _shift(self, reply: TorchReply) -> None:
        """Forget the middle of a text whose context is full; what follows the gap is read anew."""
        sequence: Any = reply.slot
        start, count = find_cut(len(reply.tokens), reply.context_length, reply.kept_tokens)
        start, count = keep_media_whole(reply.tokens, start, count)
        count = min(count, len(sequence.tokens) - start)
        if count > 0:
            tokenizer: Any = reply.tokenizer
            reply.events.append(describe_cut(reply.tokens, start, count, tokenizer))
            sequence.trim(start)
            reply.leave_out(start, count)

    def _finish(self, reply: TorchReply, reason: FinishReason) -> None:
        reply.finish(reason)
        self._let_go(reply)

    def _fail(self, reply: TorchReply, error: UserFacingError) -> None:
        reply.events.append(Failed(error))
        self._let_go(reply)

    def _let_go(self, reply: TorchReply) -> None:
        """The request is over: its sequence is free, and what it said is collected."""
        self._collect(reply)
        sequence: Any = reply.slot
        reply.slot = None
        if isinstance(sequence, Sequence):
            self.cache.release(sequence)
        if reply in self._active:
            self._active.remove(reply)
        if reply in self._waiting:
            self._waiting.remove(reply)
        reply.close()

    def _collect(self, reply: TorchReply) -> None:
        self._events.extend(reply.take_events())


def _make_span(part: _Part, sequence: Sequence) -> Span:
    """A part as attention wants it."""
    chunk = part.chunk
    return Span(
        sequence.cache,
        len(part.tokens),
        part.embeddings,
        part.reply.adapters,
        sees_itself=chunk is not None and chunk.sees_itself,
        offsets=None if chunk is None else chunk.offsets,
        gap=count_gap(sequence.tokens) if part.reply.has_media else 0,
    )
