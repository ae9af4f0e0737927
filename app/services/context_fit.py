"""What a model is shown of a conversation that no longer fits its context: chosen, told, and the same for several turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.services.prompts import make_prompt
from app.store.records import StoredMessage
from backends.backend import GenerationRequest
from backends.events import ContextShifted
from backends.messages import Message, TextPart, make_text_message
from backends.options import GenerationOptions, SamplingOptions

_ANSWER_SHARE = 0.25
"""How much of the context is kept free for the answer, where the answer has no shorter limit."""
_AFTER_CUT_SHARE = 0.6
"""How full the context is at most after something was left out, so that the next turns fit too and are read from the cache."""
_SUMMARY_WORDS, _SUMMARY_TOKENS = 150, 400
_EXCERPT = 60
_ASK = (
    "Summarise our conversation so far for yourself, in its own language, in at most {words} words: who wants what, facts, names, "
    "numbers, decisions and open questions. Write only the summary."
)
_FRAME = "(Summary of the earlier conversation, which is not shown any more: {summary})\n\n"

Count = Callable[[GenerationRequest], int]
Ask = Callable[[GenerationRequest], str]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The request that fits, and what it does not show: plain values for the run card, empty where everything is shown."""

    request: GenerationRequest
    unseen: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContextFit:
    """Fits one conversation's branch into a context of ``available`` tokens.

    ``count`` gives the tokens of a request, ``ask`` the model's answer to one (for a summary).
    """

    system_prompt: str
    available: int
    count: Count
    ask: Ask

    def fit(self, request: GenerationRequest, branch: Sequence[StoredMessage]) -> Fitted:
        """The request, where its policy is to drop or to summarise with the oldest turns left out; else as it is.

        What the last reply did not see stays out while not everything fits, so that the model's memory does not jump about.
        """
        policy = request.options.context_policy
        if policy not in ("drop", "summarise"):
            return Fitted(request, {})
        room = self.available - _answer_room(request.options, self.available)
        if self.count(request) < room:
            return Fitted(request, {})
        starts = [place for place, message in enumerate(branch) if message.role == "user"]
        before = _last_unseen(branch)
        first = next((place for place in starts if branch[place].id == before.get("first_seen_id")), 0)
        summary = str(before.get("summary") or "") if first and policy == "summarise" else ""
        if first and self.count(shown := self._show(request, branch, first, summary)) < room:
            return Fitted(shown, _describe(policy, branch, first, summary))
        later = [place for place in starts if place > first]
        if not later:
            return Fitted(self._show(request, branch, first, summary), _describe(policy, branch, first, summary) if first else {})
        cut = self._find_cut(request, branch, later, min(room, int(self.available * _AFTER_CUT_SHARE)))
        if policy == "summarise":
            summary = self._summarise(request, branch[first:cut], summary)
        return Fitted(self._show(request, branch, cut, summary), _describe(policy, branch, cut, summary))

    def _show(self, request: GenerationRequest, branch: Sequence[StoredMessage], first: int, summary: str) -> GenerationRequest:
        messages = make_prompt(self.system_prompt, branch[first:])
        return replace(request, messages=_with_summary(messages, summary))

    def _find_cut(self, request: GenerationRequest, branch: Sequence[StoredMessage], starts: Sequence[int], goal: int) -> int:
        """The first turn from which on the rest fits; the last one where none does."""
        low, high = 0, len(starts) - 1
        while low < high:
            middle = (low + high) // 2
            if self.count(self._show(request, branch, starts[middle], "")) <= goal:
                high = middle
            else:
                low = middle + 1
        return starts[low]

    def _summarise(self, request: GenerationRequest, gone: Sequence[StoredMessage], summary: str) -> str:
        """The model's own summary of turns, on top of an earlier one; in several pieces where they do not fit together.

        A single turn that does not fit alone cannot be summarised and is left out.
        """
        ends = [place for place in range(1, len(gone)) if gone[place].role == "user"] + [len(gone)]
        place = 0
        while place < len(gone):
            for end in [end for end in reversed(ends) if end > place]:
                asked = self._ask_for_summary(request, gone[place:end], summary)
                if self.count(asked) < self.available - _SUMMARY_TOKENS:
                    summary = self.ask(asked).strip() or summary
                    break
            place = end
        return summary

    def _ask_for_summary(self, request: GenerationRequest, turns: Sequence[StoredMessage], summary: str) -> GenerationRequest:
        messages = (*_with_summary(make_prompt("", turns), summary), make_text_message("user", _ASK.format(words=_SUMMARY_WORDS)))
        options = GenerationOptions(SamplingOptions(temperature=0.0), max_tokens=_SUMMARY_TOKENS, seed=1)
        return replace(request, messages=_alternating(messages), options=options, continue_last=False, owner="")


def describe_shift(shifts: Iterable[ContextShifted]) -> dict[str, Any]:
    """What the engine forgot while it answered, for the run card: the tokens in all, and where the last gap lies."""
    events = list(shifts)
    if not events:
        return {}
    return {"policy": "shift", "tokens": sum(event.tokens for event in events), "begin": events[-1].begin, "end": events[-1].end}


def _describe(policy: str, branch: Sequence[StoredMessage], first: int, summary: str) -> dict[str, Any]:
    excerpt = " ".join(branch[first].text.split())[:_EXCERPT]
    found: dict[str, Any] = {"policy": policy, "messages": first, "first_seen": excerpt, "first_seen_id": branch[first].id}
    return found | ({"summary": summary} if summary else {})


def _last_unseen(branch: Sequence[StoredMessage]) -> dict[str, Any]:
    for message in reversed(branch):
        if message.run is not None:
            return dict(message.run.unseen)
    return {}


def _answer_room(options: GenerationOptions, available: int) -> int:
    most = max(1, int(available * _ANSWER_SHARE))
    return min(options.max_tokens, most) if options.max_tokens else most


def _with_summary(messages: tuple[Message, ...], summary: str) -> tuple[Message, ...]:
    """The summary stands before the first question: every template takes that, and not every one a second system prompt."""
    if not summary:
        return messages
    place = next((number for number, message in enumerate(messages) if message.role == "user"), None)
    if place is None:
        return messages
    told = Message("user", (TextPart(_FRAME.format(summary=summary)), *messages[place].parts))
    return (*messages[:place], told, *messages[place + 1 :])


def _alternating(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Two questions in a row as one: most templates refuse them."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role == "user":
            joined[-1] = Message("user", (*joined[-1].parts, TextPart("\n\n"), *message.parts))
        else:
            joined.append(message)
    return tuple(joined)
