"""What may be asked of a loaded model beside a running generation: its tokenizer's and its template's work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backends.backend import Backend, GenerationRequest, ReadingBackend
from models.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class Tokenize:
    """Ids of a text: ``list[int]``."""

    text: str
    add_special: bool = False
    parse_special: bool = True


@dataclass(frozen=True, slots=True)
class Detokenize:
    """What ids stand for: ``bytes``."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Render:
    """The prompt that a request becomes: ``str``."""

    request: GenerationRequest


Question = Tokenize | Detokenize | Render


def answer(backend: Backend, question: Question) -> Any:
    """Let the engine answer.

    Raises:
        EngineUnavailable: this engine has no tokenizer that others may use.
        UserFacingError: what the engine says.
    """
    if not isinstance(backend, ReadingBackend):
        raise EngineUnavailable(engine=backend.name, reason="It does not show its tokenizer and template.")
    match question:
        case Tokenize():
            return backend.tokenize(question.text, add_special=question.add_special, parse_special=question.parse_special)
        case Detokenize():
            return backend.detokenize(question.tokens)
        case Render():
            return backend.render(question.request)
