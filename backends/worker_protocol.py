"""The words between a worker process and its parent: small frozen values, each with the id of the request it belongs to."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

from backends.backend import GenerationRequest
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.events import GenerationEvent, LoadedModel
from backends.light_state import travelling
from backends.options import LoadOptions
from backends.questions import Question
from models.errors import UserFacingError


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """What a worker is told when it starts. ``log_path`` takes whatever native code prints; ``access`` is for a distant engine."""

    backend: str
    path: str
    options: LoadOptions
    log_path: str
    parent_pid: int
    access: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CancelLoad:
    """Give up loading."""


@travelling
@dataclass(frozen=True, slots=True)
class Generate:
    """Queue a request."""

    id: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a request, waiting or running."""

    id: int


@dataclass(frozen=True, slots=True)
class Count:
    """Count the prompt tokens of a request; answered beside a running generation."""

    id: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to the tokenizer or the template, answered beside a running generation; see :mod:`backends.questions`."""

    id: int
    question: Question


@dataclass(frozen=True, slots=True)
class Embed:
    """Make vectors of texts, or scores of documents; answered beside a running generation, ended by :class:`Cancel`."""

    id: int
    request: EmbeddingRequest | RerankRequest


@dataclass(frozen=True, slots=True)
class Forget:
    """Keep nothing of an owner; :class:`Forgotten` answers."""

    id: int
    owner: str


@dataclass(frozen=True, slots=True)
class Close:
    """Free everything and exit."""


Command = CancelLoad | Generate | Cancel | Count | Ask | Embed | Forget | Close


@dataclass(frozen=True, slots=True)
class Loading:
    """``fraction`` of the load is done."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready."""

    facts: LoadedModel


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The model could not be loaded; the worker exits after this."""

    error: UserFacingError


@travelling
@dataclass(frozen=True, slots=True)
class Events:
    """What happened since the last message: pairs of request id and event, in order."""

    pairs: tuple[tuple[int, GenerationEvent], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer to a :class:`Count`: a number, or why there is none."""

    id: int
    tokens: int
    error: UserFacingError | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an :class:`Ask`, or why there is none."""

    id: int
    value: Any = None
    error: UserFacingError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The answer to an :class:`Embed`: vectors or scores, or why there are none."""

    id: int
    result: EmbeddingResult | RerankResult | None
    error: UserFacingError | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The answer to a :class:`Forget`."""

    id: int
    error: UserFacingError | None = None


Report = Loading | Loaded | LoadFailed | Events | Counted | Answered | Embedded | Forgotten


def pack(message: Command | Report) -> bytes:
    """A message for ``Connection.send_bytes``, which ``Connection.recv`` reads on the other side.

    ``Connection.send`` makes a pickler in Python that could send handles and locks too, for twice the time.
    """
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
