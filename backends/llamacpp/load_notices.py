"""What a load did otherwise than was wished, in sentences for its notice."""

from __future__ import annotations

from collections.abc import Callable

from backends.backend import ProgressCallback
from backends.llamacpp.failures import NOT_LOCKED
from backends.llamacpp.model import NativeModel
from backends.options import LoadOptions


class LockWatch:
    """A progress callback that hears whether weights could not be locked in memory.

    It listens while they are loaded: the context is made afterwards, and what was logged before is dropped then.
    """

    def __init__(self, progress: ProgressCallback, log_text: Callable[[], str]) -> None:
        self._progress = progress
        self._log_text = log_text
        self.has_failed = False

    def __call__(self, fraction: float) -> bool:
        self.has_failed = self.has_failed or NOT_LOCKED.search(self._log_text()) is not None
        return self._progress(fraction)


def find_notices(model: NativeModel, options: LoadOptions, *, is_unlocked: bool) -> list[str]:
    """A sentence for each wish that a loaded model does not fulfil; ``is_unlocked`` where locking it in memory failed."""
    found = []
    if is_unlocked:
        found.append(
            "The system did not let the model be locked in memory: raise its limit for that (ulimit -l) and load it again."
        )
    if not model.context:
        return found
    trained = model.trained_context
    if 0 < trained < options.context_length:
        found.append(f"The model was trained for {trained} tokens of context: beyond them its text may make no sense.")
    if options.lookup_tokens and not model.most_guesses:
        found.append("Nothing is guessed ahead from the text: this model can take nothing back.")
    return found
