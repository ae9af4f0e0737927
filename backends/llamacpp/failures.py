"""What llama.cpp's log says about a failure, turned into the error that a user can act on."""

from __future__ import annotations

import re
from pathlib import Path

from models.errors import (
    DamagedModelFile,
    ModelNotFound,
    NotAModelFile,
    OutOfMemory,
    UnsupportedArchitecture,
    UserFacingError,
)

_ARCHITECTURE = re.compile(r"unknown model architecture: '([^']*)'")
_TOKENIZER = re.compile(r"(?:unknown pre-tokenizer type|unknown tokenizer|unsupported tokenizer)[^']*'([^']*)'")
_MEMORY = re.compile(
    r"unable to allocate|failed to allocate|bad_alloc|out of memory|cannot allocate memory|"
    r"ErrorOutOfDeviceMemory|ErrorOutOfHostMemory|insufficient memory",
    re.IGNORECASE,
)
NOT_LOCKED = re.compile(r"^.*failed to (?:mlock|VirtualLock).*$", re.MULTILINE)
"""A warning that ends as a lack of memory does, and never is why a load failed."""
_NOT_GGUF = re.compile(r"invalid magic|failed to read magic")
_MISSING = re.compile(r"No such file or directory|failed to open")
_REASON = re.compile(r"error loading model: (?:error loading model \w+: )?(.+)$", re.MULTILINE)
_HEADER_REASON = re.compile(r"gguf_init_from_\w+: (.+)$", re.MULTILINE)


def explain_load_failure(log: str, path: str) -> UserFacingError:
    """The error that best fits the log of a load that came to nothing. ``path`` is the model's file."""
    name = Path(path).name
    if match := _ARCHITECTURE.search(log):
        return UnsupportedArchitecture(architecture=match.group(1), file=name, details=log)
    if match := _TOKENIZER.search(log):
        return UnsupportedArchitecture(architecture=f"tokenizer {match.group(1)}", file=name, details=log)
    if _MEMORY.search(NOT_LOCKED.sub("", log)):
        return OutOfMemory(model=name, reason="The machine refused the memory that the model needs.", details=log)
    if _NOT_GGUF.search(log):
        return NotAModelFile(file=name, reason="It does not begin as a GGUF file does.", details=log)
    if _MISSING.search(log):
        return ModelNotFound(model=name, details=log)
    return DamagedModelFile(file=name, reason=_last_reason(log), details=log)


def _last_reason(log: str) -> str:
    # "failed to load model from …" only repeats the file's name; what is wrong with its header stands in a line of its own.
    reasons = [text for text in _REASON.findall(log) if "failed to load model" not in text] or _HEADER_REASON.findall(log)
    return f"The engine refused it: {reasons[0].strip().rstrip('.')}." if reasons else "The engine could not read it."
