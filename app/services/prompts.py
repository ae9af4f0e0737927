"""What a model is given: the system prompt and one branch, with documents written out as text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.store.records import StoredMessage
from backends.events import LoadedModel
from backends.messages import AudioPart, FilePart, ImagePart, Message, Part, ReasoningPart, TextPart, make_text_message
from models.errors import CannotHear, CannotSee, ProjectorMissing


def make_prompt(system_prompt: str, branch: Iterable[StoredMessage]) -> tuple[Message, ...]:
    """The messages for an engine, in the order that every chat template takes.

    A greeting before the first question and a reply that failed before its first word are left out; questions that follow each
    other by that become one.
    """
    messages = [make_text_message("system", system_prompt)] if system_prompt.strip() else []
    has_question = False
    for stored in branch:
        parts = write_out_files(stored.parts)
        if stored.role == "assistant" and not (has_question and any(_is_content(part) for part in parts)):
            continue
        has_question = has_question or stored.role == "user"
        if stored.role == "user" and messages and messages[-1].role == "user":
            messages[-1] = Message("user", (*messages[-1].parts, TextPart("\n\n"), *parts))
        else:
            messages.append(Message(stored.role, parts))
    return tuple(messages)


def refuse_unfit_parts(messages: Iterable[Message], facts: LoadedModel | None) -> None:
    """Refuse what an engine would pass over without a word.

    Raises:
        CannotSee: there is a picture, and the model was loaded without eyes.
        CannotHear: there is a sound, and it cannot hear.
    """
    parts = [part for message in messages for part in message.parts]
    if facts is not None and not facts.can_see and any(isinstance(part, ImagePart) for part in parts):
        raise describe_blindness(facts)
    if facts is not None and not facts.can_hear and any(isinstance(part, AudioPart) for part in parts):
        raise ProjectorMissing(model=facts.name) if facts.lacks_projector else CannotHear(model=facts.name)


def describe_blindness(facts: LoadedModel) -> CannotSee:
    """Why a model cannot see: it never could, or half of it is missing."""
    return ProjectorMissing(model=facts.name) if facts.lacks_projector else CannotSee(model=facts.name)


def write_out_files(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Every document as a fenced block under its name, in the place where it was attached. The only place that does this."""
    return tuple(TextPart(_fenced(part)) if isinstance(part, FilePart) else part for part in parts)


def _fenced(part: FilePart) -> str:
    """A fence longer than any in the text, so that the document cannot end it."""
    longest = max((len(run) for run in re.findall(r"`+", part.text)), default=0)
    fence = "`" * max(3, longest + 1)
    name = " ".join(part.name.split())
    return f"{name}\n{fence}\n{part.text.rstrip()}\n{fence}\n\n"


def _is_content(part: Part) -> bool:
    return not isinstance(part, ReasoningPart | TextPart) or bool(isinstance(part, TextPart) and part.text.strip())
