"""What guessing ahead costs and saves: an account that may be overdrawn a little, so that guesses that do not pay slow nothing down."""

from __future__ import annotations

_FIRST_GUESS = 4
_CAN_LOSE_STEPS, _CAN_LOSE_SHARE = 4.0, 0.03
_MOST_SAVED_STEPS = 60.0


class GuessAccount:
    """Seconds saved less seconds spent, over all replies, and how many tokens the next guess should have (``longest`` at most).

    It may be overdrawn by a few plain steps and a small share of the time that the engine worked.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._saved = self._worked = 0.0
        self._seconds = 0.0
        self.length = min(_FIRST_GUESS, longest)

    def may_spend(self, plain_seconds: float) -> bool:
        """Whether the next guess may be made; a step without one takes ``plain_seconds``."""
        self._seconds = 0.0
        return not self.is_overdrawn(plain_seconds)

    def is_overdrawn(self, plain_seconds: float) -> bool:
        """Whether guesses have cost too much lately."""
        return self._saved < -(_CAN_LOSE_STEPS * plain_seconds + _CAN_LOSE_SHARE * self._worked)

    def work(self, seconds: float) -> None:
        """The engine worked so long without anything being guessed."""
        self._worked += seconds

    def spend(self, seconds: float) -> None:
        """Making the guess took so long."""
        self._seconds = seconds

    def note(self, drafted: int, accepted: int, seconds: float, plain_seconds: float) -> None:
        """A step took ``seconds`` beside what was spent before it."""
        self._worked += seconds
        if drafted:
            length = self.length * 2 if accepted == drafted else max(2, accepted + 1)
            self.length = min(length, self._longest)
            self._saved += (accepted + 1) * plain_seconds - seconds
        self._saved = min(self._saved - self._seconds, _MOST_SAVED_STEPS * plain_seconds)
        self._seconds = 0.0
