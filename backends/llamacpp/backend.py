"""The llama.cpp backend: the Backend promise kept for GGUF files."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback
from backends.chat_template import PLAIN_STOPS, PLAIN_TRANSCRIPT, ChatTemplate
from backends.devices import GgmlLibrary
from backends.events import Failed, Finished, GenerationEvent, LoadedModel
from backends.llamacpp.archive import Archive, fingerprint
from backends.llamacpp.library import NativeLibrary, library_folder
from backends.llamacpp.memory_report import read_report
from backends.llamacpp.model import NativeModel
from backends.llamacpp.precheck import check_files, check_memory
from backends.llamacpp.reply import Prompt, Reply
from backends.llamacpp.scheduler import Scheduler
from backends.llamacpp.structured import FormCompiler
from backends.options import LoadOptions
from backends.reasoning import MARKERS, ReasoningSplitter, find_continued_format, find_open_format
from models.card import find_split_parts, read_card
from models.errors import ContextOverflow, EngineError, TemplateFailed


class LlamaCppBackend:
    """One GGUF model and everything that is asked of it, in this process. See :class:`backends.backend.ServingBackend`."""

    name = "llamacpp"

    def __init__(self) -> None:
        self._library: NativeLibrary | None = None
        self._model: NativeModel | None = None
        self._scheduler: Scheduler | None = None
        self._own_ids = itertools.count(-1, -1)
        self._own_events: dict[int, deque[GenerationEvent]] = {}
        self._others: list[tuple[int, GenerationEvent]] = []
        self._archive: Archive | None = None
        self._forms: FormCompiler | None = None
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
        self._archive = self._open_archive(options)
        self._scheduler = Scheduler(
            model,
            parallel=options.parallel,
            waiting_limit=options.waiting_limit,
            lookup_tokens=options.lookup_tokens,
            archive=self._archive,
        )
        tokenizer = model.tokenizer
        self._forms = FormCompiler(tokenizer)
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
        memory = read_report(self._library.buffer_lines())
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
            memory_bytes=sum(part.weights + part.kv_cache + part.compute for part in memory) or estimate.total,
            memory=memory,
            has_chat_template=self._has_template,
        )

    @property
    def is_idle(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        return not self._others and (self._scheduler is None or self._scheduler.is_idle)

    def submit(self, request_id: int, request: GenerationRequest, is_cancelled: CancelCheck) -> None:
        """See :meth:`backends.backend.ServingBackend.submit`."""
        model, scheduler = self._loaded()
        prompt = replace(self._prepare(model, request), mask=self._forms.compile(request.options) if self._forms else None)
        if len(prompt.tokens) >= model.context_length:
            raise ContextOverflow(needed=len(prompt.tokens) + 1, available=model.context_length)
        scheduler.submit(Reply(request_id, model, prompt, request.options, is_cancelled))

    def step(self) -> Sequence[tuple[int, GenerationEvent]]:
        """See :meth:`backends.backend.ServingBackend.step`."""
        self._advance()
        pairs, self._others = self._others, []
        return pairs

    def rest(self) -> bool:
        """See :meth:`backends.backend.ServingBackend.rest`."""
        return self._scheduler is not None and self._scheduler.rest()

    def drop_all(self) -> None:
        """See :meth:`backends.backend.ServingBackend.drop_all`."""
        _, scheduler = self._loaded()
        scheduler.close()
        scheduler.cache.clear_all()
        self._own_events.clear()
        self._others.clear()

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """See :meth:`backends.backend.Backend.generate`. Several may be read in turns: each advances all of them."""
        request_id = next(self._own_ids)
        events = self._own_events[request_id] = deque()
        is_abandoned = False
        try:
            self.submit(request_id, request, lambda: is_abandoned or is_cancelled())
            while True:
                while not events:
                    self._advance()
                event = events.popleft()
                if isinstance(event, Failed):
                    raise event.error
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            is_abandoned = True
            del self._own_events[request_id]

    def _advance(self) -> None:
        _, scheduler = self._loaded()
        for request_id, event in scheduler.step():
            if request_id >= 0:
                self._others.append((request_id, event))
            elif (events := self._own_events.get(request_id)) is not None:
                events.append(event)

    def count_tokens(self, request: GenerationRequest) -> int:
        """See :meth:`backends.backend.Backend.count_tokens`. Only reads, so it may run beside a generation."""
        model, _ = self._loaded()
        return len(self._prepare(model, request).tokens)

    def close(self) -> None:
        """Free context and weights; the native library stays loaded."""
        model, self._model = self._model, None
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.close()
            while scheduler.rest() and self._archive is not None:
                self._archive.wait()
        if self._archive is not None:
            self._archive.wait()
            self._archive = None
        if model is not None:
            model.close()

    def _open_archive(self, options: LoadOptions) -> Archive | None:
        """Where sequences are kept between two lives of the engine; None where they are not."""
        if not options.cache_folder or not options.cache_megabytes or self._model is None or self._library is None:
            return None
        facts: dict[str, object] = {"kv_type": options.kv_type, "engine": self._library.version}
        key = b"".join(fingerprint(part, facts) for part in find_split_parts(Path(self._model.path)))
        return Archive(Path(options.cache_folder), options.cache_megabytes * 1_000_000, key)

    def _loaded(self) -> tuple[NativeModel, Scheduler]:
        if self._model is None or self._scheduler is None:
            raise EngineError(details="no model is loaded")
        return self._model, self._scheduler

    def _prepare(self, model: NativeModel, request: GenerationRequest) -> Prompt:
        stops = request.options.stop
        if request.prompt is not None:
            tokens = model.tokenizer.encode_prompt(request.prompt)
            return Prompt(tokens or [max(model.tokenizer.begin, 0)], stops, None)
        if isinstance(self._template, TemplateFailed):
            raise self._template
        text = self._template.render(request.messages, continue_last=request.continue_last)
        opened = find_continued_format(request.messages[-1], text) if request.continue_last else find_open_format(text)
        if not self._has_template:
            stops = (*stops, *PLAIN_STOPS)
        return Prompt(model.tokenizer.encode_prompt(text), stops, ReasoningSplitter(opened))


def _name_device(library: NativeLibrary, options: LoadOptions) -> str:
    """Where the layers will lie: the chosen device, else all GPUs of this build, else the CPU."""
    if options.device:
        return "CPU" if options.device.upper() == "CPU" else options.device
    if options.gpu_layers == 0 or not library.api.llama_supports_gpu_offload():
        return "CPU"
    gpus = [device.name for device in GgmlLibrary(library_folder()).list_devices() if device.kind in ("gpu", "integrated_gpu")]
    return ", ".join(gpus) or "CPU"
