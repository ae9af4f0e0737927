"""Guessing by a model's own extra layers (multi-token prediction): what it computed of a token says what the one after the next may be."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backends.backend import CancelCheck
from backends.llamacpp.c_memory import floats_at, point_to
from backends.llamacpp.draft import surest
from backends.llamacpp.guess_account import GuessAccount
from backends.llamacpp.model import NativeModel, fill_context_options
from backends.llamacpp.reply import Reply
from backends.options import LoadOptions
from models.errors import DraftRefused
from models.gguf_header import GgufHeader

_OF_MTP = 1
"""``LLAMA_CONTEXT_TYPE_MTP``: a context that computes the extra layers alone, with a cache for them."""
_NAMES = {
    False: ("_Z26llama_set_embeddings_nextnP13llama_contextbb", "_Z26llama_get_embeddings_nextnP13llama_context"),
    True: (
        "?llama_set_embeddings_nextn@@YAXPEAUllama_context@@_N1@Z",
        "?llama_get_embeddings_nextn@@YAPEAMPEAUllama_context@@@Z",
    ),
}
"""The two calls of llama.cpp's staging header, as C++ compilers name them, on Windows and elsewhere."""
_DECODE = 1
"""``LLAMA_PROCESS_TYPE_DECODE``."""
_ARCHITECTURES = ("cohere2moe", "deepseek2", "glm-dsa", "glm4moe", "hy_v3", "mimo2", "qwen35", "qwen35moe", "step35")
"""Those whose extra layers llama.cpp computes and whose sequences can take guesses back; it would end the process for others."""
_WITH_ONE = ("qwen35", "qwen35moe")
"""Those of which it computes exactly one such layer, and would end the process with more."""
_REMEMBERED = 512
"""Tokens of a text whose hidden states are kept until somebody guesses: what lies before matters little for a guess."""


class ExtraLayers:
    """Guesses for one reply at a time, by the layers that a model was trained with for that (https://arxiv.org/abs/2404.19737).

    They read, for each token, the model's hidden state of the token before. The text stays the same: the model computes a guess
    beside the last token and its sampler decides. Further tokens are guessed from the layers' own hidden states, as
    DeepSeek-V3 does (https://arxiv.org/abs/2412.19437); of several such layers the first is used.

    Raises:
        DraftRefused: the model has none, or its architecture or this build of llama.cpp cannot compute them.
    """

    def __init__(self, model: NativeModel, options: LoadOptions) -> None:
        self._api = model.api
        self._model = model
        self._functions = HiddenStates(model)
        self._width = int(self._api.llama_model_n_embd_out(model.model))
        self.account = GuessAccount(options.draft_tokens)
        parameters = self._api.llama_context_default_params()
        parameters.ctx_type, parameters.ctx_other = _OF_MTP, model.context
        parameters.n_ctx = model.context_length
        parameters.n_batch = parameters.n_ubatch = min(_REMEMBERED, model.context_length)
        parameters.n_seq_max = 1
        fill_context_options(parameters, options)
        self.context: Any = self._api.llama_init_from_model(model.model, parameters)
        if not self.context:
            raise _refuse(model.path, "There was no memory for them.")
        self._functions.tell(model.context, only_outputs=False)
        self._functions.tell(self.context, only_outputs=True)
        self._memory = self._api.llama_get_memory(self.context)
        self._batch: Any = self._api.llama_batch_ext_init(self.context)
        self._reply: Reply | None = None
        self._hidden: list[Any] = []
        self._begin = 0
        self._held = 0

    def watch(self, reply: Reply, start: int, count: int) -> None:
        """The model has computed ``count`` tokens of a reply, alone in their step, the first at position ``start``."""
        rows = self._functions.read(self._model.context, count, self._width)
        if reply is not self._reply or start != self._begin + len(self._hidden):
            self._begin_anew(reply, start)
        self._hidden.extend(rows)
        self._forget_oldest()

    def guess(self, tokens: Sequence[int], room: int, plain_seconds: float, is_cancelled: CancelCheck) -> list[int]:
        """Tokens that may follow, ``room`` at most; none while it does not pay, or where too little is known of the text."""
        computed = len(tokens) - 1
        del self._hidden[max(0, computed - self._begin) :]  # of guesses that were wrong
        is_known = self._hidden and self._begin + len(self._hidden) == computed
        if room < 1 or not is_known or not self.account.may_spend(plain_seconds):
            return []
        started = time.perf_counter()
        guess = self._guess(tokens, min(self.account.length, room)) if self._catch_up(tokens) else []
        self.account.spend(time.perf_counter() - started)
        return guess

    def note(self, drafted: int, accepted: int, seconds: float, plain_seconds: float) -> None:
        """See :meth:`backends.llamacpp.draft.DraftModel.note`."""
        self.account.note(drafted, accepted, seconds, plain_seconds)

    def close(self) -> None:
        """Free their context. Safe to call twice."""
        batch, self._batch = self._batch, None
        context, self.context = self.context, None
        if batch:
            self._api.llama_batch_ext_free(batch)
        if context:
            self._api.llama_free(context)

    def _begin_anew(self, reply: Reply, start: int) -> None:
        self._reply, self._begin, self._hidden = reply, start, []
        self._clear()

    def _clear(self) -> None:
        self._api.llama_memory_seq_rm(self._memory, 0, -1, -1)
        self._held = self._begin + 1  # the layers' entry of a token needs the hidden state of the one before

    def _forget_oldest(self) -> None:
        """Keep the newest hidden states; where the layers had not read the others yet, they begin later."""
        if (surplus := len(self._hidden) - _REMEMBERED) <= 0:
            return
        del self._hidden[:surplus]
        self._begin += surplus
        if self._held <= self._begin:
            self._clear()

    def _catch_up(self, tokens: Sequence[int]) -> bool:
        """Read what the model has computed since; false where that failed, and then nothing is held."""
        end = len(tokens) - 1
        if self._held > end:
            self._cut(end)
        if self._held < end and not self._read(
            [(tokens[place], place, self._hidden[place - 1 - self._begin]) for place in range(self._held, end)], output=False
        ):
            return False
        self._held = max(self._held, end)
        return True

    def _guess(self, tokens: Sequence[int], most: int) -> list[int]:
        guess: list[int] = []
        end = len(tokens) - 1
        token, state = tokens[-1], self._hidden[end - 1 - self._begin]
        while self._read([(token, end + len(guess), state)], output=True):
            pointer = self._api.llama_get_logits_ith(self.context, 0)
            if not pointer:
                break
            best = surest(floats_at(pointer, self._model.tokenizer.size))
            if best is None or self._model.tokenizer.is_end(best):
                break
            guess.append(best)
            if len(guess) >= most or len(tokens) + len(guess) >= self._model.context_length:
                break
            token, state = best, self._functions.read(self.context, 1, self._width)[0]
        self._cut(end)  # what was read for a guess was read from guessed states
        return guess

    def _read(self, entries: Sequence[tuple[int, int, Any]], *, output: bool) -> bool:
        """Compute tokens at positions beside hidden states; false where there was no room, and then nothing is held."""
        api = self._api
        api.llama_batch_ext_clear(self._batch)
        for token, place, state in entries:
            index = api.llama_batch_ext_add_token(self._batch, 0, token)
            position = ctypes.c_int32(place)
            pointer = point_to(state, ctypes.c_float)
            api.llama_batch_ext_set_pos(self._batch, index, ctypes.byref(position))
            # The call for states of this llama.cpp does nothing: a hidden state is handed over as the token's embedding.
            if not api.llama_batch_ext_set_embd_token(self._batch, index, api.llama_embd(pointer, 1, self._width)):
                self._clear()
                return False
            api.llama_batch_ext_set_output_logits(self._batch, index, output)
        if api.llama_process(self.context, _DECODE, self._batch):
            self._clear()
            return False
        return True

    def _cut(self, length: int) -> None:
        self._api.llama_memory_seq_rm(self._memory, 0, length, -1)
        self._held = min(self._held, length)


class HiddenStates:
    """The calls that hand hidden states over, of llama.cpp's staging header: exported as C++ names, which ctypes can call.

    Raises:
        DraftRefused: this build of llama.cpp has other names.
    """

    def __init__(self, model: NativeModel) -> None:
        library = model.api.__dict__.get("_lib")
        try:
            self._set, self._get = (getattr(library, name) for name in _NAMES[sys.platform == "win32"])
        except AttributeError:
            raise _refuse(model.path, "This build of llama.cpp does not offer what it takes.") from None
        self._set.argtypes, self._set.restype = (ctypes.c_void_p, ctypes.c_bool, ctypes.c_bool), None
        self._get.argtypes, self._get.restype = (ctypes.c_void_p,), ctypes.POINTER(ctypes.c_float)

    def tell(self, context: Any, *, only_outputs: bool) -> None:
        """Let a context keep the hidden states of its tokens, or of those alone that give logits."""
        self._set(context, True, only_outputs)

    def read(self, context: Any, count: int, width: int) -> list[Any]:
        """Copies of the first ``count`` rows of the last decode."""
        pointer = self._get(context)
        if not pointer:
            return []
        return list(floats_at(pointer, count, width).copy())


def check_extra_layers(path: str, headers: Sequence[GgufHeader]) -> None:
    """Whether a file's own layers can guess; asked before it is loaded, because C would end the process.

    Raises:
        DraftRefused: they cannot.
    """
    architecture = headers[0].text("general.architecture")
    if not any(tensor.name.endswith(".nextn.eh_proj.weight") for header in headers for tensor in header.tensors):
        raise _refuse(path, "It has no layers of its own for guessing ahead (multi-token prediction).")
    count = headers[0].of_architecture("nextn_predict_layers")
    if architecture not in _ARCHITECTURES or (architecture in _WITH_ONE and count != 1):
        raise _refuse(path, f"Guessing by its own layers is not possible for “{architecture}” yet.")


def _refuse(path: str, reason: str) -> DraftRefused:
    return DraftRefused(file=Path(path).name, model=Path(path).name, reason=reason)
