"""What llama.cpp logs, and the error that it becomes."""

from __future__ import annotations

import pytest

from backends.llamacpp.failures import explain_load_failure
from models.errors import DamagedModelFile, ModelNotFound, NotAModelFile, OutOfMemory, UnsupportedArchitecture

PREFIX = "llama_model_load: error loading model: "


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        (PREFIX + "error loading model architecture: unknown model architecture: 'gpt9'", UnsupportedArchitecture),
        (PREFIX + "error loading model vocabulary: unknown pre-tokenizer type: 'future'", UnsupportedArchitecture),
        ("gguf_init_from_file_ptr: invalid magic characters: 'abcd', expected 'GGUF'", NotAModelFile),
        (PREFIX + "unable to allocate CUDA0 buffer", OutOfMemory),
        (PREFIX + "failed to open x.gguf: No such file or directory", ModelNotFound),
        (PREFIX + "missing tensor 'output_norm.weight'", DamagedModelFile),
        ("", DamagedModelFile),
    ],
)
def test_the_log_says_which_error(log: str, kind: type[Exception]) -> None:
    error = explain_load_failure(log, "/somewhere/x.gguf")
    assert type(error) is kind
    assert "x.gguf" in error.english()
    assert "/somewhere" not in error.english()


def test_the_reason_is_the_error_and_not_the_line_before_it() -> None:
    log = (
        "load_tensors: loading model tensors, this can take a while...\n"
        + PREFIX
        + "missing tensor 'a.weight'\nfailed to load model"
    )
    assert "missing tensor 'a.weight'" in explain_load_failure(log, "x.gguf").english()
    assert "take a while" not in explain_load_failure(log, "x.gguf").english()


def test_a_reason_in_the_header_is_preferred_to_the_repeated_file_name() -> None:
    log = (
        "gguf_init_from_file_ptr: tensor 'a' has offset 3, expected 0\n"
        "llama_model_load: error loading model: llama_model_loader: failed to load model from /tmp/x.gguf\n"
    )
    assert "offset 3, expected 0" in explain_load_failure(log, "x.gguf").english()


def test_memory_that_could_not_be_locked_is_not_why_a_load_failed() -> None:
    log = "warning: failed to mlock 5304320-byte buffer (after previously locking 0 bytes): Cannot allocate memory\n"
    assert type(explain_load_failure(log + PREFIX + "missing tensor 'a.weight'", "x.gguf")) is DamagedModelFile
    assert type(explain_load_failure(log + PREFIX + "unable to allocate CUDA0 buffer", "x.gguf")) is OutOfMemory
