"""Fixed-size batches: dialogs packed side by side without seeing each other, and windows of prose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from starter_model.corpus import Corpus
from starter_model.tokens import encode_dialogs
from tokenizers import Tokenizer
from torch import Tensor

_POOL = 256
_ENGLISH_SHARE = 0.35
# Once an answer has begun rightly the rest follows: five dialogs in six end after the last answer's opening,
# which leaves room for three times as many questions.
_CUT_OF, _KEPT_TOKENS = 6, 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens, targets and weights (rows, length); mask is additive (rows, 1, length, length) or None for causal."""

    tokens: Tensor
    targets: Tensor
    weights: Tensor
    mask: Tensor | None


class DialogRows:
    """Packs the corpus's dialogs, in order, into rows; its whole state is the number of the next dialog."""

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer, long: bool = False) -> None:
        self.corpus, self.tokenizer, self.long = corpus, tokenizer, long
        self.next_number = 0
        self._pool: list[tuple[np.ndarray, np.ndarray]] = []

    def _refill(self) -> None:
        wanted = 16 if self.long else _POOL
        numbers = range(self.next_number, self.next_number + wanted)
        dialogs = [self.corpus.dialog(number, self.long) for number in numbers]
        keep = [None if self.long or number % _CUT_OF == 0 else _KEPT_TOKENS for number in numbers]
        self._pool += encode_dialogs(self.tokenizer, dialogs, keep)
        self.next_number += wanted

    def draw(self, rows: int, length: int) -> Batch:
        """Return one batch; a dialog longer than the row is cut."""
        tokens = np.zeros((rows, length), dtype=np.int64)
        targets = np.zeros((rows, length), dtype=np.int64)
        weights = np.zeros((rows, length), dtype=np.float32)
        owners = np.full((rows, length), -1, dtype=np.int64)
        for row in range(rows):
            used, owner = 0, 0
            while used < length:
                if len(self._pool) < _POOL // (16 if self.long else 2):
                    self._refill()
                room = length - used
                fitting = next((i for i, (ids, _) in enumerate(self._pool[:64]) if len(ids) - 1 <= room), None)
                if fitting is None and used:
                    break
                ids, loss_weights = self._pool.pop(fitting or 0)
                ids, loss_weights = ids[: room + 1], loss_weights[: room + 1]
                span = slice(used, used + len(ids) - 1)
                tokens[row, span], targets[row, span] = ids[:-1], ids[1:]
                weights[row, span], owners[row, span] = loss_weights[1:], owner
                used, owner = span.stop, owner + 1
        return Batch(torch.from_numpy(tokens), torch.from_numpy(targets), torch.from_numpy(weights), _mask(owners))


def _mask(owners: np.ndarray) -> Tensor:
    owner = torch.from_numpy(owners)
    seen = (owner[:, :, None] == owner[:, None, :]).tril()
    mask = torch.zeros(seen.shape, dtype=torch.bfloat16).masked_fill_(~seen, float("-inf"))
    return mask[:, None]


class ProseWindows:
    """Draws random windows of real prose."""

    def __init__(self, texts: Mapping[str, np.ndarray], seed: int) -> None:
        self.texts = dict(texts)
        self.seed = seed

    def draw(self, rows: int, length: int, step: int) -> Batch:
        """Return the batch of one step; every target weighs 1."""
        rng = np.random.default_rng((self.seed, step))
        windows = []
        for _ in range(rows):
            text = self.texts["en" if rng.random() < _ENGLISH_SHARE else "zh"]
            start = int(rng.integers(len(text) - length - 1))
            windows.append(text[start : start + length + 1])
        ids = torch.from_numpy(np.stack(windows))
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), torch.ones(rows, length), None)
