"""What a model is given: the system prompt and one branch, with documents written out as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.store.records import StoredMessage
from backends.events import LoadedModel
from backends.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    PassagePart,
    ReasoningPart,
    TextPart,
    make_text_message,
)
from models.errors import CannotHear, CannotSee, ProjectorMissing

SEARCHED = "Only the passages that fit each question."
"""The extent of a document of which a model reads what is found for a question."""

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_CITE = (
    "Passages from my documents, found for the question below. Answer from them, and after each fact name the passage it comes "
    "from by its number in brackets, like [1]. If they do not hold the answer, say so."
)
_CITE_CHINESE = (
    "以下是从我的文档中为下面的问题找到的段落。请根据它们回答，并在每个事实后用方括号注明出自哪一段，例如 [1]。"
    "如果其中没有答案，请直说。"
)


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
    """Documents as fenced blocks under their names, in the place where they were attached, and passages with how to cite them.

    The only place that does this.
    """
    parts = tuple(parts)
    passages = [part for part in parts if isinstance(part, PassagePart)]
    written: list[Part] = []
    for part in parts:
        if isinstance(part, FilePart):
            written += [TextPart(_fenced(part.name, part.text, part.extent))] if part.extent != SEARCHED else []
        elif not isinstance(part, PassagePart):
            written.append(part)
        elif part is passages[0]:
            question = "".join(other.text for other in parts if isinstance(other, TextPart))
            written.append(TextPart(write_out_passages(passages, question)))
    return tuple(written)


def write_out_passages(passages: Sequence[PassagePart], question: str) -> str:
    """The passages as a model reads them, with what to do with them in the language of the question."""
    asked = _CITE_CHINESE if _CHINESE.search(question) else _CITE
    blocks = (_fenced(f"[{one.number}] {one.name}, {one.place}", one.text) for one in passages)
    return f"{asked}\n\n{''.join(blocks)}"


def _fenced(name: str, text: str, extent: str = "") -> str:
    """A fence longer than any in the text, so that the document cannot end it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    title = " ".join(name.split()) + (f" ({extent.rstrip('.')})" if extent else "")
    return f"{title}\n{fence}\n{text.rstrip()}\n{fence}\n\n"


def _is_content(part: Part) -> bool:
    return not isinstance(part, ReasoningPart | TextPart) or bool(isinstance(part, TextPart) and part.text.strip())
