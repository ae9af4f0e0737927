"""Splits a streaming reply into reasoning and answer, by the markers that models write around their thoughts."""

from __future__ import annotations

from dataclasses import dataclass

from backends.events import ReasoningDelta, TextDelta
from backends.held_back import held_back
from backends.messages import Message, ReasoningPart


@dataclass(frozen=True, slots=True)
class ReasoningFormat:
    """How one family of models marks its thoughts. ``answer_open`` follows ``close`` where the answer has a marker of its own.

    With ``only_in_prompt`` the opening is so ordinary a text that only the template's counts.
    """

    open: str
    close: str
    answer_open: str = ""
    only_in_prompt: bool = False


FORMATS = (
    ReasoningFormat("<think>", "</think>"),
    ReasoningFormat("<thinking>", "</thinking>"),
    ReasoningFormat("<thought>", "</thought>"),
    ReasoningFormat("<reasoning>", "</reasoning>"),
    ReasoningFormat("<seed:think>", "</seed:think>"),
    ReasoningFormat("<mm:think>", "</mm:think>"),
    ReasoningFormat("<think:opensource>", "</think:opensource>"),
    ReasoningFormat("[THINK]", "[/THINK]"),
    ReasoningFormat("<|channel|>analysis<|message|>", "<|end|>", "<|start|>assistant<|channel|>final<|message|>"),
    ReasoningFormat("<|begin_of_thought|>", "<|end_of_thought|>"),
    ReasoningFormat("<|START_THINKING|>", "<|END_THINKING|>"),
    ReasoningFormat("<|channel>thought", "<channel|>"),
    ReasoningFormat("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", only_in_prompt=True),
)
_AT_HEAD = tuple(kind for kind in FORMATS if not kind.only_in_prompt)

MARKERS = (
    *("[THINK]", "[/THINK]", "<think>", "</think>", "<seed:think>", "</seed:think>"),
    *("<|channel|>", "<|message|>", "<|start|>", "<|end|>"),
    *("<|channel>", "<channel|>", "<mm:think>", "</mm:think>", "<think:opensource>", "</think:opensource>"),
    *("<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
"""Markers that some vocabularies hold as control tokens, which are silent unless asked for."""

_ANSWER_OPENS = ("<|channel|>final<|message|>", "<|START_RESPONSE|>")
_ANSWER_CLOSES = ("<|END_RESPONSE|>",)


def find_open_format(prompt: str) -> ReasoningFormat | None:
    """The format whose opening marker the prompt ends with: some templates open the thoughts for the model."""
    end = prompt[-200:].rstrip()
    return next((kind for kind in FORMATS if end.endswith(kind.open)), None)


def find_unclosed_format(partial: str) -> ReasoningFormat | None:
    """The format whose thoughts are still open at the end of a partial answer."""
    return next((kind for kind in FORMATS if partial.rfind(kind.open) > partial.rfind(kind.close)), None)


def find_continued_format(message: Message, prompt: str) -> ReasoningFormat | None:
    """The format whose thoughts are open in a prompt that ends with this unfinished message."""
    if message.text:
        return find_unclosed_format(message.text)
    if any(isinstance(part, ReasoningPart) for part in message.parts):
        return max(FORMATS, key=lambda kind: prompt.rfind(kind.open))
    return find_open_format(prompt)


class ReasoningSplitter:
    """Takes text as it comes and answers with deltas; a marker split over any number of pieces is still found.

    Only a marker at the head of the reply opens thoughts: later ones are text that somebody is writing about.
    """

    def __init__(self, opened: ReasoningFormat | None = None) -> None:
        self._format = opened
        self._state = "thinking" if opened else "head"
        self._held = ""
        self._trims = opened is not None

    @property
    def is_thinking(self) -> bool:
        """Whether thoughts are open."""
        return self._state == "thinking"

    def add(self, text: str) -> list[TextDelta | ReasoningDelta]:
        """The deltas that became certain."""
        self._held += text
        deltas: list[TextDelta | ReasoningDelta] = []
        while self._step(deltas):
            pass
        return deltas

    def finish(self) -> list[TextDelta | ReasoningDelta]:
        """What was held back; unfinished markers are text after all."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [ReasoningDelta(held.rstrip())] if self._state == "thinking" and held.strip() else [TextDelta(held)]

    def _step(self, deltas: list[TextDelta | ReasoningDelta]) -> bool:
        """Take one step; true while there may be another."""
        if not self._held:
            return False
        match self._state:
            case "head":
                return self._look_for_opening()
            case "thinking":
                return self._think(deltas)
            case "between":
                return self._look_for_answer()
            case _:
                self._answer(deltas)
                return False

    def _look_for_opening(self) -> bool:
        start = self._held.lstrip()
        for answer in _ANSWER_OPENS:
            if start.startswith(answer):
                self._held, self._state = start[len(answer) :], "answer"
                return True
        for kind in _AT_HEAD:
            if start.startswith(kind.open):
                self._held, self._state, self._format, self._trims = start[len(kind.open) :], "thinking", kind, True
                return True
        candidates = (*_ANSWER_OPENS, *(kind.open for kind in _AT_HEAD))
        if any(candidate.startswith(start) for candidate in candidates):
            return False  # it may still become a marker
        self._state = "answer"
        return True

    def _think(self, deltas: list[TextDelta | ReasoningDelta]) -> bool:
        close = self._format.close if self._format else "</think>"
        if self._trims:
            self._held = self._held.lstrip()
            self._trims = not self._held
        place = self._held.find(close)
        if place >= 0:
            if thought := self._held[:place].rstrip():
                deltas.append(ReasoningDelta(thought))
            self._held, self._state, self._trims = self._held[place + len(close) :], "between", True
            return True
        certain = len(self._held) - held_back(self._held, close)
        certain = len(self._held[:certain].rstrip())  # the white space before a closing marker belongs to nobody
        if certain:
            deltas.append(ReasoningDelta(self._held[:certain]))
            self._held = self._held[certain:]
        return False

    def _look_for_answer(self) -> bool:
        self._held = self._held.lstrip()
        marker = self._format.answer_open if self._format else ""
        openings = tuple(text for text in (marker, *_ANSWER_OPENS) if text)
        for opening in openings:
            if self._held.startswith(opening):
                self._held, self._state = self._held[len(opening) :], "answer"
                return True
        if any(opening.startswith(self._held) for opening in openings):
            return False
        self._state = "answer"
        return True

    def _answer(self, deltas: list[TextDelta | ReasoningDelta]) -> None:
        for close in _ANSWER_CLOSES:
            self._held = self._held.replace(close, "")
        certain = len(self._held) - max(held_back(self._held, close) for close in _ANSWER_CLOSES)
        if certain:
            deltas.append(TextDelta(self._held[:certain]))
            self._held = self._held[certain:]
