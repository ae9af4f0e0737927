"""Several tokens in one go for replies that only write: a small model's step is as short as Python's work between two of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from backends.events import FinishReason
from backends.llamacpp.batch import Batch
from backends.llamacpp.kv_cache import KvCache
from backends.llamacpp.model import NativeModel
from backends.llamacpp.reply import Reply
from models.errors import UserFacingError

BURST_SECONDS = 0.012
"""How long at most: as long as the sender waits for company anyway, so that nobody sees a word later."""


class Burst:
    """Writes on for all active replies at once until the time is over or one of them ends; bookkeeping and text come after.

    Between two decodes Python's own work costs twice what it costs in a tight loop, because the model's weights have driven it out of
    the processor's caches. ``seconds`` 0 never begins.
    """

    def __init__(self, model: NativeModel, batch: Batch, cache: KvCache, seconds: float = BURST_SECONDS) -> None:
        self._model = model
        self._api: Any = model.api
        self._batch = batch
        self._cache = cache
        self._seconds = seconds
        self.steps = 0
        self.seconds = 0.0
        """How many steps of the last burst were finished, and how long they took together."""
        self.failed: list[tuple[Reply, UserFacingError]] = []
        """Replies of the last burst that could choose nothing, and why."""

    def may_begin(self, replies: Sequence[Reply]) -> bool:
        """Whether all of them only write, and nothing needs a look at every single token."""
        threads = self._model.threads
        if not replies or not self._seconds or not (threads is None or threads.chosen):
            return False
        return self._cache.free >= len(replies) and all(reply.writes_freely for reply in replies)

    def run(self, replies: Sequence[Reply]) -> tuple[int, list[tuple[Reply, FinishReason]]]:
        """Write on; what the last decode returned, and who is done and why. Where it failed, what came before it stands."""
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
        steps = result = 0
        self.failed = []
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
            if self.failed or True in ended or time.perf_counter() - started >= self._seconds:
                break
        self.steps, self.seconds = steps, time.perf_counter() - started
        return result, self._note(replies, chosen, ended, steps)

    def _note(
        self, replies: Sequence[Reply], chosen: list[list[int]], ended: list[bool], steps: int
    ) -> list[tuple[Reply, FinishReason]]:
        over: list[tuple[Reply, FinishReason]] = []
        for reply, tokens, is_ended in zip(replies, chosen, ended, strict=True):
            assert reply.slot is not None
            self._cache.extend(reply.slot, tokens[:steps])
            reason = reply.write(tokens[1:], is_ended=is_ended)
            if reason is not None and all(reply is not failed for failed, _ in self.failed):
                over.append((reply, reason))
        return over
