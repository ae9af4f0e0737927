"""The eyes of a checkpoint: how a picture stands in a prompt, and its embeddings, by transformers' own code."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from backends.media_files import MediaFile
from backends.pictures import read_picture
from backends.torch_transformers.attention import see_in_layers
from backends.torch_transformers.eye_families import Layout, Shape, find_shape

_SETTINGS = ("preprocessor_config.json", "processor_config.json")


def find_eyes(model: Any, folder: Path) -> TorchEyes | None:
    """The eyes of a loaded network; None where it has none, or ones of another shape."""
    shape = find_shape(model.config)
    if shape is None or not any((folder / name).is_file() for name in _SETTINGS):
        return None
    from transformers import AutoImageProcessor

    try:
        maker: Any = AutoImageProcessor
        return TorchEyes(model, shape, maker.from_pretrained(folder, trust_remote_code=False))
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError):
        return None  # it still writes


class TorchEyes:
    """See :class:`backends.torch_transformers.senses.Sense`."""

    def __init__(self, model: Any, shape: Shape, processor: Any) -> None:
        self._model, self._shape, self._processor = model, shape, processor
        self.sees_itself = shape.sees_itself
        self._lay_out = lru_cache(64)(self._find_layout)
        self._lay_out(64, 64)  # a processor that cannot is found now
        see_in_layers(model.get_decoder().layers[: shape.deep_layers(model.config)])

    def lay_out(self, source: MediaFile) -> Layout:
        """See :meth:`backends.torch_transformers.senses.Sense.lay_out`."""
        return self._lay_out(source.width, source.height)

    def embed(self, source: MediaFile, device: str, dtype: torch.dtype, is_wanted: Callable[[], bool]) -> torch.Tensor | None:
        """See :meth:`backends.torch_transformers.senses.Sense.embed`."""
        picture, _ = read_picture(source.path, source.name)
        prepared = self._prepare(picture)
        return self._shape.features(self._model.model, prepared, dtype, device) if is_wanted() else None

    def _prepare(self, picture: Any) -> Any:
        return self._processor(images=[picture], return_tensors="pt", **self._shape.options)

    def _find_layout(self, width: int, height: int) -> Layout:
        """What a prompt says for a picture of this size: only its size decides, so that a blank one tells."""
        from PIL import Image

        return self._shape.layout(self._model.config, self._prepare(Image.new("RGB", (width, height))))
