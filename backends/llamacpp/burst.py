"""Several tokens in one go for replies that only write, so that between two decodes Python has next to nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from backends.backend import Tell
from backends.events import FinishReason
from backends.llamacpp.batch import Batch
from backends.llamacpp.companion import Companion
from backends.llamacpp.kv_cache import KvCache
from backends.llamacpp.model import NativeModel
from backends.llamacpp.pace import LONG_SECONDS
from backends.llamacpp.reply import Reply
from models.errors import UserFacingError

BURST_SECONDS = 0.012
"""How long at most: as long as the sender waits for company anyway, so that nobody sees a word later."""
_LONGEST = 0.5
"""Seconds after which a burst ends although nobody came: some of what is looked after between two steps is due by the clock."""


class Burst:
    """Writes on for all active replies at once until the time is over or one of them ends; bookkeeping and text come after.

    Between two decodes Python's own work costs twice what it costs in a tight loop, because the model's weights have driven it out of
    the processor's caches. ``seconds`` 0 never begins.

    Where somebody listens and steps are long, it goes on for half a second, or until somebody comes or goes: a companion keeps the books
    of each step and tells its words while the next one is computed. Nothing but choosing the tokens stands between two decodes then.
    """

    def __init__(self, model: NativeModel, batch: Batch, cache: KvCache, seconds: float = BURST_SECONDS) -> None:
        self._model = model
        self._api: Any = model.api
        self._batch = batch
        self._cache = cache
        self._seconds = seconds
        self._long_step = LONG_SECONDS
        self.companion = Companion()
        self.tell: Tell | None = None
        self.has_news: Callable[[], bool] = bool
        """What :meth:`listen` was given."""
        self.steps = 0
        self.seconds = 0.0
        """How many steps of the last burst were finished, and how long they took together."""
        self.failed: list[tuple[Reply, UserFacingError]] = []
        """Replies of the last burst that could choose nothing, and why."""

    def listen(self, tell: Tell, has_news: Callable[[], bool]) -> None:
        """Have words told with ``tell``, in another thread, beside long steps, until ``has_news`` says that somebody came or goes."""
        self.tell, self.has_news = tell, has_news

    def may_begin(self, replies: Sequence[Reply]) -> bool:
        """Whether all of them only write, and nothing needs a look at every single token."""
        threads = self._model.threads
        if not replies or not self._seconds or not (threads is None or threads.chosen):
            return False
        return self._cache.free >= len(replies) and all(reply.writes_freely for reply in replies)

    def run(self, replies: Sequence[Reply], *, may_last: bool = False) -> tuple[int, list[tuple[Reply, FinishReason]]]:
        """Write on; what the last decode returned, and who is done and why. Where it failed, what came before it stands.

        ``may_last`` lets it go on after its usual time, its words told beside.
        """
        started = time.perf_counter()
        decode, context = self._api.llama_decode, self._model.context
        ends = self._model.tokenizer.is_end
        most = min(self._cache.free // len(replies), *(reply.room_to_write for reply in replies))
        most = min(most, *(self._cache.left_for(reply.slot) for reply in replies if reply.slot is not None))
        chosen = [[reply.tokens[-1]] for reply in replies]
        ended = [False] * len(replies)
        self._batch.clear()
        for reply in replies:
            assert reply.slot is not None
            self._batch.add(reply.slot.id, reply.slot.position, (reply.tokens[-1],), 1)
        batch, go_on = self._batch.as_struct(), self._batch.go_on
        rows = [(number, reply.picker, chosen[number]) for number, reply in enumerate(replies)]
        tell = self.tell if may_last else None
        steps = noted = result = 0
        self.failed = []
        try:
            while steps < most:
                result = int(decode(context, batch))
                if result:
                    break
                steps += 1
                for number, pick, tokens in rows:
                    try:
                        token = pick(context, number)
                    except UserFacingError as error:
                        self.failed.append((replies[number], error))
                        continue
                    if ends(token):
                        ended[number] = True
                    else:
                        tokens.append(token)
                        go_on(number, token)
                if self.failed or True in ended:
                    break
                seconds = time.perf_counter() - started
                if tell is not None and seconds >= self._long_step * steps:
                    if self.has_news() or seconds >= _LONGEST:
                        break
                    if steps < most:
                        self.companion.begin(partial(self._note_beside, tell, replies, chosen, noted, steps))
                        noted = steps
                elif seconds >= self._seconds:
                    break
        finally:
            self.companion.wait()
        self.steps, self.seconds = steps, time.perf_counter() - started
        return result, self._note(replies, chosen, ended, noted, steps)

    def close(self) -> None:
        """End the companion. Safe to call twice."""
        self.companion.close()

    def _note_beside(self, tell: Tell, replies: Sequence[Reply], chosen: list[list[int]], first: int, end: int) -> None:
        """Keep the books of steps after which more is to come, and tell their words."""
        self._note(replies, chosen, [False] * len(replies), first, end)
        tell([pair for reply in replies for pair in reply.take_events()])

    def _note(
        self, replies: Sequence[Reply], chosen: list[list[int]], ended: list[bool], first: int, end: int
    ) -> list[tuple[Reply, FinishReason]]:
        """Keep the books of the steps from ``first`` up to ``end``, and say their words; who is over, and why."""
        over: list[tuple[Reply, FinishReason]] = []
        for reply, tokens, is_ended in zip(replies, chosen, ended, strict=True):
            assert reply.slot is not None
            self._cache.extend(reply.slot, tokens[first:end])
            reason = reply.write(tokens[first + 1 : end + 1], is_ended=is_ended)
            if reason is not None and all(reply is not failed for failed, _ in self.failed):
                over.append((reply, reason))
        return over
