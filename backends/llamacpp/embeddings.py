"""Vectors and scores from a GGUF model: a second context over the same weights, made at the first use."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from backends.backend import CancelCheck
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.free_memory import free_memory
from backends.llamacpp.batch import Batch
from backends.llamacpp.c_memory import floats_at
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel, fill_context_options
from backends.options import DEFAULT_CONTEXT_LIMIT, LoadOptions
from models.errors import CannotRerank, EngineError, GenerationFailed, InvalidOption, OutOfMemory, TextTooLong, WorkCancelled

_NONE, _MEAN, _CLS, _LAST, _RANK = 0, 1, 2, 3, 4
"""``enum llama_pooling_type``."""
_NAMES = {_MEAN: "mean", _CLS: "cls", _LAST: "last"}
_SMALLEST = 512
_SEQUENCES = 32
_LOGIT_ROOM = 1 << 25
"""Numbers of the vocabulary's size that llama.cpp computes for every token of a batch, needed or not: 128 MB of them."""
_ABORTED = 2


@dataclass(frozen=True, slots=True)
class _Text:
    """One text on its way: its place in the request and its tokens."""

    number: int
    tokens: list[int]


class Embedder:
    """Embeds and ranks with one model. Thread-safe: one question at a time, beside whatever another context computes.

    The vectors of all tokens are read and pooled here, so that one context serves every kind of pooling and a text may be longer
    than one batch. A model without a cache (BERT and its kin) sees a text whole, and so does one whose attention looks ahead.
    """

    def __init__(self, library: NativeLibrary, model: NativeModel, options: LoadOptions) -> None:
        self._library = library
        self._model = model
        self._api = model.api
        self._options = options
        self._lock = threading.Lock()
        self._context: Any = None
        self._batch: Batch | None = None
        self._size = 0
        self._pooling = -1
        self._reads_whole = model.of_architecture("attention.causal") == "false"
        self._own_pooling = int(model.of_architecture("pooling_type") or -1)
        trained = model.trained_context or DEFAULT_CONTEXT_LIMIT
        wanted = options.context_length or (trained if self._own_pooling > 0 else min(trained, DEFAULT_CONTEXT_LIMIT))
        # Learned positions end where the training did, and llama.cpp reads on behind their end.
        self.limit = wanted if self._own_pooling <= 0 else min(wanted, trained)
        self.width = int(self._api.llama_model_n_embd_out(model.model))
        self.can_rerank = self._own_pooling == _RANK
        self._is_cancelled: CancelCheck = lambda: False
        self._abort = self._api.ggml_abort_callback(lambda _data: self._is_cancelled())

    def embed(self, request: EmbeddingRequest, is_cancelled: CancelCheck) -> EmbeddingResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.embed`."""
        texts = self._read(request)
        with self._lock:
            self._open(texts, _NONE)
            pooling = request.pooling or self._usual_pooling()
            vectors: list[Any] = []
            for rows in self._compute_rows(texts, is_cancelled):
                vectors.append(_pool(rows, pooling))
        result = numpy.concatenate(vectors).astype(numpy.float32, copy=False)
        if request.normalize:
            lengths = numpy.linalg.norm(result, axis=1, keepdims=True)
            result = (result / numpy.where(lengths > 0, lengths, 1)).astype(numpy.float32, copy=False)
        return EmbeddingResult(result, tuple(len(text.tokens) for text in texts))

    def rerank(self, request: RerankRequest, is_cancelled: CancelCheck) -> RerankResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.rerank`."""
        if not self.can_rerank:
            raise CannotRerank(model=Path(self._model.path).name)
        texts = self._check(self._join(request.query, document) for document in request.documents)
        with self._lock:
            self._open(texts, _RANK)
            scores = [score for group in self._group(texts) for score in self._compute_scores(group, is_cancelled)]
        return RerankResult(tuple(scores), tuple(len(text.tokens) for text in texts))

    def close(self) -> None:
        """Free the context, after the question that is being answered. Safe to call twice."""
        with self._lock:
            self._free()

    def _read(self, request: EmbeddingRequest) -> list[_Text]:
        encode = self._model.tokenizer.encode
        read = (encode(text, add_special=True) for text in request.texts)
        return self._check([*read, *(list(tokens) for tokens in request.tokens)])

    def _check(self, texts: Iterable[list[int]]) -> list[_Text]:
        """Number the texts, and refuse those that C must not see."""
        checked = [_Text(number, tokens) for number, tokens in enumerate(texts, 1)]
        name, size = Path(self._model.path).name, self._model.tokenizer.size
        for text in checked:
            if not text.tokens:
                raise InvalidOption(option="texts", value=f"empty, as text {text.number} is", allowed="texts of a token or more")
            if len(text.tokens) > self.limit:
                raise TextTooLong(number=text.number, model=name, needed=len(text.tokens), available=self.limit)
            if min(text.tokens) < 0 or max(text.tokens) >= size:
                raise InvalidOption(option="tokens", value=f"as text {text.number} has them", allowed=f"ids from 0 to {size - 1}")
        return checked

    def _join(self, query: str, document: str) -> list[int]:
        """A query and a document as the model was trained to read them: by its own template, else one after the other."""
        api, tokenizer, vocabulary = self._api, self._model.tokenizer, self._model.vocabulary
        if template := api.llama_model_chat_template(self._model.model, b"rerank"):
            text = bytes(template).decode("utf-8", "replace")
            return tokenizer.encode(text.replace("{query}", query).replace("{document}", document))
        separator = int(api.llama_vocab_sep(vocabulary))
        end = tokenizer.end if tokenizer.end >= 0 else separator
        begins = [tokenizer.begin] if tokenizer.adds_begin else []
        ends = [end] if api.llama_vocab_get_add_eos(vocabulary) and end >= 0 else []
        separators = [separator] if api.llama_vocab_get_add_sep(vocabulary) and separator >= 0 else []
        read = [tokenizer.encode(text, parse_special=False) for text in (query, document)]
        # BERT was trained on [CLS] query [SEP] document [SEP], XLM-RoBERTa on <s> query </s></s> document </s>.
        return [*begins, *read[0], *ends, *separators, *read[1], *(ends or separators)]

    def _usual_pooling(self) -> str:
        if self._own_pooling == _RANK:
            return "cls" if self._reads_whole else "last"
        return _NAMES.get(self._own_pooling, "mean")

    def _open(self, texts: Sequence[_Text], pooling: int) -> None:
        """See that there is a context of this pooling with room for the longest text."""
        longest = max(len(text.tokens) for text in texts)
        if self._context and self._pooling == pooling and self._size >= longest:
            return
        self._free()
        size = _SMALLEST
        while size < longest:
            size *= 2
        self._make_context(size, pooling)
        if not self._reads_whole and not self._api.llama_get_memory(self._context):
            self._reads_whole = True
            self._free()
            self._make_context(size, pooling)

    def _make_context(self, size: int, pooling: int) -> None:
        vocabulary = self._model.tokenizer.size
        chunk = size if self._reads_whole else min(_SMALLEST, max(32, _LOGIT_ROOM // vocabulary))
        name = Path(self._model.path).name
        _check_memory(name, size, chunk * (vocabulary + self.width) * 4)
        parameters = self._api.llama_context_default_params()
        fill_context_options(parameters, self._options)
        parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = size, chunk, chunk
        parameters.n_seq_max = _SEQUENCES if self._model.can_rewind else 1
        parameters.kv_unified = True
        parameters.embeddings = True
        parameters.pooling_type = pooling
        self._library.forget_log()
        self._context = self._api.llama_init_from_model(self._model.model, parameters)
        if not self._context:
            reason = f"A context of {size} tokens for embeddings did not fit beside the weights."
            raise OutOfMemory(model=name, reason=reason, details=self._library.log_text())
        self._model.adapters.apply(self._context, self._model.adapters.usual)
        self._api.llama_set_abort_callback(self._context, self._abort, None)
        self._batch = Batch(self._api, chunk, parameters.n_seq_max)
        self._size, self._pooling = size, pooling

    def _free(self) -> None:
        context, self._context = self._context, None
        if context:
            self._api.llama_free(context)

    def _group(self, texts: Sequence[_Text]) -> Iterator[list[_Text]]:
        """As many texts as fit the context together, in order."""
        most = _SEQUENCES if self._model.can_rewind else 1
        group: list[_Text] = []
        for text in texts:
            if group and (len(group) == most or sum(len(one.tokens) for one in group) + len(text.tokens) > self._size):
                yield group
                group = []
            group.append(text)
        if group:
            yield group

    def _compute_rows(self, texts: Sequence[_Text], is_cancelled: CancelCheck) -> Iterator[Any]:
        """The vectors of each text's tokens, (tokens, width)."""
        for group in self._group(texts):
            pieces = []
            for count, _ in self._decode(group, is_cancelled):
                pointer = self._api.llama_get_embeddings(self._context)
                if not pointer:
                    raise GenerationFailed(reason="The engine gave no vectors.")
                pieces.append(floats_at(pointer, count, self.width).copy())
            rows = numpy.concatenate(pieces)
            start = 0
            for text in group:
                yield rows[start : start + len(text.tokens)]
                start += len(text.tokens)

    def _compute_scores(self, group: Sequence[_Text], is_cancelled: CancelCheck) -> list[float]:
        scores = [0.0] * len(group)
        for _, ended in self._decode(group, is_cancelled):
            for sequence in ended:
                pointer = self._api.llama_get_embeddings_seq(self._context, sequence)
                if not pointer:
                    raise GenerationFailed(reason="The engine gave no score.")
                scores[sequence] = float(pointer[0])
        return scores

    def _decode(self, group: Sequence[_Text], is_cancelled: CancelCheck) -> Iterator[tuple[int, list[int]]]:
        """Compute the texts as sequences 0, 1 … in batches; after each its tokens, and the sequences that ended in it."""
        assert self._batch is not None
        batch, self._is_cancelled = self._batch, is_cancelled
        if memory := self._api.llama_get_memory(self._context):
            self._api.llama_memory_clear(memory, True)
        batch.clear()
        ended: list[int] = []
        for sequence, text in enumerate(group):
            start = 0
            while start < len(text.tokens):
                piece = text.tokens[start : start + batch.room]
                batch.add(sequence, start, piece, len(piece))
                start += len(piece)
                if start == len(text.tokens):
                    ended.append(sequence)
                if not batch.room or (start == len(text.tokens) and sequence == len(group) - 1):
                    self._run(batch)
                    yield batch.count, ended
                    batch.clear()
                    ended = []

    def _run(self, batch: Batch) -> None:
        if self._is_cancelled():
            raise WorkCancelled()
        result = int(self._api.llama_decode(self._context, batch.as_struct()))
        if result == _ABORTED:
            raise WorkCancelled()
        if result:
            raise EngineError(details=f"llama_decode gave {result} for {batch.count} tokens of texts\n{self._library.log_text()}")


def _pool(rows: Any, pooling: str) -> Any:
    """One vector, (1, width), of a text's; all of them with ``none``."""
    match pooling:
        case "mean":
            return rows.mean(axis=0, keepdims=True, dtype=numpy.float64)
        case "cls":
            return rows[:1]
        case "last":
            return rows[-1:]
        case _:
            return rows


def _check_memory(name: str, size: int, needed: int) -> None:
    import psutil

    available = free_memory() + psutil.swap_memory().free
    if needed > available:
        reason = (
            f"To read {size:,} tokens at once takes {needed / 1e9:.1f} GB, and this machine has {available / 1e9:.1f} GB free."
        )
        raise OutOfMemory(model=name, reason=reason)
