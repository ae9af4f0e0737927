"""Why a worker process died: its exit code and last words, turned into an error that says what to do."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from models.errors import DamagedModelFile, EngineCrashed, OldProcessor, OutOfMemory, UserFacingError

_MEMORY = re.compile(r"bad_alloc|failed to allocate|unable to allocate|out of memory|cannot allocate memory", re.IGNORECASE)
_ASSERTION = re.compile(r"(?:GGML_ASSERT|GGML_ABORT|Assertion)\W*(.*)|terminate called.*", re.IGNORECASE)
_WINDOWS_CODES = {
    0xC000001D: "SIGILL",
    0xC0000005: "SIGSEGV",
    0xC0000409: "SIGABRT",
    0xC0000017: "SIGKILL",
    0xC00000FD: "SIGSEGV",
}
_BROKE_DOWN = "The engine broke down while reading it."


def explain_crash(exit_code: int | None, log: str, path: str, *, loading: bool) -> UserFacingError:
    """The error for a worker that died with ``exit_code`` (negative: by that signal) while loading or later.

    ``log`` is what native code printed; it becomes the error's details.
    """
    name = Path(path).name
    fate = _name_signal(exit_code)
    details = f"{log}\n[the engine's process ended: {fate or f'exit code {exit_code}'}]".strip()
    if fate == "SIGILL":
        return OldProcessor(details=details)
    if _MEMORY.search(log):
        return OutOfMemory(model=name, reason="The engine asked for more memory than the machine has.", details=details)
    if fate == "SIGKILL":
        return OutOfMemory(model=name, reason="The system ended the engine, most likely because memory ran out.", details=details)
    if fate == "SIGBUS":
        reason = "The file became shorter, or its disk went away, while the model was in use."
        return DamagedModelFile(file=name, reason=reason, details=details)
    if loading:
        words = _last_words(log)
        reason = f"The engine broke down while reading it, with the message “{words}”." if words else _BROKE_DOWN
        return DamagedModelFile(file=name, reason=reason, details=details)
    words = _last_words(log)
    reason = f"It gave up with the message “{words}”." if words else _say_fate(fate, exit_code)
    return EngineCrashed(reason=reason, details=details)


def _name_signal(exit_code: int | None) -> str:
    if exit_code is None:
        return ""
    if exit_code < 0:
        try:
            return signal.Signals(-exit_code).name
        except ValueError:
            return f"signal {-exit_code}"
    return _WINDOWS_CODES.get(exit_code & 0xFFFFFFFF, "") if exit_code > 255 else ""


def _last_words(log: str) -> str:
    matches = list(_ASSERTION.finditer(log))
    return matches[-1].group(0).strip()[:200] if matches else ""


def _say_fate(fate: str, exit_code: int | None) -> str:
    return f"Its process was ended by {fate}." if fate else f"Its process ended with code {exit_code}."
