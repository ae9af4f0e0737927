"""Opens any model for reading its logits: a GGUF file through llama.cpp, a checkpoint folder through torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy


class Reader(Protocol):
    """What :mod:`quantize.quality` and :mod:`quantize.probe` ask of a model."""

    vocabulary_size: int
    begin_token: int | None

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a plain text."""

    def text_of(self, tokens: list[int]) -> str:
        """The text of tokens."""

    def read(self, window: list[int], first: int) -> numpy.ndarray:
        """Logits (len(window) - 1 - first, vocabulary)."""

    def append(self, tokens: list[int], position: int) -> numpy.ndarray:
        """Logits (vocabulary,) after the last of tokens that follow those read before."""

    def is_end(self, token: int) -> bool:
        """Whether a token ends a reply."""

    def close(self) -> None:
        """Free the model."""


def open_reader(path: str, window: int, threads: int, *, is_probe: bool = False) -> Reader:
    """A reader of windows of up to ``window`` tokens.

    A checkpoint computes in float32 with its weights dequantized, as the reference does, unless it is so large that two of them would
    not fit; for a probe as it will run.

    Raises:
        UserFacingError: it cannot be loaded.
    """
    if Path(path).is_dir():
        from backends.torch_transformers.presence import require_torch

        require_torch()
        from quantize.checkpoint_reader import CheckpointReader

        compute_type = "" if is_probe or not _fits_in_float(Path(path)) else "f32"
        return CheckpointReader(path, threads, compute_type=compute_type, kernels=is_probe)
    from backends.llamacpp.library import NativeLibrary
    from quantize.logit_reader import LogitReader

    return LogitReader(NativeLibrary(), path, window, threads)


def _fits_in_float(folder: Path) -> bool:
    """Whether the memory that is free holds this model and its base in float32."""
    import psutil

    from quantize.folder_card import count_parameters

    return 2 * 4 * count_parameters(folder) <= int(psutil.virtual_memory().available * 0.9)
