"""One request on its way through the engine: its tokens, its sampler, what it says, and what it cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backends.backend import CancelCheck
from backends.events import ContextShifted, Finished, FinishReason, GenerationEvent, PromptProgress, PromptToken, TextDelta, Usage
from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.c_memory import floats_at
from backends.llamacpp.kv_cache import Slot
from backends.llamacpp.logprobs import Likelihoods
from backends.llamacpp.model import NativeModel
from backends.llamacpp.projector import MediaChunk
from backends.llamacpp.sampler import Sampler, choose_seed
from backends.llamacpp.structured import TokenMask
from backends.llamacpp.tokens import SENTENCEPIECE, Detokenizer, StopFinder, Tokenizer
from backends.media_tokens import find_media_heads, text_tokens
from backends.options import GenerationOptions
from backends.reasoning import ReasoningSplitter
from models.errors import DamagedModelFile, GenerationFailed

_SILENT = 16
"""Tokens after which a reply that has shown nothing yet (a character in many pieces, a marker) need not be looked at after each."""


@dataclass(slots=True)
class Prompt:
    """A prompt ready to be read. ``splitter`` is None for a raw prompt, whose text is passed on as it is.

    ``form`` will be what the reply must look like, after its reasoning. ``adapters`` compute it.
    ``media`` are its pictures and sounds, by the first of the tokens that stand for them (:mod:`backends.media_tokens`).
    ``owner`` is whose text it is. ``shifted`` says what of the text was left out already, ``kept`` how much of its beginning stays.
    """

    tokens: list[int]
    stops: tuple[str, ...]
    splitter: ReasoningSplitter | None
    form: Future[TokenMask] | None = None
    adapters: AdapterSet = ()
    owner: str = ""
    shifted: ContextShifted | None = None
    kept: int = 0
    media: Mapping[int, MediaChunk] = field(default_factory=dict)


class Reply:
    """What the scheduler knows of one request.

    ``tokens`` are the prompt and everything chosen since; what ``slot`` does not hold of them is still to be computed, be it a
    prompt, the last token, or all of it after the request had to give up its place for a while.
    """

    def __init__(
        self, request_id: int, model: NativeModel, prompt: Prompt, options: GenerationOptions, is_cancelled: CancelCheck
    ) -> None:
        self.id = request_id
        self.is_cancelled = is_cancelled
        self.tokens = list(prompt.tokens)
        self.adapters = prompt.adapters
        self.owner = prompt.owner
        self.is_usual = prompt.adapters == model.adapters.usual
        self.form = prompt.form
        self._mask: TokenMask | None = None
        self.prompt_length = len(prompt.tokens)
        self.slot: Slot | None = None
        self.events: list[GenerationEvent] = []
        self.has_begun = self._has_spoken = False
        self._media_places = find_media_heads(self.tokens) if prompt.media else []
        self._model = model
        self._prompt = prompt
        self._options = options
        self._seed = choose_seed(options)
        self._stops = StopFinder(prompt.stops)
        self._detokenizer = Detokenizer(model.tokenizer)
        self._strips_space = prompt.splitter is not None and model.tokenizer.kind == SENTENCEPIECE
        self._sampler: Sampler | None = None
        self.drafted = self.accepted = 0
        self._cached = self._output = self._told = 0
        self.kept_tokens = prompt.kept
        if prompt.shifted is not None:
            self.events.append(prompt.shifted)
        self._queued_at = time.perf_counter()
        self._begun_at = self._queued_at
        self._read_at = self._first_token_at = 0.0

    @property
    def place(self) -> int:
        """Which sequence of the context computes it; -1 where it has none."""
        return self.slot.id if self.slot is not None else -1

    @property
    def pending(self) -> int:
        """Tokens that the cache does not hold yet."""
        return len(self.tokens) - (len(self.slot.tokens) if self.slot is not None else 0)

    @property
    def has_media(self) -> bool:
        """Whether there are pictures or sounds in it."""
        return bool(self._media_places)

    @property
    def text_ahead(self) -> int:
        """Tokens that the cache does not hold yet, up to the next picture or sound."""
        if not self._media_places:
            return self.pending
        start = len(self.tokens) - self.pending
        return next((place for place in self._media_places if place >= start), len(self.tokens)) - start

    def next_media(self, start: int) -> MediaChunk | None:
        """The picture or sound that begins at ``start``, if one does."""
        return self._prompt.media.get(self.tokens[start]) if start in self._media_places else None

    def coming_media(self, start: int, most: int) -> Iterator[MediaChunk]:
        """The next ones after it."""
        places = [place for place in self._media_places if place > start]
        return (self._prompt.media[self.tokens[place]] for place in places[:most])

    @property
    def is_reading(self) -> bool:
        """Whether more than the token chosen last is to be computed: a prompt, or a reply that lost its place."""
        return self.pending > 1 or not self._output

    def take_form(self) -> bool:
        """Whether the reply's form is there, where it must have one.

        Raises:
            UserFacingError: it cannot be followed.
        """
        if self.form is not None:
            if not self.form.done():
                return False
            self._mask, self.form = self.form.result(), None
        return True

    def begin(self) -> None:
        """It has a place, which holds some of its prompt already."""
        assert self.slot is not None
        if not self.has_begun:
            self.has_begun = True
            self._begun_at = time.perf_counter()
            self._cached = len(self.slot.tokens)
            self.events.append(PromptProgress(self._cached, self.prompt_length, self._cached))

    def note_read(self) -> None:
        """More of the prompt is in the cache."""
        assert self.slot is not None
        if not self._read_at:
            self.events.append(PromptProgress(len(self.slot.tokens), self.prompt_length, self._cached))

    def choose(self, row: int) -> FinishReason | None:
        """Take the next token from the logits of a row of the batch; the reason if the reply ends with it.

        Raises:
            DamagedModelFile: the weights compute no numbers.
            FormRefused: the form that was prescribed lets nothing follow.
        """
        if not self._read_at:
            if not self._has_numbers(row):
                file = Path(self._model.path).name
                raise DamagedModelFile(file=file, reason="It computes no numbers: some of its weights are damaged.")
            self._read_at = time.perf_counter()
        self.make_sampler()
        assert self._sampler is not None
        likelihoods = None
        if self._options.logprobs is not None:
            likelihoods = Likelihoods(self._model.tokenizer, self._read_logits(row))
        mask = self._mask
        if mask is not None and not mask.has_begun and self._prompt.splitter is not None and self._prompt.splitter.is_thinking:
            mask = None  # the prompt opened a thought, which is free; one that the form itself holds is not
        if mask is None:
            token = self.picker(self._model.context, row)
        else:
            token = self._sampler.choose_among(self._read_logits(row), mask.allowed())
        if not self._first_token_at:
            self._first_token_at = time.perf_counter()
        if self._model.tokenizer.is_end(token):
            if (
                likelihoods is not None and self._options.prompt_logprobs
            ):  # who reads every token expects one for each that was asked
                self.events.append(likelihoods.describe(token, self._options.logprobs or 0))
            return "stop"
        self._output += 1
        self.tokens.append(token)
        is_complete = mask is not None and mask.accept(token)
        if likelihoods is not None:
            self.events.append(likelihoods.describe(token, self._options.logprobs or 0))
        self._say(self._stops.add(self._detokenizer.add(token)))
        if self._stops.found or is_complete:
            return "stop"
        return "length" if self._is_full() else None

    @property
    def writes_freely(self) -> bool:
        """Whether its next tokens are chosen one after another with nothing to be looked at between: no form, stop text or likelihood,
        and no first word, which somebody waits for.
        """
        options = self._options
        is_watched = self._mask is not None or options.logprobs is not None or options.prompt_logprobs or self._prompt.stops
        is_heard = self._has_spoken or self._output >= _SILENT
        return self._read_at > 0 and is_heard and not is_watched and self.pending == 1 and self.room_to_write > 0

    @property
    def room_to_write(self) -> int:
        """Tokens that it may still write, by the request's limit and the context's."""
        room = self._model.context_length - len(self.tokens) + 1
        return min(room, self._options.max_tokens - self._output) if self._options.max_tokens else room

    @property
    def picker(self) -> Callable[[Any, int], int]:
        """The sampler's choice, by the context and a row of its batch."""
        assert self._sampler is not None
        return self._pick_from_few if self._sampler.has_shortlist else self._sampler.choose

    def _pick_from_few(self, context: Any, row: int) -> int:
        assert self._sampler is not None
        logits = self._read_logits(row)
        if (allowed := self._sampler.shorten(logits)) is not None:
            return self._sampler.choose_among(logits, allowed)
        return self._sampler.choose(context, row)

    def write(self, tokens: Sequence[int], *, is_ended: bool) -> FinishReason | None:
        """Say tokens that were chosen with :attr:`picker`; the reason if the reply is over, ``is_ended`` where the model said so."""
        self.tokens.extend(tokens)
        self._output += len(tokens)
        self._say("".join(map(self._detokenizer.add, tokens)), len(tokens))
        if is_ended:
            return "stop"
        return "length" if self._is_full() else None

    def _is_full(self) -> bool:
        is_full = len(self.tokens) > self._model.context_length and not self.can_shift
        return self._output == self._options.max_tokens or is_full

    @property
    def can_shift(self) -> bool:
        """Whether the middle of its text may be forgotten where the context is full."""
        return self._options.context_policy == "shift"

    @property
    def must_shift(self) -> bool:
        """Whether there is no room for its next token but by forgetting."""
        return self.can_shift and bool(self._output) and len(self.tokens) > self._model.context_length

    @property
    def context_length(self) -> int:
        """Tokens that it may hold."""
        return self._model.context_length

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's vocabulary."""
        return self._model.tokenizer

    def leave_out(self, start: int, count: int) -> None:
        """Forget tokens of its text, as the cache did."""
        del self.tokens[start : start + count]
        self._media_places = find_media_heads(self.tokens) if self._media_places else []

    @property
    def room_left(self) -> int:
        """Tokens that may be guessed beside the next one, by the request's limit and the context's."""
        room = self._model.context_length - len(self.tokens)
        return min(room, self._options.max_tokens - self._output - 1) if self._options.max_tokens else room

    @property
    def tells_prompt(self) -> bool:
        """Whether the likelihoods of the prompt's tokens are asked for and not all told yet."""
        return self._options.prompt_logprobs and self._told < self.prompt_length

    def tell_prompt(self, row: int, start: int, count: int) -> None:
        """Say how likely the prompt's tokens after these were: logits of ``count`` tokens from ``start`` on begin at ``row``."""
        read = self._model.tokenizer.bytes_of
        if not self._told:
            first = self.tokens[0]
            self.events.append(PromptToken(first, read(first), None))
            self._told = 1
        for place in range(max(start, self._told - 1), min(start + count, self.prompt_length - 1)):
            likelihoods = Likelihoods(self._model.tokenizer, self._read_logits(row + place - start))
            said = likelihoods.describe(self.tokens[place + 1], self._options.logprobs or 0)
            self.events.append(PromptToken(said.token, read(said.token), said.logprob, said.alternatives))
            self._told = place + 2

    def take_events(self) -> list[tuple[int, GenerationEvent]]:
        """What it says, each with its id; it is not said again."""
        said = [(self.id, event) for event in self.events]
        self.events.clear()
        return said

    def finish(self, reason: FinishReason) -> None:
        """Say what was held back, and that this was all."""
        if not self._stops.found:
            self._say(self._stops.add(self._detokenizer.finish()) + self._stops.finish())
        if self._prompt.splitter is not None:
            self.events.extend(self._prompt.splitter.finish())
        self.events.append(Finished(reason, self._usage(), self._seed, self._stops.text))

    def close(self) -> None:
        """Free what C owns. Safe to call twice."""
        if self.form is not None:
            self.form.cancel()
        if self._sampler is not None:
            self._sampler.close()

    def _has_numbers(self, row: int) -> bool:
        # A file with damaged weights computes NaN, which no sampler can choose from; the largest of numbers and NaN is NaN.
        import numpy

        return not math.isnan(numpy.maximum.reduce(self._read_logits(row)))  # max() comes there by way of Python

    @property
    def lacks_sampler(self) -> bool:
        """Whether :meth:`make_sampler` has something to do."""
        return self._sampler is None

    def make_sampler(self) -> None:
        """Make what chooses its tokens, if it is not there yet; may be done while the prompt is being computed.

        Raises:
            InvalidOption: the bias is for tokens that the model does not have.
        """
        if self._sampler is not None:
            return
        options = self._options
        if options.ignore_eos:
            never = tuple((token, -1000.0) for token in self._model.tokenizer.ends)
            options = replace(options, logit_bias=(*options.logit_bias, *never))
        sampler = self._new_sampler(options)
        sampler.feed(text_tokens(self._prompt.tokens) if self.has_media else self._prompt.tokens)
        self._sampler = sampler

    def _new_sampler(self, options: GenerationOptions) -> Sampler:
        model = self._model
        return Sampler(model.api, model.vocabulary, model.tokenizer.size, model.context_length, options, self._seed)

    def _read_logits(self, row: int) -> Any:
        """The logits of a row, as a numpy view of the engine's own buffer."""
        pointer = self._model.api.llama_get_logits_ith(self._model.context, row)
        if not pointer:
            raise GenerationFailed(reason="The engine gave no numbers for the next token.")
        return floats_at(pointer, self._model.tokenizer.size)

    def _say(self, text: str, pieces: int = 1) -> None:
        if self._strips_space and text:
            # SentencePiece writes the space before a word into the word; the first one separates nothing.
            text, self._strips_space = text.removeprefix(" "), False
        if not text:
            return
        if self._prompt.splitter is None:
            self._has_spoken = True
            self.events.append(TextDelta(text, pieces))
        elif deltas := self._prompt.splitter.add(text):
            self._has_spoken = True
            self.events.append(replace(deltas[0], pieces=pieces))
            self.events.extend(deltas[1:])

    def _usage(self) -> Usage:
        now = time.perf_counter()
        return Usage(
            prompt_tokens=self.prompt_length,
            cached_tokens=self._cached,
            output_tokens=self._output,
            prompt_seconds=(self._read_at or now) - self._begun_at if self.has_begun else 0.0,
            output_seconds=now - self._read_at if self._read_at else 0.0,
            first_token_seconds=self._first_token_at - self._queued_at if self._first_token_at else 0.0,
            waiting_seconds=(self._begun_at if self.has_begun else now) - self._queued_at,
            drafted_tokens=self.drafted,
            accepted_tokens=self.accepted,
        )
