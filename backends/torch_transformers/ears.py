"""The ears of a checkpoint: how a sound stands in a prompt, and its embeddings, by transformers' own code."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from backends.media_files import MediaFile
from backends.sounds import read_sound
from backends.torch_transformers.ear_families import EARS, EarShape
from backends.torch_transformers.eye_families import Layout, Run
from models.errors import AttachmentRefused

_MOST_AT_ONCE = 750
"""Places that are computed in one step: half a minute of Qwen's."""


def find_ears(model: Any, folder: Path) -> TorchEars | None:
    """The ears of a loaded network; None where it has none, or ones of another shape."""
    shape = EARS.get(str(model.config.model_type))
    if shape is None:
        return None
    from transformers import AutoFeatureExtractor

    try:
        maker: Any = AutoFeatureExtractor
        return TorchEars(model, shape, maker.from_pretrained(folder, trust_remote_code=False))
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError):
        return None  # it still writes


class TorchEars:
    """See :class:`backends.torch_transformers.senses.Sense`."""

    sees_itself = False

    def __init__(self, model: Any, shape: EarShape, extractor: Any) -> None:
        self._model, self._shape, self._extractor = model, shape, extractor
        self._rate, self._window = int(extractor.sampling_rate), int(extractor.n_samples)
        self._lay_out = lru_cache(256)(self._find_layout)

    def lay_out(self, source: MediaFile) -> Layout:
        """See :meth:`backends.torch_transformers.senses.Sense.lay_out`. A sound is read once for that."""
        return self._lay_out(source)

    def embed(self, source: MediaFile, device: str, _dtype: torch.dtype, is_wanted: Callable[[], bool]) -> torch.Tensor | None:
        """See :meth:`backends.torch_transformers.senses.Sense.embed`."""
        samples = read_sound(source.path, self._rate, source.name)
        if not is_wanted():
            return None
        return self._shape.features(self._model.model, self._extractor, samples, device)

    def _find_layout(self, source: MediaFile) -> Layout:
        length = len(read_sound(source.path, self._rate, source.name))
        windows = [min(self._window, length - start) for start in range(0, length, self._window)]
        counts = [self._shape.count(self._model.model, self._extractor, samples) for samples in windows]
        runs: Layout = [Run(min(_MOST_AT_ONCE, count - start)) for count in counts for start in range(0, count, _MOST_AT_ONCE)]
        if not runs:
            raise AttachmentRefused(file=source.name, reason="There is nothing to hear in it.")
        before, after = self._shape.marks
        found: Layout = [before, *runs, after]
        return [piece for piece in found if piece]
