"""What an engine says while it loads and generates: typed values, small enough for a pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from backends.light_state import travelling
from models.errors import UserFacingError

FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """What an engine allocated on one device, in bytes, as it reports it."""

    device: str
    weights: int
    kv_cache: int
    compute: int


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Facts about a model that is in memory, for run cards and pickers.

    ``context_length`` is what this load holds, ``trained_context`` what the model was trained for, both in tokens;
    ``memory_bytes`` is what it takes for weights, KV cache and compute buffers together, as the engine reports in ``memory`` for
    each device, else as it was estimated; ``chat_template`` is the model's
    own Jinja source, empty where it has none. A model that cannot write (``can_write`` false) is one for embeddings or, with
    ``can_rerank``, for ranking documents; ``embedding_width`` is the length of its vectors, 0 where the engine makes none.
    One that ``lacks_projector`` could see or hear if its other file lay beside it.
    ``notice`` is a sentence where the load is not quite what was wished. With ``reads_calls`` the engine tells tool calls apart
    itself; ``context_length`` 0 is one that nobody told; ``remote`` is what was found out about a model on another server, as JSON.
    """

    name: str
    architecture: str
    quantization: str
    parameter_count: int
    context_length: int
    trained_context: int
    backend: str
    device: str
    engine_version: str
    file_sha256: str = ""
    memory_bytes: int = 0
    memory: tuple[DeviceMemory, ...] = ()
    has_chat_template: bool = True
    chat_template: str = ""
    can_see: bool = False
    can_hear: bool = False
    lacks_projector: bool = False
    can_write: bool = True
    can_rerank: bool = False
    embedding_width: int = 0
    notice: str = ""
    reads_calls: bool = False
    remote: str = ""


@travelling
@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost. Times in seconds; ``cached_tokens`` of the prompt were already in the KV cache.

    ``drafted_tokens`` were guessed ahead, of which ``accepted_tokens`` were right.
    ``waiting_seconds`` went by before the request had a place in the engine; ``first_token_seconds`` count from its arrival.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    prompt_seconds: float = 0.0
    output_seconds: float = 0.0
    first_token_seconds: float = 0.0
    waiting_seconds: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Decode speed; 0 where nothing was measured."""
        return self.output_tokens / self.output_seconds if self.output_seconds > 0 else 0.0

    @property
    def acceptance(self) -> float:
        """The share of guesses that were right; 0 where nothing was guessed."""
        return self.accepted_tokens / self.drafted_tokens if self.drafted_tokens else 0.0


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """Loading is under way; ``fraction`` from 0 to 1."""

    fraction: float


@travelling
@dataclass(frozen=True, slots=True)
class PromptProgress:
    """The prompt is being read: ``done`` of ``total`` tokens, ``cached`` of them without work."""

    done: int
    total: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class ContextShifted:
    """The context was full and the request allows to forget: ``tokens`` in the middle of the text are not seen any more.

    The gap begins with the words ``begin`` and ends with the words ``end``, an excerpt each.
    """

    tokens: int
    begin: str
    end: str


@travelling
@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer. Always whole Unicode characters; ``pieces`` is how many events were joined to this one."""

    text: str
    pieces: int = field(default=1, compare=False)


@travelling
@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the reasoning that precedes the answer; ``pieces`` as in :class:`TextDelta`."""

    text: str
    pieces: int = field(default=1, compare=False)


@travelling
@dataclass(frozen=True, slots=True)
class TokenChosen:
    """One token of the reply and how likely it was, told where :attr:`GenerationOptions.logprobs` asks for it.

    ``text`` are the bytes that it adds to the reply, which need not be whole characters (none for a control token); ``logprob`` is the
    natural logarithm of its probability before any sampling step. ``alternatives`` are the likeliest tokens, best first, alike.
    Tokens that stop texts or reasoning markers hide are told too.
    """

    token: int
    text: bytes
    logprob: float
    alternatives: tuple[tuple[int, bytes, float], ...] = ()


@travelling
@dataclass(frozen=True, slots=True)
class PromptToken:
    """One token of the prompt and how likely the model held it after those before; fields as in :class:`TokenChosen`.

    ``logprob`` is None for the first, before which there is nothing.
    """

    token: int
    text: bytes
    logprob: float | None
    alternatives: tuple[tuple[int, bytes, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call of the tool ``name``; ``index`` counts the calls of a reply from 0."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of a call's arguments: JSON text, which is complete when the call has ended."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Nothing more belongs to this call."""

    index: int


@travelling
@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is complete. ``seed`` is the one that was used, ``stop_text`` the stop text that ended it."""

    reason: FinishReason
    usage: Usage
    seed: int = 0
    stop_text: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The reply ended in an error; what came before it stands."""

    error: UserFacingError


CallEvent = CallBegun | CallArguments | CallEnded
"""Told only by engines whose ``LoadedModel.reads_calls`` says so; of all others the caller reads calls out of the text."""
GenerationEvent = (
    PromptProgress | PromptToken | ContextShifted | TextDelta | ReasoningDelta | TokenChosen | CallEvent | Finished | Failed
)
