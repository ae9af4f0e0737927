"""A scheduler without the rest of the engine, and a plain loop of one sequence to compare it with."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from backends.events import Failed, Finished, GenerationEvent, PromptProgress
from backends.llamacpp import parking
from backends.llamacpp.batch import Batch
from backends.llamacpp.draft import DraftModel
from backends.llamacpp.extra_layers import ExtraLayers
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel
from backends.llamacpp.reply import Prompt, Reply
from backends.llamacpp.scheduler import Scheduler
from backends.llamacpp.speculation import Speculation
from backends.options import OWN_LAYERS, LoadOptions
from tests.backends.requests import make_options

CLOSE_CALL = 0.01
"""A first difference is allowed where the two best tokens are as near as that in log-probability: matrices round differently."""

FLASH_CALL = 0.02
"""The same with flash attention, which rounds to F16: with these random weights one in a few hundred replies differs by 0.011."""

NEVER = 1e9
"""Whether a change of the cache's layout pays depends on how fast the machine is: benches change it only where a test is about that."""


def take_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were no memory to spare for copies of sequences."""
    monkeypatch.setattr(parking, "free_memory", lambda: 1024**3)
    monkeypatch.setattr(parking, "_ASK_AGAIN", -1.0)


def open_model(path: Path, **options: object) -> NativeModel:
    return NativeModel(NativeLibrary(), str(path), LoadOptions(threads=1, **options), lambda fraction: True)  # type: ignore[arg-type]


class Bench:
    """One scheduler; tracks what every request said and checks the bookkeeping after every step."""

    def __init__(
        self,
        path: Path,
        *,
        parallel: int = 4,
        waiting_limit: int = 64,
        lookup_tokens: int = 0,
        draft_model: str = "",
        burst_seconds: float = 0.0,
        layout_worth: float = NEVER,
        beside: int = 0,
        **options: object,
    ) -> None:
        """With ``beside`` words are told by the engine's companion, and somebody comes or goes, or may, every so many steps."""
        self.model = open_model(path, parallel=parallel, lookup_tokens=lookup_tokens, draft_model=draft_model, **options)
        draft: DraftModel | ExtraLayers | None = None
        if draft_model == OWN_LAYERS:
            draft = ExtraLayers(self.model, LoadOptions(threads=1))
        elif draft_model:
            draft = DraftModel(NativeLibrary(), LoadOptions(threads=1, draft_model=draft_model), self.model, lambda _: True)
        speculation = Speculation(lookup_tokens, draft)
        self.scheduler = Scheduler(
            self.model,
            parallel=parallel,
            waiting_limit=waiting_limit,
            speculation=speculation,
            burst_seconds=burst_seconds,
            layout_worth=layout_worth,
        )
        self.events: dict[int, list[GenerationEvent]] = {}
        self.replies: dict[int, Reply] = {}
        self.decodes = 0
        self.told = 0
        """How often words were told by the companion."""
        if beside:
            self.scheduler.burst._long_step = 0.0
            looks = iter(range(1, 10**9))
            self.scheduler.burst.listen(self._hear, lambda: next(looks) % beside == 0)

    def _hear(self, pairs: Sequence[tuple[int, GenerationEvent]]) -> None:
        assert threading.current_thread().name == "companion"
        for number, event in pairs:
            self.events[number].append(event)
        self.told += not all(isinstance(event, PromptProgress) for _, event in pairs)

    def ask(
        self, tokens: Sequence[int], max_tokens: int, is_cancelled: Callable[[], bool] = lambda: False, **options: object
    ) -> int:
        number = len(self.replies)
        settings = make_options(max_tokens=max_tokens, **{"temperature": 0.0, **options})  # type: ignore[arg-type]
        reply = Reply(number, self.model, Prompt(list(tokens), (), None), settings, is_cancelled)
        self.scheduler.submit(reply)
        self.replies[number] = reply
        self.events[number] = []
        return number

    def step(self) -> None:
        """One step, and the one before it that only gives the first requests their places where nobody listens."""
        was_computing = self.scheduler.active_count
        self._step()
        if not was_computing and self.scheduler.active_count and self.scheduler.burst.tell is None:
            self._step()
        self.decodes += 1

    def _step(self) -> None:
        for number, event in self.scheduler.step():
            self.events[number].append(event)
        self.check()

    def run(self, limit: int = 2000) -> None:
        for _ in range(limit):
            if self.scheduler.is_idle:
                return
            self.step()
        raise AssertionError("it never ends")

    def check(self) -> None:
        cache = self.scheduler.cache
        for slot in cache.slots:
            last = len(slot.tokens) - 1
            expected = (
                0 if self.model.can_rewind and slot.tokens else last,
                last,
            )  # layers with a state know its last place only
            assert cache.positions(slot) == expected
            assert len(slot.cells) == len(slot.tokens)
        if self.model.is_unified:
            held = Counter(cell for slot in cache.slots for cell in slot.cells)
            assert len(held) == cache._held
            assert {cell: count for cell, count in held.items() if count > 1} == cache._shared
            assert cache.free >= 0

    def output(self, number: int) -> list[int]:
        reply = self.replies[number]
        return reply.tokens[reply.prompt_length :]

    def end(self, number: int) -> Finished | Failed:
        ends = [event for event in self.events[number] if isinstance(event, Finished | Failed)]
        assert len(ends) == 1
        assert self.events[number][-1] is ends[0]
        return ends[0]

    def usage(self, number: int) -> object:
        end = self.end(number)
        assert isinstance(end, Finished)
        return end.usage

    def reset(self) -> None:
        self.scheduler.drop_all()
        self.scheduler.cache.clear_all()
        self.scheduler.parking.clear()
        self.events.clear()
        self.replies.clear()
        self.decodes = self.told = 0

    def close(self) -> None:
        self.scheduler.close()
        self.model.close()


class Plain:
    """One sequence, one token at a time, straight on the C interface: what everything else must equal."""

    def __init__(self, path: Path, context_length: int = 4096, **options: object) -> None:
        self.model = open_model(path, parallel=1, context_length=context_length, **options)
        self._batch = Batch(self.model.api, self.model.batch_size, 2)
        self._known: dict[tuple[tuple[int, ...], int], list[tuple[int, float]]] = {}

    def say(self, prompt: Sequence[int], count: int) -> list[tuple[int, float]]:
        """Greedy tokens, each with the distance of the second best in log-probability; ends before an end token."""
        key = (tuple(prompt), count)
        if key not in self._known:
            self._known[key] = self._say(list(prompt), count)
        return self._known[key]

    def compare(self, prompt: Sequence[int], said: Sequence[int], *, whole: int = 0, close: float = CLOSE_CALL) -> None:
        """``said`` is what the plain loop says, up to a ``close`` call; with ``whole`` it is also as long as it should be."""
        expected = self.say(prompt, whole or len(said))
        for position, token in enumerate(said):
            if position >= len(expected) or token != expected[position][0]:
                margin = expected[position][1] if position < len(expected) else self._end_margin
                assert margin <= close, (position, list(said), expected)
                return
        if whole and len(said) < len(expected):
            assert expected[len(said)][1] <= close, (list(said), expected)

    def close(self) -> None:
        self.model.close()

    def _say(self, prompt: list[int], count: int) -> list[tuple[int, float]]:
        api, context = self.model.api, self.model.context
        api.llama_memory_clear(api.llama_get_memory(context), True)
        said: list[tuple[int, float]] = []
        held, tokens = 0, prompt
        while True:
            for start in range(0, len(tokens), self._batch.size):
                piece = tokens[start : start + self._batch.size]
                self._batch.clear()
                self._batch.add(0, held, piece, 1)
                assert api.llama_decode(context, self._batch.as_struct()) == 0
                held += len(piece)
            size = self.model.tokenizer.size
            logits = np.ctypeslib.as_array(api.llama_get_logits_ith(context, -1), (size,)).astype(np.float64)
            best = int(logits.argmax())
            second = np.partition(logits, -2)[-2]
            margin = float(logits[best] - second)  # the same distance as between log-probabilities
            if self.model.tokenizer.is_end(best) or len(said) == count:
                self._end_margin = margin
                return said
            said.append((best, margin))
            tokens = [best]
