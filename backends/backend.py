"""The promise every engine keeps: load once, generate many times, stop when told, free everything on close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from backends.events import GenerationEvent, LoadedModel
from backends.light_state import travelling
from backends.messages import Message
from backends.options import GenerationOptions, LoadOptions

ProgressCallback = Callable[[float], bool]
"""Takes the fraction done (0–1); a false answer cancels the load."""

CancelCheck = Callable[[], bool]
"""True once the request has been cancelled; cheap enough to be asked at every ubatch."""

Tell = Callable[[Sequence[tuple[int, GenerationEvent]]], None]
"""Takes what requests say, pairs of request id and event."""


@travelling
@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to generate from: chat ``messages``, a raw ``prompt`` for base models, or ``prompt_tokens`` as ids.

    With ``continue_last`` the last message is the assistant's and is continued instead of answered. With a ``suffix`` what stands
    between ``prompt`` and it is written: the model fills the gap (infill, fill in the middle). ``template_values`` is a JSON
    object of further variables for the chat template (``tools``, ``enable_thinking`` …). ``answer_prefix`` is what the answer is made
    to begin with: it is read like the prompt, and not told again. With ``must_call`` the reply has to be a call of one of the tools;
    only engines that read calls themselves look at it.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    options: GenerationOptions = field(default_factory=GenerationOptions)
    continue_last: bool = False
    suffix: str | None = None
    owner: str = ""
    prompt_tokens: tuple[int, ...] = ()
    template_values: str = ""
    answer_prefix: str = ""
    must_call: bool = False

    @property
    def has_media(self) -> bool:
        """Whether there are pictures or sounds in its messages."""
        return any(message.has_media for message in self.messages)


class Backend(Protocol):
    """One engine holding at most one model. Lives in a worker process; called from that process's threads only."""

    name: str

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """Put the model at ``path`` in memory.

        Raises:
            UserFacingError: classified: LoadCancelled, OutOfMemory, NotAModelFile, DamagedModelFile, UnsupportedArchitecture …
        """

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """Yield events, the last of which is Finished. Errors are raised; the worker turns them into Failed.

        ``is_cancelled`` is honoured within 200 ms, even while a long prompt is being read.
        """

    def count_tokens(self, request: GenerationRequest) -> int:
        """How many prompt tokens the request would take, after the chat template."""

    def close(self) -> None:
        """Free everything. Safe to call twice."""


@runtime_checkable
class DistantBackend(Backend, Protocol):
    """An engine that asks another machine, and needs more than an address for that."""

    def set_access(self, access: str) -> None:
        """What opens the way, before :meth:`Backend.load`: JSON text that may hold a key and is never shown."""


@runtime_checkable
class ReadingBackend(Backend, Protocol):
    """An engine whose tokenizer and template others may use. Reads only, so it may be asked beside a generation."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Ids of ``text``; ``add_special`` puts the begin token before it where the model wants one."""

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        """What the ids stand for, special ones as they are written in a template; it need not be whole characters.

        Raises:
            InvalidOption: an id that the model does not have.
        """

    def render(self, request: GenerationRequest) -> str:
        """The prompt that the request's messages become."""


@runtime_checkable
class ServingBackend(Backend, Protocol):
    """An engine that answers many requests at once: requests are handed in, and every step advances all of them.

    ``submit`` and ``step`` belong to one thread. ``generate`` works on top of them, so that both promises are kept.
    """

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do: no request is waiting or under way."""

    @property
    def computes_long(self) -> bool:
        """Whether the next step computes for milliseconds without Python, beside which another thread can send what was said."""

    def submit(self, request_id: int, request: GenerationRequest, is_cancelled: CancelCheck) -> None:
        """Queue a request. ``is_cancelled`` is honoured as in :meth:`Backend.generate`, without harm to other requests.

        Raises:
            UserFacingError: it cannot be answered (ContextOverflow, TemplateFailed …) or not now (EngineBusy).
        """

    def step(self) -> Sequence[tuple[int, GenerationEvent]]:
        """Advance everything a little: pairs of request id and event. Each request ends with Finished or Failed."""

    def look_for_cancels(self) -> None:
        """A request was cancelled just now: what is being computed for it may end. Called from any thread."""

    def settle(self) -> bool:
        """Do at once, now that nothing is left to do, a piece of what the next request would wait for; true if there is more of it."""

    def rest(self) -> bool:
        """Use a quiet moment to put things in order, for a fraction of a second; true if there is more to do."""

    def forget(self, owner: str) -> None:
        """Keep nothing of an owner, in memory or on disk, but for the replies that are being written."""

    def drop_all(self) -> None:
        """Forget every request without a word, after an error that was not foreseen."""


@runtime_checkable
class TellingBackend(ServingBackend, Protocol):
    """An engine that tells words from another thread while a step goes on, if somebody listens."""

    def listen(self, tell: Tell, has_news: Callable[[], bool]) -> None:
        """From now on a step may last as long as only words come of it: they are told with ``tell``, and so is that prompts are being read,
        but never the end of a reply.

        It ends soon after ``has_news`` is true: a request came, or was cancelled. Both must be quick; ``tell`` may be called from any
        thread, but never beside another call of it or after the step.
        """
