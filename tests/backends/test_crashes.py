"""The fate of a process, in words."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from backends.crashes import explain_crash
from models.errors import DamagedModelFile, EngineCrashed, OldProcessor, OutOfMemory

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.fixture(scope="module")
def templates() -> list[str]:
    """Every sentence that packaging/translations/update.py finds in the engines' packages."""
    spec = importlib.util.spec_from_file_location("update", ROOT / "packaging" / "translations" / "update.py")
    assert spec is not None
    assert spec.loader is not None
    update = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(update)
    files = (ROOT / "backends").rglob("*.py")
    return [text for path in files for text in update.iter_sentences(ast.parse(path.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("log", ["", "GGML_ASSERT(n_rot > 0) failed"])
@pytest.mark.parametrize("loading", [True, False])
def test_every_reason_is_a_sentence_that_can_be_translated(templates: list[str], log: str, loading: bool) -> None:
    reason = explain_crash(1, log, "m.gguf", loading=loading).facts["reason"]
    patterns = [re.sub(r"\\\{\d+\\\}", "[^.]+", re.escape(template)) for template in templates]
    assert any(re.fullmatch(pattern, reason) for pattern in patterns), reason


@pytest.mark.parametrize("words", ["could not compute the next step", "library could not be loaded"])
def test_what_an_engine_says_is_a_sentence_that_can_be_translated(templates: list[str], words: str) -> None:
    assert any(words in template for template in templates)
