"""The torch backend: the Backend promise kept for safetensors, AWQ and compressed-tensors checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback
from backends.chat_template import PLAIN_STOPS, PLAIN_TRANSCRIPT, ChatTemplate, show_marks
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.events import DeviceMemory, GenerationEvent, LoadedModel
from backends.llamacpp.eyes import Eyes
from backends.llamacpp.kv_cache import common_length
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.media_prompt import MediaPrompts
from backends.llamacpp.reply import Prompt
from backends.llamacpp.shifting import shorten
from backends.llamacpp.structured import FormCompiler
from backends.messages import make_text_message
from backends.options import LoadOptions
from backends.own_replies import OwnReplies
from backends.reasoning import MARKERS, ReasoningSplitter, find_continued_format, find_open_format
from backends.tool_calls.formats import MARKERS as TOOL_MARKERS
from backends.torch_transformers.adapters import TorchAdapters
from backends.torch_transformers.embeddings import Embedder
from backends.torch_transformers.network import TorchNetwork
from backends.torch_transformers.repetition import find_breakers
from backends.torch_transformers.reply import ReplyModel, TorchReply
from backends.torch_transformers.scheduler import Scheduler
from backends.torch_transformers.senses import find_senses, tell_what_lacks
from models.errors import CannotInfill, ContextOverflow, EngineError, InvalidOption, TemplateFailed


class TorchBackend:
    """One checkpoint and everything that is asked of it, in this process. See :class:`backends.backend.ServingBackend`."""

    name = "torch_transformers"

    def __init__(self) -> None:
        self._network: TorchNetwork | None = None
        self._scheduler: Scheduler | None = None
        self._model: ReplyModel | None = None
        self._forms: FormCompiler | None = None
        self._embedder: Embedder | None = None
        self._library: NativeLibrary | None = None
        self._replies = OwnReplies()
        self._template: ChatTemplate | TemplateFailed = TemplateFailed()
        self._has_template = False
        self._eyes: Eyes | None = None
        self._media = MediaPrompts()

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """See :meth:`backends.backend.Backend.load`."""
        self.close()
        network = TorchNetwork(Path(path), options, progress)
        self._library = self._library or NativeLibrary()
        self._network = network
        tokenizer: Any = network.tokenizer
        texts = [tokenizer.bytes_of(token) for token in range(tokenizer.size)]
        projector = find_senses(network.model, network.folder, network.tokenizer, network.device)
        self._eyes = Eyes(projector, options.media_megabytes * 1_000_000) if projector is not None else None
        adapters = TorchAdapters(network.model, network.device, path, options.adapters)
        self._model = ReplyModel(
            self._library.api, tokenizer, network.context_length, path, adapters, find_breakers(texts), projector=projector
        )
        self._scheduler = Scheduler(
            network.model,
            network.device,
            path,
            network.context_length,
            parallel=options.parallel,
            waiting_limit=options.waiting_limit,
            batch_size=options.micro_batch,
            eyes=self._eyes,
        )
        self._forms = FormCompiler(tokenizer)
        self._embedder = Embedder(
            network.model, network.device, network.tokenizer, network.folder, network.context_length, adapters.usual
        )
        self._read_template(network, options.chat_template)
        progress(1.0)
        facts = network.facts
        memory = DeviceMemory(network.device_name, network.weight_bytes, 0, 0)
        return LoadedModel(
            name=facts.name,
            architecture=facts.architecture,
            quantization=facts.quantization,
            parameter_count=network.parameter_count,
            context_length=network.context_length,
            trained_context=network.trained_context,
            backend=self.name,
            device=network.device_name,
            engine_version=network.version,
            memory_bytes=network.weight_bytes,
            memory=(memory,),
            has_chat_template=self._has_template,
            chat_template=network.template,
            can_see=projector is not None and projector.sees,
            can_hear=projector is not None and projector.hears,
            embedding_width=self._embedder.width,
            notice=tell_what_lacks(network.model.config, projector),
        )

    def _read_template(self, network: TorchNetwork, chosen: str) -> None:
        tokenizer = network.tokenizer
        tokenizer.show((*MARKERS, *TOOL_MARKERS))
        source = chosen or network.template
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
        """Its layers take that long together."""
        return not self.is_idle

    def submit(self, request_id: int, request: GenerationRequest, is_cancelled: CancelCheck) -> None:
        """See :meth:`backends.backend.ServingBackend.submit`."""
        model, scheduler = self._loaded()
        options = request.options
        adapters = model.adapters.prepare(options.adapters)
        self._check_ids([token for token, _ in options.logit_bias], "logit_bias")
        form = self._forms.begin(options) if self._forms else None
        prompt = replace(self._prepare(model, request), form=form, adapters=adapters, owner=request.owner)
        if options.context_policy == "shift":
            tokenizer: Any = model.tokenizer
            kept = self._count_system_tokens(model, request, prompt.tokens)
            tokens, shifted = shorten(prompt.tokens, model.context_length, kept, tokenizer)
            prompt = replace(prompt, tokens=tokens, shifted=shifted, kept=kept)
        if len(prompt.tokens) >= model.context_length:
            raise ContextOverflow(needed=len(prompt.tokens) + 1, available=model.context_length)
        if prompt.media and options.prompt_logprobs:
            raise InvalidOption(option="prompt_logprobs", value="asked for", allowed="off where there are pictures or sounds")
        owner: Any = model
        scheduler.submit(TorchReply(request_id, owner, prompt, options, is_cancelled))

    def step(self) -> Sequence[tuple[int, GenerationEvent]]:
        """See :meth:`backends.backend.ServingBackend.step`."""
        return self._replies.step(self._scheduler)

    def look_for_cancels(self) -> None:
        """Every step looks for itself here."""

    def settle(self) -> bool:
        """See :class:`backends.backend.ServingBackend`."""
        return False

    def rest(self) -> bool:
        """See :meth:`backends.backend.ServingBackend.rest`."""
        if self._forms is not None:
            self._forms.prepare()
        return False

    def forget(self, owner: str) -> None:
        """See :meth:`backends.backend.ServingBackend.forget`."""
        if self._scheduler is not None:
            self._scheduler.forget(owner)

    def drop_all(self) -> None:
        """See :meth:`backends.backend.ServingBackend.drop_all`."""
        if self._scheduler is not None:
            self._scheduler.drop_all()
        self._replies.clear()

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """See :meth:`backends.backend.Backend.generate`. Several may be read in turns: each advances all of them."""
        return self._replies.read(
            lambda number, is_over: self.submit(number, request, is_over), lambda: self._scheduler, is_cancelled
        )

    def count_tokens(self, request: GenerationRequest) -> int:
        """See :meth:`backends.backend.Backend.count_tokens`. Only reads, so it may run beside a generation."""
        return len(self._prepare(self._loaded()[0], request).tokens)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See :meth:`backends.backend.ReadingBackend.tokenize`."""
        tokenizer = self._loaded()[0].tokenizer
        tokens = tokenizer.encode(text, parse_special=parse_special)
        if add_special and tokenizer.adds_begin and (not tokens or tokens[0] != tokenizer.begin):
            tokens.insert(0, tokenizer.begin)
        return tokens

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        """See :meth:`backends.backend.ReadingBackend.detokenize`."""
        self._check_ids(tokens)
        return b"".join(self._loaded()[0].tokenizer.bytes_of(token) for token in tokens)

    def render(self, request: GenerationRequest) -> str:
        """See :meth:`backends.backend.ReadingBackend.render`."""
        return show_marks(self._render(request))

    def _render(self, request: GenerationRequest) -> str:
        if isinstance(self._template, TemplateFailed):
            raise self._template
        values = json.loads(request.template_values) if request.template_values else {}
        return self._template.render(request.messages, continue_last=request.continue_last, **values)

    def close(self) -> None:
        """Free everything. Safe to call twice."""
        forms, self._forms = self._forms, None
        if forms is not None:
            forms.close()
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.drop_all()
        eyes, self._eyes = self._eyes, None
        if eyes is not None:
            eyes.close()
        network, self._network = self._network, None
        self._model = self._embedder = None
        if network is not None:
            network.close()

    def _loaded(self) -> tuple[ReplyModel, Scheduler]:
        if self._model is None or self._scheduler is None:
            raise EngineError(details="no model is loaded")
        return self._model, self._scheduler

    def _prepare(self, model: ReplyModel, request: GenerationRequest) -> Prompt:
        stops = request.options.stop
        if request.prompt_tokens:
            self._check_ids(request.prompt_tokens)
            return Prompt(list(request.prompt_tokens), stops, None)
        if request.suffix is not None:
            return Prompt(self._frame_gap(model, request.prompt or "", request.suffix), stops, None)
        if request.prompt is not None:
            tokens = model.tokenizer.encode_prompt(request.prompt + request.answer_prefix)
            return Prompt(tokens or [max(model.tokenizer.begin, 0)], stops, None)
        text = self._render(request)
        opened = find_continued_format(request.messages[-1], text) if request.continue_last else find_open_format(text)
        if request.answer_prefix:
            # the answer itself has begun, so thoughts that the template opened end before it
            text += f"{opened.close}\n\n{opened.answer_open}" if opened else ""
            text, opened = text + request.answer_prefix, None
        if not self._has_template:
            stops = (*stops, *PLAIN_STOPS)
        seeing: Any = model
        tokens, media = self._media.split(seeing, request.messages, text)
        return Prompt(tokens, stops, ReasoningSplitter(opened), media=media)

    def _count_system_tokens(self, model: ReplyModel, request: GenerationRequest, tokens: list[int]) -> int:
        """How many of a prompt's first tokens are the system prompt and its frame; 0 where there is none."""
        if len(request.messages) < 2 or request.messages[0].role != "system":
            return 0
        messages = (request.messages[0], make_text_message("user", "0"))
        other = replace(request, messages=messages, continue_last=False, answer_prefix="")
        return common_length(tokens, self._prepare(model, other).tokens, len(tokens))

    def _frame_gap(self, model: ReplyModel, prefix: str, suffix: str) -> list[int]:
        """The prompt that asks for what stands between two texts (https://arxiv.org/abs/2207.14255).

        Raises:
            CannotInfill: the vocabulary has no marks for it.
        """
        tokenizer = model.tokenizer
        marks = [tokenizer.encode(f"<|fim_{name}|>") for name in ("prefix", "suffix", "middle")]
        if any(len(mark) != 1 for mark in marks):
            raise CannotInfill(model=Path(model.path).name)
        before, after = (tokenizer.encode(text, parse_special=False) for text in (prefix, suffix))
        begin = [tokenizer.begin] if tokenizer.adds_begin else []
        return [*begin, *marks[0], *before, *marks[1], *after, *marks[2]]

    def _check_ids(self, tokens: Sequence[int], option: str = "tokens") -> None:
        """Raises InvalidOption for an id outside of the vocabulary."""
        size = self._loaded()[0].tokenizer.size
        if wrong := [token for token in tokens if not 0 <= token < size]:
            raise InvalidOption(option=option, value=wrong[0], allowed=f"ids of tokens, 0 to {size - 1}")
