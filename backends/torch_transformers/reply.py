"""One request on its way through the torch engine: llama.cpp's, with logits from torch and the same C sampler chain over them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy

from backends.llamacpp.adapters import AdapterSet
from backends.llamacpp.reply import Reply
from backends.llamacpp.sampler import Sampler
from backends.media_tokens import text_tokens
from backends.options import GenerationOptions
from backends.torch_transformers import repetition
from backends.torch_transformers.adapters import TorchAdapters
from backends.torch_transformers.attention import KeyValues
from backends.torch_transformers.tokens import HubTokenizer


@dataclass(slots=True, eq=False)
class Sequence:
    """Tokens that are in a cache, and who uses it. ``used_at`` counts up; ``owner`` is whose text it is, ``adapters`` computed it."""

    tokens: list[int] = field(default_factory=list)
    cache: KeyValues = field(default_factory=KeyValues)
    is_busy: bool = False
    is_shifted: bool = False
    used_at: int = 0
    owner: str = ""
    adapters: AdapterSet = ()

    def trim(self, length: int) -> None:
        """Keep the first tokens only."""
        del self.tokens[length:]
        self.cache.length = min(self.cache.length, length)


@dataclass(slots=True, eq=False)
class ReplyModel:
    """What a reply asks of its model. ``api`` are llama.cpp's functions, of which only the samplers are used."""

    api: Any
    tokenizer: HubTokenizer
    context_length: int
    path: str
    adapters: TorchAdapters
    breakers: frozenset[int] = frozenset()
    projector: Any = None
    vocabulary: Any = None
    context: Any = None


class TorchReply(Reply):
    """As :class:`backends.llamacpp.reply.Reply`; :attr:`rows` are the logits of the step, float32 (rows, vocabulary)."""

    rows: Any = None

    def _read_logits(self, row: int) -> Any:
        return self.rows[row]

    def _has_numbers(self, row: int) -> bool:
        return bool(numpy.isfinite(self.rows[row]).all())

    def _new_sampler(self, options: GenerationOptions) -> Any:
        model: Any = self._model
        return _RowSampler(self, model, options, self._seed)


class _RowSampler:
    """The C chain over rows of logits in numpy. DRY, which needs C's own vocabulary there, is computed here and comes first."""

    def __init__(self, reply: TorchReply, model: ReplyModel, options: GenerationOptions, seed: int) -> None:
        self._reply, self._breakers = reply, model.breakers
        self._sampling = options.sampling
        self._repeats = options.sampling.dry_multiplier > 0 and "dry" in options.sampler_order
        own = replace(options, sampling=replace(options.sampling, dry_multiplier=0.0))
        self._chain = Sampler(model.api, None, model.tokenizer.size, model.context_length, own, seed)
        self._everything = numpy.arange(model.tokenizer.size, dtype=numpy.int32)

    def feed(self, prompt: list[int]) -> None:
        """Let the penalties see the end of the prompt."""
        self._chain.feed(prompt)

    @property
    def has_shortlist(self) -> bool:
        """See :class:`backends.llamacpp.sampler.Sampler`; DRY looks at everything."""
        return self._chain.has_shortlist and not self._repeats

    def shorten(self, logits: Any) -> Any:
        """See :meth:`backends.llamacpp.sampler.Sampler.shorten`."""
        return self._chain.shorten(logits)

    def choose(self, _context: Any, row: int = -1) -> int:
        """The next token from a row of the reply's logits."""
        return self.choose_among(self._reply.rows[row], self._everything)

    def choose_among(self, logits: Any, allowed: Any) -> int:
        """The next token of those whose ids ``allowed`` lists."""
        if self._repeats:
            tokens = text_tokens(self._reply.tokens) if self._reply.has_media else self._reply.tokens
            logits = repetition.apply(logits, tokens, self._sampling, self._breakers)
        return self._chain.choose_among(logits, allowed)

    def close(self) -> None:
        """Free the chain. Safe to call twice."""
        self._chain.close()
