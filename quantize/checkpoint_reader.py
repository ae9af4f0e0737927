"""Reads the logits of every position of a window from a checkpoint folder: what LogitReader is for GGUF, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed

if TYPE_CHECKING:
    import numpy


class CheckpointReader:
    """A safetensors, AWQ or compressed-tensors folder. Four-bit weights are dequantized and multiplied: the reference.

    The same methods as :class:`quantize.logit_reader.LogitReader`.
    """

    def __init__(self, path: str, threads: int, *, compute_type: str = "f32", kernels: bool = False) -> None:
        import torch

        from backends.llamacpp.model import choose_threads
        from backends.torch_transformers.attention import NAME, KeyValues, register
        from backends.torch_transformers.devices import find_type
        from backends.torch_transformers.loading import load_network
        from backends.torch_transformers.tokens import read_tokenizer

        torch.set_num_threads(choose_threads(threads))
        register()
        folder = Path(path)
        self._name = folder.name
        dtype = find_type(compute_type, "cpu", folder)
        loaded = load_network(folder, "cpu", dtype, lambda _fraction: True, attention=NAME, kernels=kernels)
        self._model = loaded.model
        self.vocabulary_size = int(loaded.config.get_text_config().vocab_size)
        self._tokenizer = read_tokenizer(folder, self.vocabulary_size)
        self.begin_token = self._tokenizer.begin if self._tokenizer.adds_begin else None
        self._cache: Any = KeyValues()

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a plain text: markup of a chat template in it is text too."""
        return self._tokenizer.encode(text, parse_special=False)

    def text_of(self, tokens: list[int]) -> str:
        """The text of tokens, broken characters replaced."""
        return b"".join(self._tokenizer.piece(token) for token in tokens).decode("utf-8", "replace")

    def read(self, window: list[int], first: int) -> numpy.ndarray:
        """Logits (len(window) - 1 - first, vocabulary), float32, for what follows each position from ``first`` on."""
        return self._compute(window, list(range(first, len(window) - 1)), 0)

    def append(self, tokens: list[int], position: int) -> numpy.ndarray:
        """Read tokens after those that were read before, from ``position`` on; the logits (vocabulary,) after the last of them."""
        found: numpy.ndarray = self._compute(tokens, [len(tokens) - 1], position)[0]
        return found

    def is_end(self, token: int) -> bool:
        """Whether a token ends a reply."""
        return self._tokenizer.is_end(token)

    def close(self) -> None:
        """Free the model. Safe to call twice."""
        self._model = self._cache = None

    def _compute(self, tokens: list[int], rows: list[int], position: int) -> numpy.ndarray:
        from backends.torch_transformers.attention import KeyValues, Span, compute

        if position == 0:
            self._cache = KeyValues()
        if max(tokens) >= self.vocabulary_size:
            raise QuantizationFailed(file=self._name, reason="Its tokenizer has more tokens than it has embeddings.")
        logits, _ = compute(self._model, tokens, [Span(self._cache, len(tokens))], rows, "cpu")
        found: numpy.ndarray = logits.float().numpy()
        return found
