"""Messages as pure values: a role and parts. Ids and times are the store's concern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from backends.light_state import travelling

Role = Literal["system", "user", "assistant", "tool"]


@travelling
@dataclass(frozen=True, slots=True)
class TextPart:
    """Plain or Markdown text."""

    text: str


@travelling
@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture, by path: pixels never travel through a pipe."""

    path: str
    mime: str = "image/png"
    name: str = ""


@travelling
@dataclass(frozen=True, slots=True)
class AudioPart:
    """A sound, by path."""

    path: str
    mime: str = "audio/wav"
    name: str = ""


@travelling
@dataclass(frozen=True, slots=True)
class FilePart:
    """A document whose text the model reads: ``text`` is what it sees, ``path`` is where the original lies.

    ``extent`` says which part of the document the text is, in a sentence; empty for all of it.
    """

    path: str
    name: str
    text: str
    mime: str = "text/plain"
    extent: str = ""


@travelling
@dataclass(frozen=True, slots=True)
class PassagePart:
    """A passage of a document that was found for a question. ``number`` is what an answer cites it by; ``place`` is where it stands.

    ``page`` counts pages, slides, sheets or chapters from 1 (0 where there are none), ``line`` the lines in it.
    """

    number: int
    path: str
    name: str
    place: str
    text: str
    page: int = 0
    line: int = 1


@travelling
@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What a model thought before its answer; ``seconds`` is how long that took."""

    text: str
    seconds: float = 0.0


@travelling
@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call that the model asked for; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@travelling
@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What the tool answered to the call of the same id."""

    id: str
    content: str


Part = TextPart | ImagePart | AudioPart | FilePart | PassagePart | ReasoningPart | ToolCallPart | ToolResultPart

_KINDS: dict[str, type[Any]] = {
    "text": TextPart,
    "image": ImagePart,
    "audio": AudioPart,
    "file": FilePart,
    "passage": PassagePart,
    "reasoning": ReasoningPart,
    "tool_call": ToolCallPart,
    "tool_result": ToolResultPart,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@travelling
@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts joined, without reasoning or attachments."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def has_media(self) -> bool:
        """Whether there is a picture or a sound in it."""
        return any(isinstance(part, ImagePart | AudioPart) for part in self.parts)


def make_text_message(role: Role, text: str) -> Message:
    """A message of one text part."""
    return Message(role, (TextPart(text),))


def part_to_json(part: Part) -> dict[str, Any]:
    """``{"kind": "text", "text": …}``: every field of the part, plus its kind."""
    return {"kind": _NAMES[type(part)], **{name: getattr(part, name) for name in part.__slots__}}


def part_from_json(value: dict[str, Any]) -> Part:
    """The inverse of :func:`part_to_json`.

    Raises:
        ValueError: the kind is unknown or a field is missing or of the wrong type.
    """
    kind = _KINDS.get(str(value.get("kind")))
    if kind is None:
        raise ValueError(f"unknown kind of message part: {value.get('kind')!r}")
    fields = {name: value[name] for name in kind.__slots__ if name in value}
    for name, field in fields.items():
        expected = (int, float) if name in ("seconds", "number", "page", "line") else str
        if not isinstance(field, expected):
            raise ValueError(f"the part's {name} is not of the right type")
    try:
        part: Part = kind(**fields)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return part
