"""A GGUF model and its context in memory: loaded with progress, described, freed."""

from __future__ import annotations

import ctypes
import logging
import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from backends.llamacpp.adapters import Adapters
from backends.llamacpp.failures import explain_load_failure
from backends.llamacpp.huge_pages import ask_for_huge_pages, is_better_mapped
from backends.llamacpp.kv_cache import KvCache
from backends.llamacpp.kv_types import GGML_TYPES, check_kv_type, list_head_sizes
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.placement import Placement
from backends.llamacpp.projector import Projector
from backends.llamacpp.thread_choice import ThreadChoice
from backends.llamacpp.tokens import Tokenizer
from backends.options import DEFAULT_CONTEXT_LIMIT, MICRO_BATCH, MOST_THREADS, OWN_LAYERS, LoadOptions
from models.errors import (
    DamagedModelFile,
    LoadCancelled,
    OutOfMemory,
    UnsupportedArchitecture,
    UserFacingError,
    WrongModelKind,
)
from models.gguf_header import read_header
from models.memory_shape import MOST_TAKEN_BACK

_log = logging.getLogger(__name__)
_LOAD_NONE, _LOAD_MMAP, _LOAD_MLOCK, _LOAD_MMAP_MLOCK = 0, 1, 2, 3
_NO_VOCABULARY = 0
"""``LLAMA_VOCAB_TYPE_NONE``: asking such a model to tokenize ends the process."""
_MIXED_LAYERS = 6
"""Layers from which on a model with sliding windows has layers without one."""
_LONG_ROPE = {"phi3", "phimoe", "minicpm3", "apertus"}
"""Architectures that may carry two sets of rope factors without saying so."""
_CELLS_AT_ONCE = 256
"""The engine rounds the length of each sequence's own cache up to a multiple of it."""
_WEIGHTS_SHARE = 0.98
"""Part of the progress bar that reading the weights takes; the rest is the context."""


class NativeModel:
    """Weights, vocabulary and, where the model ``writes``, one context. ``close`` frees them in the order that C needs.

    Raises:
        UserFacingError: see :meth:`backends.backend.Backend.load`.
    """

    def __init__(
        self,
        library: NativeLibrary,
        path: str,
        options: LoadOptions,
        progress: Callable[[float], bool],
        *,
        writes: bool = True,
        projector: str = "",
        memory_beside: int = 0,
    ) -> None:
        """``memory_beside`` are bytes that are known to be needed beside the weights."""
        self._library = library
        self.api = library.api
        self.path = path
        self.model: Any = None
        self.context: Any = None
        self.sequences = 1
        self.is_unified = True
        self.context_seconds = 0.0
        """How long the last context took to make."""
        self._most_parts = 1
        self._context_length = 0
        self.threads: ThreadChoice | None = None
        self.projector: Projector | None = None
        self._kept: list[Any] = []
        check_kv_type(options)
        try:
            self._load_weights(options, progress, memory_beside)
            check_kv_type(options, list_head_sizes(self._number_of_architecture))
            self.vocabulary = self.api.llama_model_get_vocab(self.model)
            self._check_kind()
            self.tokenizer = Tokenizer(self.api, self.vocabulary)
            if self.tokenizer.kind == _NO_VOCABULARY:
                raise DamagedModelFile(file=Path(path).name, reason="It holds no vocabulary, so it can read no text.")
            self.trained_context = int(self.api.llama_model_n_ctx_train(self.model))
            architecture = self.metadata("general.architecture")
            self.adapters = Adapters(library, self.model, path, architecture, options.adapters)
            if writes and projector:
                self._load_projector(projector, options, progress)
            if writes:
                self._make_context(options)
        except UserFacingError:
            self.close()
            raise

    @property
    def context_length(self) -> int:
        """Tokens that one request may hold: llama.cpp rounds what it was asked for."""
        return self._context_length

    @property
    def capacity(self) -> int:
        """Cells of the cache, or of each where each sequence has its own."""
        return int(self.api.llama_n_ctx_seq(self.context))

    @property
    def parts(self) -> list[int]:
        """In how many parts the context's cells can be laid out, each for one sequence; empty where that cannot be.

        Models with two sets of rope factors (LongRoPE) take the one or the other by the length of a sequence's cache: it stays the same.
        """
        limit = self._rope_limit
        is_long = self._cells > limit
        lengths = {count: self.part_length(count) for count in range(2, self._most_parts + 1)}
        return [count for count, length in lengths.items() if length * count >= self.batch_size and (length > limit) == is_long]

    @property
    def _rope_limit(self) -> int:
        """The length of a sequence's cache from which on other rope factors are taken; 0 where there are none."""
        original = self.of_architecture("rope.scaling.original_context_length")
        if original.isdigit():
            return int(original)
        is_longrope = self.of_architecture("rope.scaling.type") == "longrope"
        return self.trained_context if is_longrope or self.metadata("general.architecture") in _LONG_ROPE else 0

    def part_length(self, parts: int) -> int:
        """Tokens that one of so many parts holds."""
        return self._cells // parts // _CELLS_AT_ONCE * _CELLS_AT_ONCE

    def lay_out(self, parts: int) -> None:
        """Make the context anew, with one cache for all sequences (1) or so many for one each. What it held is gone.

        Raises:
            OutOfMemory: there is no context any more.
        """
        parameters = self._parameters
        parameters.kv_unified = self.is_unified = parts == 1
        self.sequences = parameters.n_seq_max = self._usual_sequences if parts == 1 else parts
        parameters.n_ctx = self._cells if parts == 1 else self.part_length(parts) * parts
        context, self.context = self.context, None
        if context:
            self.api.llama_free(context)
        self._open_context()
        if self.threads is not None:
            self.threads.begin_anew()

    @property
    def can_rewind(self) -> bool:
        """Whether the end of a sequence can be forgotten; recurrent layers keep only their last state."""
        return not (self.api.llama_model_is_recurrent(self.model) or self.api.llama_model_is_hybrid(self.model))

    @property
    def most_guesses(self) -> int:
        """Tokens after the next one that a decode may compute on trial, to be taken back where they are wrong."""
        return self.batch_size if self.can_rewind else int(self.api.llama_n_rs_seq(self.context))

    def make_cache(self) -> KvCache:
        """The bookkeeping of the context's sequences."""
        # WORKAROUND llama.cpp 0c1e57098: a shift ends the process where every layer has a sliding window (Gemma's shape, few layers).
        can_shift = (
            not int(self.api.llama_model_n_swa(self.model)) or int(self.api.llama_model_n_layer(self.model)) >= _MIXED_LAYERS
        )
        return KvCache(
            self.api,
            self.context,
            self.sequences,
            self.capacity,
            unified=self.is_unified,
            can_rewind=self.can_rewind,
            plain=self._is_plain,
            has_gaps=self.projector is not None and self.projector.has_planes,
            can_shift=can_shift,
        )

    @property
    def can_park(self) -> bool:
        """Whether sequences that nobody computes cost the others time, and can be copied to the host's memory cheaply."""
        return self.is_unified and self.sequences > 1 and not self._is_offloaded

    @property
    def separates_steps(self) -> bool:
        """Whether prompts beside replies that are being written cost more in one decode than in two; see :class:`Filling`."""
        return (self.is_unified or self._most_parts > 1) and not self._is_offloaded and self._has_flash_attention

    @property
    def has_amx(self) -> bool:
        """Whether the processor multiplies with AMX's tiles."""
        return self._library.has_amx

    @property
    def batch_size(self) -> int:
        """Most tokens that one decode may take; more would kill the process."""
        return int(self.api.llama_n_batch(self.context))

    def metadata(self, key: str) -> str:
        """A scalar of the file's metadata as text; empty where it has none."""
        room = 256
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = int(self.api.llama_model_meta_val_str(self.model, key.encode(), buffer, room))
            if count < room:
                return buffer.raw[:count].decode("utf-8", "replace") if count >= 0 else ""
            room = count + 1

    def of_architecture(self, key: str) -> str:
        """The metadata's ``<architecture>.<key>`` as text; empty where it has none."""
        return self.metadata(f"{self.metadata('general.architecture')}.{key}")

    def _number_of_architecture(self, key: str) -> int:
        text = self.of_architecture(key)
        return int(text) if text.isdigit() else 0

    def chat_template(self) -> str:
        """The Jinja source that the file carries; empty for a base model."""
        source = self.api.llama_model_chat_template(self.model, None)
        return bytes(source).decode("utf-8", "replace") if source else ""

    def close(self) -> None:
        """Free context and weights. Safe to call twice."""
        projector, self.projector = self.projector, None
        if projector is not None:
            projector.close()
        context, self.context = self.context, None
        model, self.model = self.model, None
        if context:
            self.api.llama_free(context)
        if model:
            self.api.llama_model_free(model)

    def _load_weights(self, options: LoadOptions, progress: Callable[[float], bool], memory_beside: int) -> None:
        if not Path(self.path).is_file():
            raise explain_load_failure("No such file or directory", self.path)
        cancelled = has_begun = False

        def report(fraction: float, _user_data: object) -> bool:
            nonlocal cancelled, has_begun
            if not has_begun:  # the buffers are there, and nothing has been written into them
                ask_for_huge_pages()
                has_begun = True
            cancelled = cancelled or not progress(fraction * _WEIGHTS_SHARE)
            return not cancelled

        parameters = self.api.llama_model_default_params()
        placement = Placement(self._library, options)
        placement.fill(parameters)
        is_offloaded = bool(options.gpu_layers and self.api.llama_supports_gpu_offload())
        maps_file = is_better_mapped(self.path, options, is_offloaded=is_offloaded, beside=memory_beside)
        parameters.load_mtp = options.draft_model == OWN_LAYERS
        parameters.use_extra_bufts = not needs_plain_buffers(self._library, self.path)
        parameters.progress_callback = self.api.llama_progress_callback(report)
        self._kept += [parameters.progress_callback, placement]
        # Where reading was not wished it may fail: there was less memory than was thought.
        for maps in (False, True) if options.use_mmap is None and not maps_file else (maps_file,):
            parameters.load_mode = _load_mode(options, maps=maps)
            self._library.forget_log()
            self._library.forget_buffers()
            self.model = self.api.llama_model_load_from_file(os.fsencode(self.path), parameters)
            if self.model or cancelled:
                break
        if cancelled:
            raise LoadCancelled()
        if not self.model:
            raise explain_load_failure(self._library.log_text(), self.path)

    def _load_projector(self, path: str, options: LoadOptions, progress: Callable[[float], bool]) -> None:
        self.projector = Projector(
            self._library,
            path,
            self.model,
            threads=choose_threads(options.threads),
            use_gpu=options.gpu_layers != 0,
            progress=lambda _share: progress(_WEIGHTS_SHARE),
        )

    def _check_kind(self) -> None:
        name, architecture = Path(self.path).name, self.metadata("general.architecture")
        if not self.api.llama_model_has_decoder(self.model):
            raise WrongModelKind(file=name, kind="an embedding or reranking model")
        if self.api.llama_model_has_encoder(self.model):
            raise UnsupportedArchitecture(architecture=f"{architecture} (encoder and decoder)", file=name)
        if self.api.llama_model_is_diffusion(self.model):
            raise UnsupportedArchitecture(architecture=f"{architecture} (diffusion)", file=name)

    def _make_context(self, options: LoadOptions) -> None:
        parameters = self.api.llama_context_default_params()
        wanted = options.context_length or min(self.trained_context or DEFAULT_CONTEXT_LIMIT, DEFAULT_CONTEXT_LIMIT)
        self.is_unified = options.kv_unified
        self._has_flash_attention = options.flash_attention is not False
        self._is_offloaded = bool(options.gpu_layers and options.kv_offload and self.api.llama_supports_gpu_offload())
        # Twice as many sequences as requests at once: the others keep what was read before, in room that nobody needs.
        self.sequences = options.parallel * 2 if options.kv_unified and self.can_rewind else options.parallel
        # The engine takes its most tokens and outputs in a step from this before it rounds it up; each sequence needs one.
        wanted = max(wanted, self.sequences)
        parameters.n_ctx = wanted if options.kv_unified else wanted * self.sequences
        parameters.kv_unified = options.kv_unified
        # A picture that is computed without the causal mask must fit one step: with less the engine would end the process.
        at_once = self.projector.most_at_once() if self.projector is not None else 0
        parameters.n_batch = max(min(options.batch_size, wanted), self.sequences, min(at_once, wanted))
        parameters.n_ubatch = max(min(MICRO_BATCH, parameters.n_batch), min(at_once, wanted))
        parameters.n_seq_max = self.sequences
        if not self.can_rewind:
            parameters.n_rs_seq = min(options.guessed_tokens, MOST_TAKEN_BACK, parameters.n_ubatch - 1)
        fill_context_options(parameters, options)
        self._parameters, self._usual_sequences = parameters, self.sequences
        self._open_context()
        self._context_length = int(self.api.llama_n_ctx_seq(self.context))
        self._cells = int(self.api.llama_n_ctx(self.context))
        has_one_owner = self.projector is None and options.draft_model != OWN_LAYERS  # others hold on to the context
        if options.kv_unified and self._is_plain and has_one_owner and not self._is_offloaded:
            self._most_parts = options.parallel
        self.threads = self._choose_threads(options)

    @property
    def _is_plain(self) -> bool:
        """Whether nothing but keys and values of all that went before is kept of a sequence, and those in one cache."""
        has_more = any(self.of_architecture(f"attention.indexer.{key}") for key in ("head_count", "key_length", "top_k"))
        return self.can_rewind and not has_more and not int(self.api.llama_model_n_swa(self.model))

    def _open_context(self) -> None:
        started = time.perf_counter()
        self._library.forget_log()
        self.context = self.api.llama_init_from_model(self.model, self._parameters)
        if not self.context:
            reason = f"A context of {self._parameters.n_ctx} tokens did not fit beside the weights."
            raise OutOfMemory(model=Path(self.path).name, reason=reason, details=self._library.log_text())
        self.context_seconds = time.perf_counter() - started

    def _choose_threads(self, options: LoadOptions) -> ThreadChoice | None:
        """What tries out numbers of threads for steps of one token; None where somebody chose the number, or a GPU computes."""
        usual = choose_threads(options.threads)
        if options.threads or _threads_of_environment(os.environ.get("YANMO_THREADS", "")) or options.gpu_layers:
            return None
        use = self.api.llama_set_n_threads
        return ThreadChoice(usual, count_physical_cores(), lambda count: use(self.context, count, usual))


def needs_plain_buffers(library: NativeLibrary, path: str) -> bool:
    """Whether this build's AMX kernels would end the process with a model, so that nothing may be laid out for them.

    WORKAROUND llama.cpp 0c1e57098: of latent attention (DeepSeek, MiniCPM 3, GLM 4.7 Flash) it lays matrices in AMX's buffers that
    are then multiplied in a way AMX cannot, and no other device may read them.

    Raises:
        UserFacingError: the file cannot be read.
    """
    return library.has_amx and read_header(path).of_architecture("attention.kv_lora_rank") > 0


def fill_context_options(parameters: Any, options: LoadOptions) -> None:
    """What all contexts of a load have in common."""
    parameters.n_threads = parameters.n_threads_batch = choose_threads(options.threads)
    parameters.type_k = parameters.type_v = GGML_TYPES[options.kv_type]
    parameters.offload_kqv = options.kv_offload
    if options.flash_attention is not None:
        parameters.flash_attn_type = int(options.flash_attention)


def choose_threads(wanted: int) -> int:
    """Threads to compute with: as asked, else ``YANMO_THREADS``, else one fewer than the physical cores this process may use."""
    if wanted > 0:
        return wanted
    return _threads_of_environment(os.environ.get("YANMO_THREADS", "")) or max(1, count_physical_cores() - 1)


@lru_cache
def _threads_of_environment(text: str) -> int:
    """The number that the variable holds; 0, and once a line in the log, where it is none that the engine survives."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_THREADS)) else 0
    if text and not 0 < number <= MOST_THREADS:
        _log.warning("YANMO_THREADS is %r, not a number from 1 to %d, and is ignored", text[:40], MOST_THREADS)
        return 0
    return number


def count_physical_cores() -> int:
    """Cores that this process may use, without those that exist twice (hyper-threading)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        import psutil

        physical = psutil.cpu_count(logical=False) or allowed
    except (ImportError, OSError):
        physical = allowed
    return max(1, min(physical, allowed))


def _load_mode(options: LoadOptions, *, maps: bool) -> int:
    if options.use_mlock:
        return _LOAD_MMAP_MLOCK if maps else _LOAD_MLOCK
    return _LOAD_MMAP if maps else _LOAD_NONE
