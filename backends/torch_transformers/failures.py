"""What torch says where it fails, in words that help."""

from __future__ import annotations

from models.errors import EngineUnavailable, GenerationFailed, OutOfMemory, UserFacingError

_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad allocation", "std::bad_alloc")


def explain_failure(error: BaseException, model: str) -> UserFacingError:
    """The classified error for what torch raised while it loaded or computed ``model``."""
    said = str(error)
    if isinstance(error, MemoryError) or any(words in said.lower() for words in _MEMORY):
        return OutOfMemory(model=model, reason="The weights and what was to be computed did not fit.", details=said)
    if "CUDA error" in said or "no kernel image" in said or "MPS backend" in said:
        reason = f"The device failed: {said.splitlines()[0].rstrip('.')}."
        return EngineUnavailable(engine="torch", reason=reason, details=said)
    return GenerationFailed(reason=f"The engine says: {said.splitlines()[0] if said else type(error).__name__}.", details=said)
