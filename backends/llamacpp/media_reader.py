"""Puts pictures and sounds into the KV cache: looked at beside the replies that are being written, then decoded one at a time."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.llamacpp.c_memory import point_to
from backends.llamacpp.eyes import Eyes
from backends.llamacpp.interrupt import Interrupt
from backends.llamacpp.model import NativeModel
from backends.llamacpp.part import Part
from backends.llamacpp.projector import MediaChunk
from backends.llamacpp.reply import Reply
from models.errors import UserFacingError

_AHEAD = 2
"""Chunks that are looked at before they are needed."""


@dataclass(frozen=True, slots=True)
class MediaStep:
    """What became of one medium: ``part`` is in the cache where ``code`` is 0; with an ``error`` nothing is."""

    part: Part
    code: int
    error: UserFacingError | None = None


class MediaReader:
    """The embeddings of one chunk at a time on their way into a decode. One thread.

    A chunk that sees itself is one decode without the causal mask, as the model was trained; others go in pieces of a batch, between
    which a cancelled request ends. Either it is whole in the cache afterwards, or nothing of it may be used.
    """

    def __init__(self, model: NativeModel, eyes: Eyes, interrupt: Interrupt) -> None:
        self._api = model.api
        self._context = model.context
        self._eyes = eyes
        self._interrupt = interrupt
        self._size = model.batch_size
        planes = 4 if model.projector is not None and model.projector.has_planes else 1
        self._positions = (ctypes.c_int32 * (planes * self._size))()
        self._counts = (ctypes.c_int32 * self._size)(*([1] * self._size))
        self._outputs = (ctypes.c_int8 * self._size)()
        self._id = (ctypes.c_int32 * 1)()
        pointer = ctypes.POINTER(ctypes.c_int32)
        self._sequences = (pointer * self._size)(*([ctypes.cast(self._id, pointer)] * self._size))
        self._struct = model.api.llama_batch(
            0,
            None,
            None,
            ctypes.cast(self._positions, pointer),
            ctypes.cast(self._counts, pointer),
            ctypes.cast(self._sequences, ctypes.POINTER(pointer)),
            ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8)),
        )

    def read_one(self, replies: Sequence[Reply]) -> MediaStep | None:
        """Decode the next medium of the first reply whose next place is one that was looked at; None where there is none."""
        for reply in replies:
            chunk = reply.next_media(len(reply.slot.tokens)) if reply.slot is not None else None
            if chunk is None or reply.slot is None:
                continue
            start = len(reply.slot.tokens)
            is_last = start + len(chunk.tokens) == len(reply.tokens)
            part = Part(reply, chunk.tokens, (len(chunk.tokens) - 1) % self._size, int(is_last))
            try:
                embeddings = self._eyes.see(chunk, reply.is_cancelled)
            except UserFacingError as error:
                return MediaStep(part, 0, error)
            for coming in reply.coming_media(start, _AHEAD):
                self._eyes.prepare(coming, reply.is_cancelled)
            if embeddings is not None:
                self._interrupt.begin()
                return MediaStep(part, self._decode(reply, chunk, embeddings, reply.slot.position, is_last=is_last))
        return None

    def _decode(self, reply: Reply, chunk: MediaChunk, embeddings: Any, position: int, *, is_last: bool) -> int:
        """llama.cpp's answer to the last piece: 0 where all of it is in the cache."""
        assert reply.slot is not None
        self._id[0] = reply.slot.id
        count = len(chunk.tokens)
        if chunk.sees_itself:
            self._api.llama_set_causal_attn(self._context, False)
        try:
            for start in range(0, count, self._size):
                end = min(start + self._size, count)
                if start and reply.is_cancelled():
                    return 2
                self._place(chunk, position, start, end)
                ctypes.memset(self._outputs, 0, end - start)
                self._outputs[end - start - 1] = int(is_last and end == count)
                piece = embeddings[start:end]
                self._struct.embd = point_to(piece, ctypes.c_float)
                self._struct.n_tokens = end - start
                if (code := int(self._api.llama_decode(self._context, self._struct))) != 0:
                    return code
            return 0
        finally:
            if chunk.sees_itself:
                self._api.llama_set_causal_attn(self._context, True)

    def _place(self, chunk: MediaChunk, position: int, start: int, end: int) -> None:
        """Positions of a piece: one each, or by axis where the model tells rows and columns apart (M-RoPE)."""
        count = end - start
        if chunk.offsets is None:
            self._positions[:count] = list(range(position + start, position + end))
            return
        placed = chunk.offsets[:, start:end] + chunk.steps[:, start:end] * position
        self._positions[: 4 * count] = placed.ravel().tolist()
