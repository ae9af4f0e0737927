"""One sequence in one context: reads prompts in chunks, keeps what the KV cache knows, and generates token by token."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.llamacpp.model import NativeModel
from models.errors import DamagedModelFile, GenerationFailed, OutOfMemory

_CHUNK_SECONDS = 0.15
"""How often prompt progress is told: chunks are sized to take about this long."""
_FIRST_CHUNK = 256
_SLOW_DECODE_SECONDS = 0.05
"""A token that takes longer is decoded under the abort callback too; for faster ones it would cost more than it saves."""


@dataclass(frozen=True, slots=True)
class PromptRead:
    """``done`` of ``total`` prompt tokens are in the cache, ``cached`` of them were there before."""

    done: int
    total: int
    cached: int


class Cancelled(Exception):
    """The request was cancelled; the cache holds exactly what was finished."""


class CachedSequence:
    """The one sequence of a context, with the tokens that its KV cache holds.

    ``tokens`` always equals the cache, also after a cancel in the middle of a chunk, so that the next prompt may reuse any
    beginning of it. One thread at a time.
    """

    def __init__(self, model: NativeModel) -> None:
        self._api = model.api
        self._context = model.context
        self._memory = model.api.llama_get_memory(model.context)
        self._name = Path(model.path).name
        self._vocabulary_size = model.tokenizer.size
        self._capacity = model.context_length
        self._batch = _Batch(model.api, model.batch_size)
        self._is_cancelled: Callable[[], bool] = _never
        self._abort = model.api.ggml_abort_callback(self._should_abort)
        self._no_abort = model.api.ggml_abort_callback()
        self._token_seconds = 0.0
        self.tokens: list[int] = []

    def read_prompt(self, prompt: Sequence[int], is_cancelled: Callable[[], bool]) -> Iterator[PromptRead]:
        """Bring the cache to hold ``prompt``, reading only what differs; the logits of its last token are then ready.

        Raises:
            Cancelled: within one graph node of being asked on CPU and Metal, one small chunk elsewhere.
            GenerationFailed: the engine refused.
            DamagedModelFile: the weights compute no numbers.
        """
        kept = self._keep_common_beginning(prompt)
        yield PromptRead(kept, len(prompt), kept)
        done, size = kept, min(_FIRST_CHUNK, self._batch.size)
        while done < len(prompt):
            chunk = prompt[done : done + size]
            started = time.perf_counter()
            self._decode(chunk, is_last=done + len(chunk) == len(prompt), is_cancelled=is_cancelled, can_abort=True)
            done += len(chunk)
            rate = len(chunk) / max(time.perf_counter() - started, 1e-6)
            size = min(self._batch.size, max(32, int(rate * _CHUNK_SECONDS)))
            yield PromptRead(done, len(prompt), kept)
        self._check_numbers()

    def extend(self, token: int, is_cancelled: Callable[[], bool]) -> None:
        """Add one generated token and compute the logits after it.

        Raises:
            Cancelled: as for a prompt.
            GenerationFailed: the engine refused.
        """
        if is_cancelled():
            raise Cancelled
        started = time.perf_counter()
        self._decode((token,), is_last=True, is_cancelled=is_cancelled, can_abort=self._token_seconds > _SLOW_DECODE_SECONDS)
        self._token_seconds = time.perf_counter() - started

    @property
    def is_full(self) -> bool:
        """Whether no further token fits."""
        return len(self.tokens) >= self._capacity

    def _keep_common_beginning(self, prompt: Sequence[int]) -> int:
        """Forget what differs from the prompt; gives how many tokens stay. The last is always read again, for its logits."""
        limit = min(len(self.tokens), len(prompt) - 1)
        common = next((i for i in range(limit) if self.tokens[i] != prompt[i]), limit)
        if common < len(self.tokens) and not self._api.llama_memory_seq_rm(self._memory, 0, common, -1):
            common = 0  # a recurrent model cannot step back
            self._api.llama_memory_clear(self._memory, True)
        del self.tokens[common:]
        return common

    def _decode(self, tokens: Sequence[int], *, is_last: bool, is_cancelled: Callable[[], bool], can_abort: bool) -> None:
        if is_cancelled():
            raise Cancelled
        self._is_cancelled = is_cancelled
        self._api.llama_set_abort_callback(self._context, self._abort if can_abort else self._no_abort, None)
        result = int(self._api.llama_decode(self._context, self._batch.fill(tokens, len(self.tokens), is_last=is_last)))
        if result == 0:
            self.tokens.extend(tokens)
            return
        self._take_stock(tokens)
        if result == 2 and is_cancelled():
            raise Cancelled
        self._api.llama_memory_clear(self._memory, True)  # whatever went wrong, the next request starts afresh
        self.tokens.clear()
        if result == 1:
            raise OutOfMemory(model=self._name, reason="The KV cache has no room left.")
        raise GenerationFailed(reason=f"The engine could not compute the next step (code {result}).")

    def _take_stock(self, tokens: Sequence[int]) -> None:
        """After an abort whole ubatches may be in the cache: ask it, and believe only what it says."""
        held = int(self._api.llama_memory_seq_pos_max(self._memory, 0)) + 1
        self.tokens.extend(tokens[: max(0, held - len(self.tokens))])
        if held < len(self.tokens):
            self._api.llama_memory_clear(self._memory, True)
            self.tokens.clear()

    def _check_numbers(self) -> None:
        """A file with damaged weights computes NaN, which no sampler can choose from."""
        logits = self._api.llama_get_logits_ith(self._context, -1)
        if not logits or any(math.isnan(value) for value in logits[: min(self._vocabulary_size, 1024)]):
            raise DamagedModelFile(file=self._name, reason="It computes no numbers: some of its weights are damaged.")

    def _should_abort(self, _data: object) -> bool:
        return self._is_cancelled()


class _Batch:
    """The arrays of one llama_batch, made once: filling them costs microseconds."""

    def __init__(self, api: Any, size: int) -> None:
        self.size = size
        self._struct = api.llama_batch
        self._tokens = (ctypes.c_int32 * size)()
        self._positions = (ctypes.c_int32 * size)()
        self._outputs = (ctypes.c_int8 * size)()
        self._counts = (ctypes.c_int32 * size)(*([1] * size))
        self._sequence = (ctypes.c_int32 * 1)(0)
        pointer = ctypes.POINTER(ctypes.c_int32)
        self._sequences = (pointer * size)(*([ctypes.cast(self._sequence, pointer)] * size))
        self._pointers = (
            ctypes.cast(self._tokens, pointer),
            None,
            ctypes.cast(self._positions, pointer),
            ctypes.cast(self._counts, pointer),
            ctypes.cast(self._sequences, ctypes.POINTER(pointer)),
            ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, tokens: Sequence[int], start: int, *, is_last: bool) -> Any:
        """A batch of ``tokens`` from position ``start`` on; only the last of them gives logits, and only if ``is_last``."""
        count = len(tokens)
        self._tokens[:count] = list(tokens)
        self._positions[:count] = list(range(start, start + count))
        ctypes.memset(self._outputs, 0, count)
        self._outputs[count - 1] = int(is_last)
        return self._struct(count, *self._pointers)


def _never() -> bool:
    return False
