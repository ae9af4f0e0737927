"""Continuous batching: many requests advance together, one decode at a time, prompts in chunks beside tokens."""

from __future__ import annotations

import time
from pathlib import Path

from backends.events import Failed, FinishReason, GenerationEvent
from backends.llamacpp.adapter_turns import AdapterTurns
from backends.llamacpp.archive import Archive
from backends.llamacpp.batch import Batch
from backends.llamacpp.burst import BURST_SECONDS, Burst
from backends.llamacpp.eyes import Eyes
from backends.llamacpp.filling import Filling
from backends.llamacpp.interrupt import Interrupt
from backends.llamacpp.keeper import Keeper
from backends.llamacpp.layout import LAYOUT_WORTH, Layout
from backends.llamacpp.media_reader import MediaReader, MediaStep
from backends.llamacpp.model import NativeModel
from backends.llamacpp.opening import Opening
from backends.llamacpp.pace import Pace
from backends.llamacpp.parking import Parking
from backends.llamacpp.part import Part
from backends.llamacpp.reply import Reply
from backends.llamacpp.shifting import shift
from backends.llamacpp.speculation import Speculation
from backends.llamacpp.waiting_room import WaitingRoom
from models.errors import EngineBusy, GenerationFailed, OutOfMemory, UserFacingError

_NO_ROOM, _ABORTED = 1, 2


class Scheduler:
    """Requests in, events out, one :meth:`step` at a time, from one thread.

    A step decodes one token for every reply that is being written and fills the batch with pieces of prompts: half of it for the
    request that waits longest, the rest for those that need least. Requests are admitted in order while there is a free sequence
    and room for their prompt. Where room ends, idle sequences are forgotten, then the youngest reply gives up its place and
    continues later, with the same text.
    """

    def __init__(
        self,
        model: NativeModel,
        *,
        parallel: int,
        waiting_limit: int,
        speculation: Speculation | None = None,
        archive: Archive | None = None,
        eyes: Eyes | None = None,
        burst_seconds: float = BURST_SECONDS,
        layout_worth: float = LAYOUT_WORTH,
    ) -> None:
        self._model = model
        self._name = Path(model.path).name
        self._parallel = parallel
        self._waiting_limit = waiting_limit
        self._turns = AdapterTurns(model)
        self._speculation = speculation or Speculation(0, None)
        self._archive = archive
        self.cache = model.make_cache()
        self.parking = Parking(self.cache, can_park=model.can_park)
        self._keeper = Keeper(archive, self.cache, self.parking, model.adapters.usual) if archive is not None else None
        self._batch = Batch(model.api, model.batch_size, model.sequences)
        self._pace = Pace(self._batch.size)
        self._filling = Filling(model, self._batch, self.cache, self._turns, self._pace, self._speculation)
        self.burst = Burst(model, self._batch, self.cache, burst_seconds)
        self._waiting = WaitingRoom(self.cache, self.parking, archive)
        self._active: list[Reply] = []
        self._events: list[tuple[int, GenerationEvent]] = []
        self._computing: list[Reply] = []
        self.interrupt = Interrupt(model.api, model.context, self._should_abort)
        self._opening = Opening(self.burst, self.interrupt)
        self._layout = Layout(model, self.cache, self.parking, self.interrupt.attach, worth=layout_worth)
        self._eyes = eyes
        self._media = MediaReader(model, eyes, self.interrupt) if eyes is not None else None
        self._right_guesses, self._is_crowded, self._has_begun = 0, False, False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do."""
        return not (len(self._waiting) or self._active)

    @property
    def computes_long(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        reads = any(reply.is_reading for reply in self._active)
        return bool(self._active) and (self._has_begun if reads else self._pace.writes_long)

    @property
    def active_count(self) -> int:
        """Requests that have a place."""
        return len(self._active)

    def submit(self, reply: Reply) -> None:
        """Queue a request.

        Raises:
            EngineBusy: as many as may wait are waiting.
        """
        if len(self._waiting) >= self._waiting_limit:
            raise EngineBusy(waiting=len(self._waiting))
        self._waiting.add(reply)

    def step(self) -> list[tuple[int, GenerationEvent]]:
        """Advance every request by one decode; what they say, each with the id of its request.

        Where the first requests were given places who asked hears it at once and prepares what comes next while the prompts are read:
        it is told beside the decode, or, where that may not be, the step is only that.
        """
        self._drop_cancelled()
        was_computing = bool(self._active)
        self._admit()
        self._layout.review(self._active)
        self._has_begun = not was_computing and any(reply.events for reply in self._active)
        if self._active and (not self._has_begun or self._opening.may_tell) and not self._write_on():
            for reply in self._active:
                if reply.must_shift:
                    shift(reply, self.cache)
            self._make_room()
            parts = self._filling.fill(self._active)
            if parts:
                self._compute(parts)
            if not self._read_media() and not parts and self._eyes is not None:
                self._eyes.wait_a_moment()
        for reply in self._active:
            self._collect(reply)
        if not self._active:
            self.interrupt.rest()
        events, self._events = self._events, []
        return events

    def rest(self, *, is_final: bool = False) -> bool:
        """Save a sequence that is not on disk yet; false where there is none. Called when nothing happens for a while, and at the end."""
        return self._keeper is not None and self._keeper.keep_one(is_final=is_final)

    def forget(self, owner: str) -> None:
        """Keep nothing of an owner; what is being written for it goes on, and is not kept."""
        for reply in (*self._active, *self._waiting):
            if reply.owner == owner:
                reply.owner = ""
        self.cache.forget(owner)
        self.parking.forget(owner)
        if self._archive is not None:
            self._archive.forget(owner)

    def close(self) -> None:
        """Drop every request, and wait for what was being read for them. Safe to call twice."""
        self.drop_all()
        self._waiting.close()
        self.burst.close()
        self._speculation.close()
        self.interrupt.close()
        if self._eyes is not None:
            self._eyes.close()

    def drop_all(self) -> None:
        """Forget every request without a word."""
        for reply in (*self._active, *self._waiting):
            reply.close()
            if reply.slot is not None:
                self.cache.release(reply.slot)
        self._active.clear()
        self._waiting.clear()
        self._events.clear()

    def _drop_cancelled(self) -> None:
        for reply in [reply for reply in (*self._active, *self._waiting) if reply.is_cancelled()]:
            self._finish(reply, "cancelled")

    def _admit(self) -> None:
        """Give places to those who wait, in order; one that is not prepared, or would read what another is reading, lets others pass."""
        unprepared = 0
        for reply in () if self._is_crowded else self._waiting:
            if len(self._active) + unprepared >= self._parallel:
                return
            if not reply.tells_prompt and self._waiting.is_being_read(reply, self._active):
                continue
            try:
                if not self._waiting.is_prepared(reply):
                    unprepared += 1
                    continue
            except UserFacingError as error:
                self._fail(reply, error)
                continue
            self._layout.welcome(reply, self._active)
            reserved = sum(other.pending for other in self._active)
            self._waiting.put_recalled(reply, reserved)
            self.parking.make_way(() if reply.tells_prompt else reply.tokens, reserved, reply.adapters)
            slot = self.cache.take(reply.tokens, reserved, force=not self._active, adapters=reply.adapters)
            if slot is None:
                self._is_crowded = True  # until something ends
                return
            self._waiting.remove(reply)
            self._active.append(reply)
            if reply.tells_prompt:
                self.cache.clear(slot)  # every token of the prompt must be computed to say how likely it was
            reply.slot, slot.owner = slot, reply.owner
            reply.begin()
            self.parking.clear_away()
        if unprepared and not self._active:
            self._waiting.wait_a_moment()

    def _make_room(self) -> None:
        """See that every reply can put its next token somewhere."""
        while True:
            writers = sum(1 for reply in self._active if not reply.is_reading)
            if self.cache.free >= writers + (writers < len(self._active)):
                return
            if not self.cache.evict_one() and not self._preempt():
                return

    def _preempt(self) -> bool:
        """Take the place of the youngest reply; it waits at the front. False where only one is left."""
        if len(self._active) < 2:
            return False
        reply = self._active.pop()
        assert reply.slot is not None
        self._collect(reply)
        self.cache.release(reply.slot)
        self.cache.clear(reply.slot)
        reply.slot = None
        self._waiting.add(reply, first=True)
        self._is_crowded = True
        return True

    def _write_on(self) -> bool:
        """Let all write several tokens where nobody can join them meanwhile; false, and nothing done, where that is not so."""
        is_open = len(self._waiting) and not self._is_crowded and len(self._active) < self._parallel
        if is_open or not self.burst.may_begin(self._active) or not self._speculation.rests(self._active):
            return False
        if len(self._turns.choose(self._active)) < len(self._active):
            return False
        self._computing = sorted(self._active, key=lambda reply: reply.place)
        self.interrupt.begin()
        result, over = self.burst.run(self._computing, may_last=not (self._events or self._speculation.watches(self._active)))
        self._pace.note_burst(self.burst.seconds, self.burst.steps, len(self._computing))
        if len(self._computing) == 1 and self.burst.steps:
            self._speculation.note_burst(self.burst.seconds, self.burst.steps)
        for reply, error in self.burst.failed:
            self._fail(reply, error)
        for reply, reason in over:
            self._finish(reply, reason)
        if result:
            self._deal_with(result, [self._filling.add_alone(reply) for reply in self._active])
        return True

    def _read_media(self) -> bool:
        """Put one picture or sound that was looked at into the cache; false where there is none."""
        if self._media is None:
            return False
        self._computing = [reply for reply in self._active if reply.has_media]
        step = self._media.read_one(self._turns.choose(self._computing)) if self._computing else None
        if step is not None:
            self._settle(step)
        return step is not None

    def _settle(self, step: MediaStep) -> None:
        """Note what became of a medium: nothing of it stays unless all of it is there."""
        part = step.part
        assert part.reply.slot is not None
        if step.error is not None:
            self._fail(part.reply, step.error)
        elif step.code == 0:
            self._accept([part])
        else:
            self.cache.undo(part.reply.slot)
            if step.code == _ABORTED:
                self._drop_cancelled()
            elif step.code != _NO_ROOM or not (self.cache.evict_one() or self._preempt()):
                reason = f"The engine could not take in a picture or a sound (code {step.code})."
                self._start_afresh([part], GenerationFailed(reason=reason))

    def _compute(self, parts: list[Part]) -> None:
        """Decode the batch and deal with what became of it."""
        reads, self._computing = any(part.reply.is_reading for part in parts), [part.reply for part in parts]
        newcomers, self._has_begun = self._active if self._has_begun else (), False
        started = time.perf_counter()
        self._opening.begin(parts, newcomers)
        try:
            result = self._batch.compute(self._model.api.llama_decode, self._model.context)
        finally:
            self._opening.end()
        if result == 0:
            if len(parts) == 1 and (slot := parts[0].reply.slot) is not None:
                self._speculation.watch(parts[0].reply, slot.position, len(parts[0].tokens))
            self._accept(parts)
            seconds = max(time.perf_counter() - started, 1e-6)
            self._pace.note(self._batch.count, seconds, reads=reads)
            if not reads and len(parts) == 1:
                self._speculation.note(parts[0].reply, parts[0].guesses, self._right_guesses, seconds)
            if not reads and self._model.threads is not None and not parts[0].guesses:
                self._model.threads.note(seconds, len(parts))
        else:
            self._deal_with(result, parts)

    def _deal_with(self, result: int, parts: list[Part]) -> None:
        """A decode failed, or was interrupted."""
        if result == _ABORTED or (result == _NO_ROOM and self._batch.cut):
            self._take_stock(parts)
        if result == _NO_ROOM:
            self._recover_room(parts)
        elif result != _ABORTED:
            self._start_afresh(parts, GenerationFailed(reason=f"The engine could not compute the next step (code {result})."))

    def _accept(self, parts: list[Part]) -> None:
        """Note what the cache now holds, and let those choose who have logits."""
        for part in parts:
            assert part.reply.slot is not None
            self.cache.extend(part.reply.slot, part.tokens)
        for part in parts:
            part.reply.note_read()
            if part.reply.tells_prompt:
                part = part.tell_prompt()
            if part.outputs:
                try:
                    reason = self._choose(part)
                except UserFacingError as error:
                    self._fail(part.reply, error)
                    continue
                if reason is not None:
                    self._finish(part.reply, reason)

    def _choose(self, part: Part) -> FinishReason | None:
        """One token, and after it as many more as were guessed right; wrong guesses leave the cache."""
        reply, slot = part.reply, part.reply.slot
        assert slot is not None
        first = len(slot.tokens) - part.guesses
        self._right_guesses = 0
        try:
            for index in range(part.outputs):
                reason = reply.choose(part.row + index)
                if reason is not None or index == part.guesses or reply.tokens[-1] != slot.tokens[first + index]:
                    return reason
                self._right_guesses += 1
            return None
        finally:
            self.cache.take_back(slot, first + self._right_guesses)

    def _take_stock(self, parts: list[Part]) -> None:
        """A request was cancelled in the middle of a decode: what was finished stays, and who lost logits reads a token anew."""
        for part in parts:
            slot = part.reply.slot
            assert slot is not None
            self.cache.take_stock(slot, part.tokens)
            self.cache.trim(slot, len(part.reply.tokens) - 1)
        self._drop_cancelled()

    def _recover_room(self, parts: list[Part]) -> None:
        """The cache had no room although the count said so: its layout is not that of one cell a token."""
        if self.cache.evict_one() or self._preempt():
            return
        if max(len(part.tokens) for part in parts) > 1:
            self._pace.halve(self._batch.count)
            return
        self._start_afresh(parts, OutOfMemory(model=self._name, reason="The KV cache has no room left."))

    def _start_afresh(self, parts: list[Part], error: UserFacingError) -> None:
        """Fail those who computed; the others read again from an empty cache."""
        for part in parts:
            self._fail(part.reply, error)
        while self._active:
            reply = self._active.pop()
            assert reply.slot is not None
            self.cache.release(reply.slot)
            reply.slot = None
            self._waiting.add(reply, first=True)
        self.cache.clear_all()

    def _finish(self, reply: Reply, reason: FinishReason) -> None:
        reply.finish(reason)
        self._let_go(reply)

    def _fail(self, reply: Reply, error: UserFacingError) -> None:
        reply.events.append(Failed(error))
        self._let_go(reply)

    def _let_go(self, reply: Reply) -> None:
        """The request is over: its place is free, and what it said is collected."""
        self._collect(reply)
        if reply.slot is not None:
            self.cache.release(reply.slot)
            reply.slot = None
        if not self._waiting.remove(reply) and reply in self._active:
            self._active.remove(reply)
        reply.close()
        self._is_crowded = False

    def _collect(self, reply: Reply) -> None:
        self._events.extend(reply.take_events())

    def _should_abort(self) -> bool:
        # Layers with a state would lose all that the others have read.
        enough = any if self.cache.can_rewind else all
        return enough(reply.is_cancelled() for reply in self._computing)
