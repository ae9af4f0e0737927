"""How likely a token was, and what else could have come: read off the model's own numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy

from backends.events import TokenChosen
from backends.llamacpp.tokens import Tokenizer


class Likelihoods:
    """The logarithms of all probabilities after one row of logits (a numpy array), taken before anything changes it."""

    def __init__(self, tokenizer: Tokenizer, logits: Any) -> None:
        self._tokenizer = tokenizer
        values = logits.astype(numpy.float64)
        largest = float(values.max())
        self._values = values - (largest + math.log(float(numpy.exp(values - largest).sum())))

    def describe(self, token: int, count: int) -> TokenChosen:
        """The token that was chosen, with the bytes that it adds to the reply, and the ``count`` likeliest."""
        best: list[int] = []
        if count := min(count, len(self._values)):
            found = numpy.argpartition(self._values, -count)[-count:]
            best = sorted(found.tolist(), key=lambda other: (-self._values[other], other))
        read = self._tokenizer.bytes_of
        alternatives = tuple((other, read(other), float(self._values[other])) for other in best)
        return TokenChosen(token, self._tokenizer.piece(token), float(self._values[token]), alternatives)
