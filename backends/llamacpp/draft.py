"""A small model that guesses what a large one will say next: its own weights and cache, the same vocabulary."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from backends.backend import CancelCheck, ProgressCallback
from backends.llamacpp.batch import Batch
from backends.llamacpp.c_memory import floats_at
from backends.llamacpp.guess_account import GuessAccount
from backends.llamacpp.kv_cache import common_length
from backends.llamacpp.kv_types import can_hold, list_head_sizes
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel
from backends.llamacpp.precheck import check_files
from backends.llamacpp.reply import Reply
from backends.options import LoadOptions
from models.errors import DraftRefused

SURE_ENOUGH = 0.4
"""Probability below which a guess is not worth its place: it ends the guess."""
_CATCH_UP = 256
"""Tokens of a text that the draft reads before one step of the large model: about as long as the user may wait for a token."""
_SIZE_TOLERANCE = 128
"""Unused entries by which vocabularies of one family differ."""


def surest(logits: Any) -> int | None:
    """The likeliest token by a row of logits (numpy); None where none is likely enough to be guessed."""
    best = int(logits.argmax())
    probability = 1.0 / float(numpy.exp(logits - logits[best]).sum())
    return best if probability >= SURE_ENOUGH else None


class DraftModel:
    """Guesses for one reply at a time. The text stays the same: the large model computes a guess and its sampler decides.

    Source: https://arxiv.org/abs/2211.17192; what is verified here is the sampler's own draw, which keeps the distribution exactly.
    A draft that does not pay slows nothing down by more than :class:`GuessAccount` allows.

    Raises:
        DraftRefused: another vocabulary, or a network that cannot step back.
        UserFacingError: as for :meth:`backends.backend.Backend.load`.
    """

    def __init__(self, library: NativeLibrary, options: LoadOptions, target: NativeModel, progress: ProgressCallback) -> None:
        path = options.draft_model
        header = check_files(path)[0]
        length = target.context_length
        # The type was chosen for the large model; what the draft keeps in another one changes no text.
        kv_type = options.kv_type if can_hold(options.kv_type, list_head_sizes(header.of_architecture)) else "f16"
        own = replace(options, parallel=1, kv_unified=True, context_length=length, adapters=(), draft_model="", lookup_tokens=0)
        own = replace(own, kv_type=kv_type)
        self.model = NativeModel(library, path, own, progress)
        self._api = self.model.api
        try:
            self._check(target)
        except DraftRefused:
            self.model.close()
            raise
        self._batch = Batch(self._api, self.model.batch_size, self.model.sequences)
        self._memory = self._api.llama_get_memory(self.model.context)
        self._held: list[int] = []
        self.account = GuessAccount(options.draft_tokens)
        self._is_cancelled: CancelCheck = lambda: False
        self._abort = self._api.ggml_abort_callback(lambda _data: self._is_cancelled())
        self._no_abort = self._api.ggml_abort_callback()
        self._can_abort = False

    def guess(self, tokens: Sequence[int], room: int, plain_seconds: float, is_cancelled: CancelCheck) -> list[int]:
        """Tokens that may follow, ``room`` at most; none while it does not pay, or while the draft still reads the text."""
        if room < 1 or not self.account.may_spend(plain_seconds):
            return []
        started = time.perf_counter()
        self._is_cancelled = is_cancelled
        guess = self._guess(tokens, min(self.account.length, room)) if self._catch_up(tokens) else []
        self.account.spend(time.perf_counter() - started)
        return guess

    def watch(self, reply: Reply, start: int, count: int) -> None:
        """A draft reads the text itself, so what the model computes is nothing to it."""

    def note(self, drafted: int, accepted: int, seconds: float, plain_seconds: float) -> None:
        """A step took ``seconds`` beside what :meth:`guess` took before it; without a guess it takes ``plain_seconds``."""
        self.account.note(drafted, accepted, seconds, plain_seconds)

    def close(self) -> None:
        """Free it. Safe to call twice."""
        self.model.close()

    def _check(self, target: NativeModel) -> None:
        name, large, small = Path(self.model.path).name, target.tokenizer, self.model.tokenizer
        facts = {"file": name, "model": Path(target.path).name}
        if not self.model.can_rewind:
            raise DraftRefused(**facts, reason="Its network cannot take back a wrong guess.")
        if not target.most_guesses:
            raise DraftRefused(**facts, reason="The network of the model it would guess for cannot take back a wrong guess.")
        same_kind = (large.kind, large.begin, large.end, large.adds_begin) == (
            small.kind,
            small.begin,
            small.end,
            small.adds_begin,
        )
        common = min(large.size, small.size)
        if not same_kind or abs(large.size - small.size) > _SIZE_TOLERANCE:
            raise DraftRefused(**facts, reason="The two have different vocabularies.")
        if different := next((token for token in range(common) if large.bytes_of(token) != small.bytes_of(token)), None):
            raise DraftRefused(**facts, reason=f"The two have different vocabularies: token {different} is not the same.")
        self._common = common

    def _catch_up(self, tokens: Sequence[int]) -> bool:
        """Read what is new of a text, a piece at a time; true once the next token can be guessed."""
        if max(tokens[len(self._held) :], default=0) >= self._common:
            return False
        common = common_length(self._held, tokens, len(tokens) - 1)
        if common < len(self._held):
            self._cut(common)
        missing = list(tokens[len(self._held) : len(self._held) + _CATCH_UP])
        for start in range(0, len(missing), self._batch.size):
            if not self._read(missing[start : start + self._batch.size]):
                return False
        return len(self._held) == len(tokens)

    def _guess(self, tokens: Sequence[int], most: int) -> list[int]:
        guess: list[int] = []
        while True:
            pointer = self._api.llama_get_logits_ith(self.model.context, -1)
            if not pointer:
                return guess
            best = surest(floats_at(pointer, self.model.tokenizer.size)[: self._common])
            if best is None or self.model.tokenizer.is_end(best):
                return guess
            guess.append(best)
            if len(guess) >= most or len(tokens) + len(guess) >= self.model.context_length or not self._read([best]):
                return guess

    def _read(self, tokens: list[int]) -> bool:
        """Put tokens into the draft's cache; false where it was interrupted or has no room, and then it is empty."""
        if (
            can_abort := len(tokens) > 1
        ) != self._can_abort:  # for one token, asking at every node would cost more than the token
            self._can_abort = can_abort
            self._api.llama_set_abort_callback(self.model.context, self._abort if can_abort else self._no_abort, None)
        self._batch.clear()
        self._batch.add(0, len(self._held), tokens, 1)
        if self._api.llama_decode(self.model.context, self._batch.as_struct()):
            self._cut(0)
            return False
        self._held.extend(tokens)
        return True

    def _cut(self, length: int) -> None:
        if not length or not self._api.llama_memory_seq_rm(self._memory, 0, length, -1):
            self._api.llama_memory_seq_rm(self._memory, 0, -1, -1)
            length = 0
        del self._held[length:]
