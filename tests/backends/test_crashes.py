"""The fate of a process, in words."""

from __future__ import annotations

import pytest

from backends.crashes import explain_crash
from models.errors import DamagedModelFile, EngineCrashed, OldProcessor, OutOfMemory


@pytest.mark.parametrize(
    ("exit_code", "log", "loading", "kind"),
    [
        (-4, "", False, OldProcessor),
        (-4, "", True, OldProcessor),
        (-9, "", False, OutOfMemory),
        (-7, "", False, DamagedModelFile),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", True, OutOfMemory),
        (-6, "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99", False, OutOfMemory),
        (-6, "GGML_ASSERT(n > 0) failed", True, DamagedModelFile),
        (-6, "GGML_ASSERT(n > 0) failed", False, EngineCrashed),
        (-11, "", False, EngineCrashed),
        (1, "", False, EngineCrashed),
        (None, "", False, EngineCrashed),
        (0xC000001D, "", False, OldProcessor),
        (0xC0000005, "", False, EngineCrashed),
        (-64, "", False, EngineCrashed),
    ],
)
def test_exit_code_and_last_words_are_classified(exit_code: int | None, log: str, loading: bool, kind: type[Exception]) -> None:
    error = explain_crash(exit_code, log, "/models/x.gguf", loading=loading)
    assert type(error) is kind
    assert log in error.details


def test_an_assertion_is_quoted_and_the_log_kept() -> None:
    error = explain_crash(-6, "a line\nGGML_ASSERT(n > 0) failed\n", "x.gguf", loading=False)
    assert "GGML_ASSERT(n > 0) failed" in error.english()
    assert error.details.startswith("a line")
    assert "SIGABRT" in error.details
