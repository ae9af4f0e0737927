"""Guessing the next tokens from what was written before (prompt lookup), and giving it up where it costs more than it brings."""

from __future__ import annotations

_GRAM = 3
"""Tokens that must have come before in the same order for what followed them to be a guess."""
_FIRST_GUESS = 4
_PATIENCE = 4.0
"""Plain steps' worth of time that guessing may lose before it pauses."""
_FIRST_PAUSE = 64


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
        self.drafted = self.accepted = 0

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
        self.drafted += drafted
        self.accepted += accepted
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
