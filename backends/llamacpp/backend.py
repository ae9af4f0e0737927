"""The llama.cpp backend: the Backend promise kept for GGUF files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback, Tell
from backends.chat_template import PLAIN_STOPS, PLAIN_TRANSCRIPT, ChatTemplate, show_marks
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.events import GenerationEvent, LoadedModel
from backends.llamacpp.archive import Archive, fingerprint
from backends.llamacpp.draft import DraftModel
from backends.llamacpp.embeddings import Embedder
from backends.llamacpp.extra_layers import ExtraLayers, check_extra_layers
from backends.llamacpp.eyes import Eyes
from backends.llamacpp.kv_cache import common_length
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.load_notices import LockWatch, find_notices
from backends.llamacpp.media_prompt import MediaPrompts
from backends.llamacpp.memory_report import add_projector, read_report
from backends.llamacpp.model import NativeModel
from backends.llamacpp.placement import choose_places, fall_back
from backends.llamacpp.precheck import check_files, check_memory
from backends.llamacpp.reply import Prompt, Reply
from backends.llamacpp.scheduler import Scheduler
from backends.llamacpp.shifting import shorten
from backends.llamacpp.speculation import Speculation
from backends.llamacpp.structured import FormCompiler
from backends.messages import make_text_message
from backends.options import OWN_LAYERS, LoadOptions
from backends.own_replies import OwnReplies
from backends.reasoning import MARKERS, ReasoningSplitter, find_continued_format, find_open_format
from backends.tool_calls.formats import MARKERS as TOOL_MARKERS
from models.card import find_split_parts, read_card
from models.errors import CannotInfill, CannotWrite, ContextOverflow, EngineError, InvalidOption, OutOfMemory, TemplateFailed
from models.projectors import expects_projector, find_projector


class LlamaCppBackend:
    """One GGUF model and everything that is asked of it, in this process. See :class:`backends.backend.ServingBackend`."""

    name = "llamacpp"

    def __init__(self) -> None:
        self._library: NativeLibrary | None = None
        self._model: NativeModel | None = None
        self._scheduler: Scheduler | None = None
        self._replies = OwnReplies()
        self._archive: Archive | None = None
        self._forms: FormCompiler | None = None
        self._embedder: Embedder | None = None
        self._kind = ""
        self._template: ChatTemplate | TemplateFailed = TemplateFailed()
        self._has_template = False
        self._media = MediaPrompts()

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """See :meth:`backends.backend.Backend.load`. The header is checked in Python before C sees the file."""
        self.close()
        headers = check_files(path)
        if options.draft_model == OWN_LAYERS:
            check_extra_layers(path, headers)
        self._library = self._library or NativeLibrary()
        card = read_card(path, headers[0])
        self._kind = card.kind
        writes = card.kind in ("chat", "base")
        beside = find_projector(Path(path), headers[0], options.projector) if writes else None
        projector = str(beside or "")
        places = choose_places(self._library, headers, options, projector)
        estimate = check_memory(headers, places.options, on_processor=places.device == "CPU", projector=beside)
        needed = estimate.kv_cache + estimate.compute
        watch = LockWatch(progress, self._library.log_text) if options.use_mlock else progress
        while True:
            try:
                model = NativeModel(
                    self._library, path, places.options, watch, writes=writes, projector=projector, memory_beside=needed
                )
                break
            except OutOfMemory:
                if (elsewhere := fall_back(places)) is None:
                    raise
                places = elsewhere
        options, self._model = places.options, model
        is_unlocked = isinstance(watch, LockWatch) and watch.has_failed
        notices = [*filter(None, [places.notice]), *find_notices(model, options, is_unlocked=is_unlocked)]
        buffers = self._library.buffer_lines()
        self._embedder = Embedder(self._library, model, options)
        if model.context:
            self._prepare_to_write(model, options, progress)
        if options.draft_model:
            buffers += self._library.buffer_lines()
        progress(1.0)
        memory = add_projector(read_report(buffers), projector)
        return LoadedModel(
            name=card.name,
            architecture=card.architecture,
            quantization=card.quantization,
            parameter_count=int(model.api.llama_model_n_params(model.model)),
            context_length=model.context_length if model.context else self._embedder.limit,
            trained_context=model.trained_context,
            backend=self.name,
            device=places.device,
            notice="\n".join(notices),
            engine_version=f"llama.cpp {self._library.version}",
            memory_bytes=sum(part.weights + part.kv_cache + part.compute for part in memory) or estimate.total,
            memory=memory,
            has_chat_template=self._has_template,
            chat_template=options.chat_template or model.chat_template() or "",
            can_see=model.projector is not None and model.projector.sees,
            can_hear=model.projector is not None and model.projector.hears,
            lacks_projector=writes and not projector and options.projector != "none" and expects_projector(headers[0]),
            can_write=bool(model.context),
            can_rerank=self._embedder.can_rerank,
            embedding_width=self._embedder.width,
        )

    def _prepare_to_write(self, model: NativeModel, options: LoadOptions, progress: ProgressCallback) -> None:
        """Everything that generating needs beside the model: scheduler, forms and template."""
        self._archive = self._open_archive(options)
        assert self._library is not None
        draft: DraftModel | ExtraLayers | None = None
        if options.draft_model == OWN_LAYERS:
            draft = ExtraLayers(model, options)
        elif options.draft_model:
            draft = DraftModel(self._library, options, model, progress)
        self._scheduler = Scheduler(
            model,
            parallel=options.parallel,
            waiting_limit=options.waiting_limit,
            speculation=Speculation(options.lookup_tokens if model.most_guesses else 0, draft),
            archive=self._archive,
            eyes=Eyes(model.projector, options.media_megabytes * 1_000_000) if model.projector is not None else None,
        )
        tokenizer = model.tokenizer
        self._forms = FormCompiler(tokenizer)
        tokenizer.show((*MARKERS, *TOOL_MARKERS))
        source = options.chat_template or model.chat_template()
        self._has_template = bool(source)
        begin, end = tokenizer.text_of(tokenizer.begin), tokenizer.text_of(tokenizer.end)
        try:
            self._template = ChatTemplate(source or PLAIN_TRANSCRIPT, begin=begin, end=end)
        except TemplateFailed as error:
            self._template = error  # the model still continues raw prompts

    def embed(self, request: EmbeddingRequest, is_cancelled: CancelCheck) -> EmbeddingResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.embed`. May run beside a generation, in another thread."""
        return self._asked_embedder().embed(request, is_cancelled)

    def rerank(self, request: RerankRequest, is_cancelled: CancelCheck) -> RerankResult:
        """See :meth:`backends.embeddings.EmbeddingBackend.rerank`."""
        return self._asked_embedder().rerank(request, is_cancelled)

    def _asked_embedder(self) -> Embedder:
        if (embedder := self._embedder) is None:
            raise EngineError(details="no model is loaded")
        return embedder

    @property
    def is_idle(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        return not self._replies.is_waiting and (self._scheduler is None or self._scheduler.is_idle)

    @property
    def computes_long(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        return self._scheduler is not None and self._scheduler.computes_long

    def submit(self, request_id: int, request: GenerationRequest, is_cancelled: CancelCheck) -> None:
        """See :meth:`backends.backend.ServingBackend.submit`."""
        model, scheduler = self._loaded()
        adapters = model.adapters.prepare(request.options.adapters)
        form = self._forms.begin(request.options) if self._forms else None
        prompt = self._prepare(model, request)
        prompt.form, prompt.adapters, prompt.owner = form, adapters, request.owner
        if request.options.context_policy == "shift":
            kept = self._count_system_tokens(model, request, prompt.tokens)
            tokens, shifted = shorten(prompt.tokens, model.context_length, kept, model.tokenizer)
            prompt.tokens, prompt.shifted, prompt.kept = tokens, shifted, kept
        if len(prompt.tokens) >= model.context_length:
            raise ContextOverflow(needed=len(prompt.tokens) + 1, available=model.context_length)
        if prompt.media and request.options.prompt_logprobs:
            raise InvalidOption(option="prompt_logprobs", value="asked for", allowed="off where there are pictures or sounds")
        scheduler.submit(Reply(request_id, model, prompt, request.options, is_cancelled))

    def step(self) -> Sequence[tuple[int, GenerationEvent]]:
        """See :meth:`backends.backend.ServingBackend.step`."""
        return self._replies.step(self._scheduler)

    def listen(self, tell: Tell, has_news: Callable[[], bool]) -> None:
        """See :meth:`backends.backend.TellingBackend.listen`."""
        if self._scheduler is not None:
            # Words of replies that are read here are fetched with a step, and before those that are told.
            self._scheduler.burst.listen(tell, lambda: has_news() or self._replies.are_read or self._replies.is_waiting)

    def look_for_cancels(self) -> None:
        """See :class:`backends.backend.ServingBackend`."""
        if self._scheduler is not None:
            self._scheduler.interrupt.look()

    def settle(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        return self._scheduler is not None and self._scheduler.parking.settle()

    def rest(self) -> bool:
        """See :meth:`backends.backend.ServingBackend.rest`."""
        if self._forms is not None:
            self._forms.prepare()
        return self._scheduler is not None and self._scheduler.rest()

    def forget(self, owner: str) -> None:
        """See :meth:`backends.backend.ServingBackend.forget`."""
        if self._scheduler is not None:
            self._scheduler.forget(owner)

    def drop_all(self) -> None:
        """See :meth:`backends.backend.ServingBackend.drop_all`."""
        if self._scheduler is not None:
            self._scheduler.drop_all()
            self._scheduler.cache.clear_all()
        self._replies.clear()

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """See :meth:`backends.backend.Backend.generate`. Several may be read in turns: each advances all of them."""
        return self._replies.read(
            lambda number, is_over: self.submit(number, request, is_over), lambda: self._scheduler, is_cancelled
        )

    def count_tokens(self, request: GenerationRequest) -> int:
        """See :meth:`backends.backend.Backend.count_tokens`. Only reads, so it may run beside a generation."""
        model, _ = self._loaded()
        return len(self._prepare(model, request).tokens)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See :meth:`backends.backend.ReadingBackend.tokenize`."""
        tokenizer = self._any_model().tokenizer
        tokens = tokenizer.encode(text, parse_special=parse_special)
        if add_special and tokenizer.adds_begin and (not tokens or tokens[0] != tokenizer.begin):
            tokens.insert(0, tokenizer.begin)
        return tokens

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        """See :meth:`backends.backend.ReadingBackend.detokenize`."""
        model = self._any_model()
        _check_ids(model, tokens)
        return b"".join(model.tokenizer.bytes_of(token) for token in tokens)

    def render(self, request: GenerationRequest) -> str:
        """See :meth:`backends.backend.ReadingBackend.render`."""
        return show_marks(self._render(request))

    def close(self) -> None:
        """Free context and weights; the native library stays loaded."""
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()
        model, self._model = self._model, None
        scheduler, self._scheduler = self._scheduler, None
        forms, self._forms = self._forms, None
        if forms is not None:
            forms.close()
        if scheduler is not None:
            scheduler.close()
            while scheduler.rest(is_final=True) and self._archive is not None:
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
        if options.flash_attention is False:  # values lie in another order then
            facts["flash_attention"] = False
        files = [(part, facts) for part in find_split_parts(Path(self._model.path))]
        files += [(Path(adapter.path), {"scale": adapter.scale}) for adapter in self._model.adapters.usual]
        key = b"".join(fingerprint(path, computed_with) for path, computed_with in files)
        return Archive(Path(options.cache_folder), options.cache_megabytes * 1_000_000, key)

    def _any_model(self) -> NativeModel:
        """The model in memory, also one that does not write."""
        if self._model is None:
            raise EngineError(details="no model is loaded")
        return self._model

    def _loaded(self) -> tuple[NativeModel, Scheduler]:
        if self._model is None:
            raise EngineError(details="no model is loaded")
        if self._scheduler is None:
            kind = "a reranking model" if self._kind == "reranker" else "an embedding model"
            raise CannotWrite(model=Path(self._model.path).name, kind=kind)
        return self._model, self._scheduler

    def _prepare(self, model: NativeModel, request: GenerationRequest) -> Prompt:
        stops = request.options.stop
        if request.prompt_tokens:
            _check_ids(model, request.prompt_tokens)
            return Prompt(list(request.prompt_tokens), stops, None)
        if request.suffix is not None:
            return Prompt(self._frame_gap(model, request.prompt or "", request.suffix), stops, None)
        if request.prompt is not None:
            tokens = model.tokenizer.encode_prompt(request.prompt + request.answer_prefix)
            return Prompt(tokens or [max(model.tokenizer.begin, 0)], stops, None)
        text = self._render(request)
        opened = find_continued_format(request.messages[-1], text) if request.continue_last else find_open_format(text)
        if request.answer_prefix:
            # The answer itself has begun, so thoughts that the template opened end before it.
            text += f"{opened.close}\n\n{opened.answer_open}" if opened else ""
            text, opened = text + request.answer_prefix, None
        if not self._has_template:
            stops = (*stops, *PLAIN_STOPS)
        tokens, media = self._media.split(model, request.messages, text)
        return Prompt(tokens, stops, ReasoningSplitter(opened), media=media)

    def _render(self, request: GenerationRequest) -> str:
        if isinstance(self._template, TemplateFailed):
            raise self._template
        values = json.loads(request.template_values) if request.template_values else {}
        return self._template.render(request.messages, continue_last=request.continue_last, **values)

    def _count_system_tokens(self, model: NativeModel, request: GenerationRequest, tokens: list[int]) -> int:
        """How many of a prompt's first tokens are the system prompt and its frame; 0 where there is none."""
        if len(request.messages) < 2 or request.messages[0].role != "system":
            return 0
        other = replace(
            request, messages=(request.messages[0], make_text_message("user", "0")), continue_last=False, answer_prefix=""
        )
        return common_length(tokens, self._prepare(model, other).tokens, len(tokens))

    def _frame_gap(self, model: NativeModel, prefix: str, suffix: str) -> list[int]:
        """The prompt that asks for what stands between two texts, as models were trained (https://arxiv.org/abs/2207.14255).

        Raises:
            CannotInfill: this model was not.
        """
        api, tokenizer = model.api, model.tokenizer
        marks = [
            int(find(model.vocabulary)) for find in (api.llama_vocab_fim_pre, api.llama_vocab_fim_suf, api.llama_vocab_fim_mid)
        ]
        if min(marks) < 0:
            raise CannotInfill(model=Path(model.path).name)
        before, after = (tokenizer.encode(text, parse_special=False) for text in (prefix, suffix))
        begin = [tokenizer.begin] if tokenizer.adds_begin else []
        return [*begin, marks[0], *before, marks[1], *after, marks[2]]


def _check_ids(model: NativeModel, tokens: Sequence[int]) -> None:
    """Raises InvalidOption for an id outside of the vocabulary: C would read beyond its arrays."""
    size = model.tokenizer.size
    if wrong := [token for token in tokens if not 0 <= token < size]:
        raise InvalidOption(option="tokens", value=wrong[0], allowed=f"ids of tokens, 0 to {size - 1}")
