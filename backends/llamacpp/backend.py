"""The llama.cpp backend: the Backend promise kept for GGUF files."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback
from backends.chat_template import PLAIN_STOPS, PLAIN_TRANSCRIPT, ChatTemplate
from backends.devices import GgmlLibrary
from backends.events import Finished, FinishReason, GenerationEvent, LoadedModel, PromptProgress, ReasoningDelta, TextDelta, Usage
from backends.llamacpp.library import NativeLibrary, library_folder
from backends.llamacpp.model import NativeModel
from backends.llamacpp.precheck import check_files, check_memory
from backends.llamacpp.sampler import Sampler, choose_seed
from backends.llamacpp.sequence import CachedSequence, Cancelled
from backends.llamacpp.tokens import SENTENCEPIECE, Detokenizer, StopFinder
from backends.options import GenerationOptions, LoadOptions
from backends.reasoning import MARKERS, ReasoningSplitter, find_continued_format, find_open_format
from models.card import read_card
from models.errors import ContextOverflow, EngineError, TemplateFailed


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A prompt ready to be read. ``splitter`` is None for a raw prompt, whose text is passed on as it is."""

    tokens: list[int]
    stops: tuple[str, ...]
    splitter: ReasoningSplitter | None


class LlamaCppBackend:
    """One GGUF model, one conversation at a time, in this process. See :class:`backends.backend.Backend`."""

    name = "llamacpp"

    def __init__(self) -> None:
        self._library: NativeLibrary | None = None
        self._model: NativeModel | None = None
        self._sequence: CachedSequence | None = None
        self._template: ChatTemplate | TemplateFailed = TemplateFailed()
        self._has_template = False

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """See :meth:`backends.backend.Backend.load`. The header is checked in Python before C sees the file."""
        self.close()
        headers = check_files(path)
        self._library = self._library or NativeLibrary()
        device = _name_device(self._library, options)
        estimate = check_memory(headers, options, on_processor=device == "CPU")
        model = NativeModel(self._library, path, options, progress)
        self._model = model
        self._sequence = CachedSequence(model)
        tokenizer = model.tokenizer
        tokenizer.show(MARKERS)
        source = model.chat_template()
        self._has_template = bool(source)
        begin, end = tokenizer.text_of(tokenizer.begin), tokenizer.text_of(tokenizer.end)
        try:
            self._template = ChatTemplate(source or PLAIN_TRANSCRIPT, begin=begin, end=end)
        except TemplateFailed as error:
            self._template = error  # the model still continues raw prompts
        progress(1.0)
        card = read_card(path, headers[0])
        api = model.api
        return LoadedModel(
            name=card.name,
            architecture=card.architecture,
            quantization=card.quantization,
            parameter_count=int(api.llama_model_n_params(model.model)),
            context_length=model.context_length,
            trained_context=model.trained_context,
            backend=self.name,
            device=device,
            engine_version=f"llama.cpp {self._library.version}",
            memory_bytes=estimate.total,
            has_chat_template=self._has_template,
        )

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """See :meth:`backends.backend.Backend.generate`."""
        model, sequence = self._loaded()
        started = time.perf_counter()
        prompt = self._prepare(model, request)
        if len(prompt.tokens) >= model.context_length:
            raise ContextOverflow(needed=len(prompt.tokens) + 1, available=model.context_length)
        run = _Run(model, sequence, prompt, request.options, started)
        try:
            yield from run.events(is_cancelled)
        finally:
            run.close()

    def count_tokens(self, request: GenerationRequest) -> int:
        """See :meth:`backends.backend.Backend.count_tokens`. Only reads, so it may run beside a generation."""
        model, _ = self._loaded()
        return len(self._prepare(model, request).tokens)

    def close(self) -> None:
        """Free context and weights; the native library stays loaded."""
        model, self._model, self._sequence = self._model, None, None
        if model is not None:
            model.close()

    def _loaded(self) -> tuple[NativeModel, CachedSequence]:
        if self._model is None or self._sequence is None:
            raise EngineError(details="no model is loaded")
        return self._model, self._sequence

    def _prepare(self, model: NativeModel, request: GenerationRequest) -> _Prompt:
        stops = request.options.stop
        if request.prompt is not None:
            tokens = model.tokenizer.encode_prompt(request.prompt)
            return _Prompt(tokens or [max(model.tokenizer.begin, 0)], stops, None)
        if isinstance(self._template, TemplateFailed):
            raise self._template
        text = self._template.render(request.messages, continue_last=request.continue_last)
        opened = find_continued_format(request.messages[-1], text) if request.continue_last else find_open_format(text)
        if not self._has_template:
            stops = (*stops, *PLAIN_STOPS)
        return _Prompt(model.tokenizer.encode_prompt(text), stops, ReasoningSplitter(opened))


class _Run:
    """One request on its way through the sequence."""

    def __init__(
        self, model: NativeModel, sequence: CachedSequence, prompt: _Prompt, options: GenerationOptions, started: float
    ) -> None:
        self._model = model
        self._sequence = sequence
        self._prompt = prompt
        self._seed = choose_seed(options)
        self._limit = options.max_tokens
        self._started = started
        self._stops = StopFinder(prompt.stops)
        self._detokenizer = Detokenizer(model.tokenizer)
        self._strips_space = prompt.splitter is not None and model.tokenizer.kind == SENTENCEPIECE
        self._cached = self._output = 0
        self._prompt_seconds = self._first_token_seconds = 0.0
        self._sampler = Sampler(
            model.api, model.vocabulary, model.tokenizer.size, model.context_length, options.sampling, self._seed
        )

    def close(self) -> None:
        self._sampler.close()

    def events(self, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        reason: FinishReason
        try:
            yield from self._read_prompt(is_cancelled)
            reason = yield from self._generate(is_cancelled)
        except Cancelled:
            reason = "cancelled"
        if not self._stops.found:
            yield from self._split(self._stops.add(self._detokenizer.finish()) + self._stops.finish())
        if self._prompt.splitter is not None:
            yield from self._prompt.splitter.finish()
        yield Finished(reason, self._usage(), self._seed)

    def _read_prompt(self, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        for step in self._sequence.read_prompt(self._prompt.tokens, is_cancelled):
            self._cached = step.cached
            yield PromptProgress(step.done, step.total, step.cached)
        self._prompt_seconds = time.perf_counter() - self._started

    def _generate(self, is_cancelled: CancelCheck) -> Generator[GenerationEvent, None, FinishReason]:
        """Yields deltas; returns why it ended (a generator's return value)."""
        model, sampler, sequence = self._model, self._sampler, self._sequence
        sampler.feed(self._prompt.tokens)
        while True:
            token = sampler.choose(model.context)
            if not self._output:
                self._first_token_seconds = time.perf_counter() - self._started
            if model.tokenizer.is_end(token):
                return "stop"
            self._output += 1
            yield from self._split(self._stops.add(self._detokenizer.add(token)))
            if self._stops.found:
                return "stop"
            if self._output == self._limit or sequence.is_full:
                return "length"
            sequence.extend(token, is_cancelled)

    def _split(self, text: str) -> Iterator[TextDelta | ReasoningDelta]:
        if self._strips_space and text:
            # SentencePiece writes the space before a word into the word; the first one separates nothing.
            text, self._strips_space = text.removeprefix(" "), False
        if not text:
            return
        if self._prompt.splitter is None:
            yield TextDelta(text)
        else:
            yield from self._prompt.splitter.add(text)

    def _usage(self) -> Usage:
        elapsed = time.perf_counter() - self._started
        return Usage(
            prompt_tokens=len(self._prompt.tokens),
            cached_tokens=self._cached,
            output_tokens=self._output,
            prompt_seconds=self._prompt_seconds or elapsed,
            output_seconds=elapsed - self._prompt_seconds if self._prompt_seconds else 0.0,
            first_token_seconds=self._first_token_seconds,
        )


def _name_device(library: NativeLibrary, options: LoadOptions) -> str:
    """Where the layers will lie: the chosen device, else all GPUs of this build, else the CPU."""
    if options.device:
        return "CPU" if options.device.upper() == "CPU" else options.device
    if options.gpu_layers == 0 or not library.api.llama_supports_gpu_offload():
        return "CPU"
    gpus = [device.name for device in GgmlLibrary(library_folder()).list_devices() if device.kind in ("gpu", "integrated_gpu")]
    return ", ".join(gpus) or "CPU"
