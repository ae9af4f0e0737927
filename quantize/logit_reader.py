"""Reads the logits of every position of a window from a GGUF model, through the engine's low-level functions."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel, choose_threads
from backends.options import LoadOptions
from models.errors import OutOfMemory, QuantizationFailed

if TYPE_CHECKING:
    import numpy


class LogitReader:
    """One model with a context of ``window`` tokens. ``begin_token`` is BOS where the model wants one before a text, else None."""

    def __init__(self, library: NativeLibrary, path: str, window: int, threads: int, *, callback: Any = None) -> None:
        options = LoadOptions(context_length=window, batch_size=window, threads=threads)
        self._model = NativeModel(library, path, options, lambda _fraction: True)
        self._api = library.api
        self._window = window
        vocabulary = self._model.vocabulary
        self.vocabulary_size = int(self._api.llama_vocab_n_tokens(vocabulary))
        adds_begin = bool(self._api.llama_vocab_get_add_bos(vocabulary))
        self.begin_token = int(self._api.llama_vocab_bos(vocabulary)) if adds_begin else None
        self._batch = self._api.llama_batch_init(window, 0, 1)
        self._context = self._model.context if callback is None else self._make_observed_context(callback, window, threads)
        self._is_own_context = callback is not None

    def _make_observed_context(self, callback: Any, window: int, threads: int) -> Any:
        """A second context on the same weights, which tells ``callback`` of every tensor that it computes."""
        parameters = self._api.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = window
        parameters.n_threads = parameters.n_threads_batch = choose_threads(threads)
        parameters.cb_eval = callback
        context = self._api.llama_init_from_model(self._model.model, parameters)
        if not context:
            raise OutOfMemory(model=self._model.path, reason=f"A context of {window} tokens did not fit beside the weights.")
        return context

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a plain text, as llama.cpp's own tools cut it: markup of a chat template in it is text too."""
        data = text.encode("utf-8")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = int(self._api.llama_tokenize(self._model.vocabulary, data, len(data), tokens, room, True, False))
        return list(tokens[: max(0, count)])

    def text_of(self, tokens: list[int]) -> str:
        """The text of tokens, broken characters replaced."""
        return b"".join(self._model.tokenizer.piece(token) for token in tokens).decode("utf-8", "replace")

    def read(self, window: list[int], first: int) -> numpy.ndarray:
        """Logits (len(window) - 1 - first, vocabulary), float32, for what follows each position from ``first`` on.

        Raises:
            QuantizationFailed: the engine could not compute them.
        """
        import numpy

        self.decode(window, first)
        rows = len(window) - 1 - first
        address: Any = self._api.llama_get_logits(self._context)
        flat = numpy.ctypeslib.as_array(address, shape=(rows * self.vocabulary_size,))
        return flat.reshape(rows, self.vocabulary_size).copy()

    def decode(self, window: list[int], first: int, *, with_last: bool = False) -> None:
        """Compute a window from an empty cache, with logits from position ``first`` to the last but one, or to the last.

        What has no logits is left out of the last layer, which matters to those who watch it.

        Raises:
            QuantizationFailed: the engine could not.
        """
        batch = self._batch
        batch.n_tokens = len(window)
        for index, token in enumerate(window):
            batch.token[index] = token
            batch.pos[index] = index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = first <= index < len(window) - (0 if with_last else 1)
        self._api.llama_memory_clear(self._api.llama_get_memory(self._context), True)
        result = int(self._api.llama_decode(self._context, batch))
        if result:
            raise QuantizationFailed(file=self._model.path, reason=f"The engine could not compute the logits (code {result}).")

    def append(self, tokens: list[int], position: int) -> numpy.ndarray:
        """Read tokens after those that were read before, from ``position`` on; the logits (vocabulary,) after the last of them.

        Raises:
            QuantizationFailed: the engine could not compute them.
        """
        import numpy

        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index], batch.n_seq_id[index] = token, position + index, 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = index == len(tokens) - 1
        if position == 0:
            self._api.llama_memory_clear(self._api.llama_get_memory(self._context), True)
        result = int(self._api.llama_decode(self._context, batch))
        if result:
            raise QuantizationFailed(file=self._model.path, reason=f"The engine could not compute the logits (code {result}).")
        address: Any = self._api.llama_get_logits_ith(self._context, -1)
        return numpy.ctypeslib.as_array(address, shape=(self.vocabulary_size,)).copy()

    def is_end(self, token: int) -> bool:
        """Whether a token ends a reply."""
        return bool(self._api.llama_vocab_is_eog(self._model.vocabulary, token))

    def close(self) -> None:
        """Free the batch and the model. Safe to call twice."""
        batch, self._batch = self._batch, None
        if batch is not None:
            self._api.llama_batch_free(batch)
        if self._is_own_context and self._context:
            self._api.llama_free(self._context)
            self._context = None
        self._model.close()
