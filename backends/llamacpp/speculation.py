"""Guessing the next tokens: from what was written before, by a draft model or by the model's own layers; given up where it does not pay."""

from __future__ import annotations

from collections.abc import Sequence

from backends.llamacpp.draft import DraftModel
from backends.llamacpp.extra_layers import ExtraLayers
from backends.llamacpp.reply import Reply

_GRAM = 3
"""Tokens that must have come before in the same order for what followed them to be a guess."""
_FIRST_GUESS = 4
_PATIENCE = 4.0
"""Plain steps' worth of time that guessing may lose before it pauses."""
_FIRST_PAUSE = 64


class Speculation:
    """What may come next in a reply that has the engine for itself: beside others the engine is busy enough.

    ``lookup_tokens`` guesses are looked up in the text itself, none with 0; where that finds nothing, the ``draft`` is asked: a small
    model, or layers of the model itself.
    """

    def __init__(self, lookup_tokens: int, draft: DraftModel | ExtraLayers | None) -> None:
        self._lookup_tokens = lookup_tokens
        self._draft = draft
        self._lookup: PromptLookup | None = None
        self._guesser: PromptLookup | DraftModel | ExtraLayers | None = None
        self._reply: Reply | None = None
        self._plain_seconds = 0.0
        self._length = 0

    @property
    def is_on(self) -> bool:
        """Whether anything guesses at all."""
        return bool(self._lookup_tokens or self._draft)

    def guess(self, reply: Reply, room: int) -> list[int]:
        """Tokens that may follow a reply, ``room`` at most."""
        room = min(room, reply.room_left)
        self._guesser = None
        if not self._plain_seconds or room < 1:
            return []
        if guess := self._look_up(reply, room):
            self._guesser = self._lookup
            return guess if min(guess) >= 0 else []
        if self._draft is None or reply.has_media:  # a draft model has no eyes
            return []
        self._guesser = self._draft
        return self._draft.guess(reply.tokens, room, self._plain_seconds, reply.is_cancelled)

    def rests(self, replies: Sequence[Reply]) -> bool:
        """Whether nothing would be guessed for these replies now, and nothing is to be learnt from their next step."""
        if not self.is_on or len(replies) > 1:
            return True
        if not self._plain_seconds or self._look_up(replies[0], 1):
            return False
        return self._draft is None or replies[0].has_media or self._draft.account.is_overdrawn(self._plain_seconds)

    def watches(self, replies: Sequence[Reply]) -> bool:
        """Whether what these replies write is to be looked at again and again, because something may be guessed after it."""
        return self.is_on and len(replies) == 1

    def note_burst(self, seconds: float, steps: int) -> None:
        """One reply wrote for ``seconds`` without a guess."""
        self.note_plain(seconds / steps)
        if self._draft is not None:
            self._draft.account.work(seconds)

    def note_plain(self, seconds: float) -> None:
        """A step of one reply without a guess took so long."""
        before = self._plain_seconds or seconds
        self._plain_seconds = before + 0.2 * (min(seconds, 3 * before) - before)

    def _look_up(self, reply: Reply, room: int) -> list[int]:
        """What followed the last tokens of a reply when they came before."""
        if self._reply is not reply or len(reply.tokens) < self._length:  # another text, or one of which something was left out
            self._reply = reply
            self._lookup = PromptLookup(reply.tokens, self._lookup_tokens) if self._lookup_tokens else None
        self._length = len(reply.tokens)
        return self._lookup.guess(room) if self._lookup is not None else []

    def watch(self, reply: Reply, start: int, count: int) -> None:
        """The model has computed ``count`` tokens of a reply, alone in their step, the first at position ``start``."""
        if self._draft is not None and not reply.has_media:
            self._draft.watch(reply, start, count)

    def note(self, reply: Reply, drafted: int, accepted: int, seconds: float) -> None:
        """A step of one reply took ``seconds``: learn what one costs without guesses, and whether they are worth what they cost."""
        reply.drafted += drafted
        reply.accepted += accepted
        if not drafted:
            self.note_plain(seconds)
        if self._guesser is not None and (drafted or self._guesser is self._draft):
            self._guesser.note(drafted, accepted, seconds, self._plain_seconds)

    def close(self) -> None:
        """Free the draft model. Safe to call twice."""
        if self._draft is not None:
            self._draft.close()


class PromptLookup:
    """Guesses for one reply. ``tokens`` is its live list of prompt and answer; ``longest`` the most tokens to guess at once.

    Source: https://github.com/apoorvumang/prompt-lookup-decoding. The text is the same as without: the engine computes a guess
    beside the last token, and what the sampler chooses decides how much of it stands. A guess costs time when it is wrong, so the
    time that guessing saved is kept like an account: when it is overdrawn, guessing pauses, each time twice as long.
    """

    def __init__(self, tokens: list[int], longest: int) -> None:
        self._tokens = tokens
        self._longest = longest
        self._length = min(_FIRST_GUESS, longest)
        self._places: dict[tuple[int, ...], int] = {}
        self._indexed = _GRAM
        self._saved = 0.0
        self._pause = _FIRST_PAUSE
        self._resumes_at = 0

    def guess(self, room: int) -> list[int]:
        """Tokens that may come next, ``room`` at most; none where nothing like this was written before."""
        end = len(self._tokens)
        if end < self._resumes_at or room < 1:
            return []
        while self._indexed < end:  # the last tokens themselves are no memory of what follows them
            self._places[tuple(self._tokens[self._indexed - _GRAM : self._indexed])] = self._indexed
            self._indexed += 1
        place = self._places.get(tuple(self._tokens[-_GRAM:]))
        if place is None:
            return []
        guess = self._tokens[place : place + min(self._length, room)]
        period = end - place
        while len(guess) < min(self._length, room):  # the end repeats itself: so will the guess
            guess.append(guess[-period])
        return guess

    def note(self, drafted: int, accepted: int, seconds: float, plain_seconds: float) -> None:
        """A guess was computed in ``seconds``; a step without one takes ``plain_seconds``, 0 if that is not known."""
        self._length = min(self._longest, self._length * 2) if accepted == drafted else max(2, accepted + 1)
        self._length = min(self._length, self._longest)
        self._saved = min(self._saved + (accepted + 1) * plain_seconds - seconds, 2 * _PATIENCE * plain_seconds)
        if self._saved < -_PATIENCE * plain_seconds:
            self._resumes_at = len(self._tokens) + self._pause
            self._pause *= 2
            self._saved = 0.0
            self._length = min(_FIRST_GUESS, self._longest)

    @property
    def is_paused(self) -> bool:
        """Whether guessing did not pay lately."""
        return len(self._tokens) < self._resumes_at
