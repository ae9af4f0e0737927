"""The eyes of a checkpoint: pictures to chunks of a prompt, and chunks to embeddings, by transformers' own code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from backends.llamacpp.projector import MediaChunk
from backends.media_files import MediaFile
from backends.media_tokens import make_media_tokens
from backends.pictures import read_picture
from backends.torch_transformers.eye_families import Layout, Run, Shape, find_shape, mark_of
from backends.torch_transformers.tokens import HubTokenizer
from models.errors import AttachmentRefused

_SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")


def find_eyes(model: Any, folder: Path, tokenizer: HubTokenizer, device: str) -> TorchEyes | None:
    """The eyes of a loaded network; None where it has none, or ones of another shape."""
    shape = find_shape(model.config)
    if shape is None or not any((folder / name).is_file() for name in _SETTINGS[1:]):
        return None
    from transformers import AutoImageProcessor

    try:
        maker: Any = AutoImageProcessor
        processor = maker.from_pretrained(folder, trust_remote_code=False)
        return TorchEyes(model, shape, processor, folder, tokenizer, device)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError):
        return None  # it still writes


class TorchEyes:
    """Splits prompts as transformers' processor of this shape does, and encodes with the checkpoint's own vision tower.

    It promises what :class:`backends.llamacpp.projector.Projector` does: the scheduler's reader uses either.
    """

    sees, hears, has_planes = True, False, False

    def __init__(self, model: Any, shape: Shape, processor: Any, folder: Path, tokenizer: HubTokenizer, device: str) -> None:
        self._model, self._shape, self._processor = model, shape, processor
        self._tokenizer, self._device = tokenizer, device
        self._dtype = next(parameter for parameter in model.parameters() if parameter.is_floating_point()).dtype
        digest = hashlib.sha256(str(self._dtype).encode())
        for name in _SETTINGS:
            digest.update((folder / name).read_bytes() if (folder / name).is_file() else b"")
        for file in sorted(folder.glob("*.safetensors")):
            digest.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
        self._identity = digest.digest()
        self._lay_out = lru_cache(64)(self._find_layout)
        self._lay_out(64, 64)  # a processor that cannot is found now

    def split(self, segments: Sequence[str | MediaFile]) -> tuple[list[int], dict[int, MediaChunk]]:
        """See :meth:`backends.llamacpp.projector.Projector.split`. What stands around a picture is what the processor puts there."""
        tokens: list[int] = []
        media: dict[int, MediaChunk] = {}
        text = ""
        for segment in segments:
            if isinstance(segment, str):
                text += segment
                continue
            if segment.is_sound:
                raise AttachmentRefused(file=segment.name, reason="This model cannot hear.")
            number = 0
            for piece in self._lay_out(segment.width, segment.height):
                if isinstance(piece, Run):
                    tokens += self._tokenizer.encode(text)
                    text = ""
                    chunk = self._make_chunk(segment, number, piece)
                    number += 1
                    media[chunk.tokens[0]] = chunk
                    tokens += chunk.tokens
                else:
                    mark = mark_of(piece)
                    text += piece if mark is None else self._tokenizer.text_of(mark)
        return [*tokens, *self._tokenizer.encode(text)], media

    @torch.inference_mode()
    def encode(self, source: MediaFile, is_wanted: Callable[[], bool]) -> dict[bytes, Any]:
        """See :meth:`backends.llamacpp.projector.Projector.encode`."""
        picture, _ = read_picture(source.path, source.name)
        prepared = self._prepare(picture)
        if not is_wanted():
            return {}
        found = self._shape.features(self._model.model, prepared, self._dtype, self._device)
        features = found.pooler_output if hasattr(found, "pooler_output") else found
        parts = features if isinstance(features, list | tuple) else [features]
        rows = torch.cat([part.reshape(-1, part.shape[-1]) for part in parts]).float().cpu().numpy()
        made, begin = {}, 0
        runs = [piece for piece in self._lay_out(source.width, source.height) if isinstance(piece, Run)]
        if len(rows) != sum(run.count for run in runs):
            return {}
        for number, run in enumerate(runs):
            made[self._key(source, number)] = rows[begin : begin + run.count].copy()
            begin += run.count
        return made

    def _prepare(self, picture: Any) -> Any:
        return self._processor(images=[picture], return_tensors="pt", **self._shape.options)

    def _find_layout(self, width: int, height: int) -> Layout:
        """What a prompt says for a picture of this size: only its size decides, so that a blank one tells."""
        from PIL import Image

        return self._shape.layout(self._model.config, self._prepare(Image.new("RGB", (width, height))))

    def _make_chunk(self, source: MediaFile, number: int, run: Run) -> MediaChunk:
        key = self._key(source, number)
        positions = run.count if run.offsets is None else int(run.offsets.max()) + 1
        tokens = make_media_tokens(key, run.count, positions)
        return MediaChunk(key, source, number, tokens, self._shape.sees_itself, run.offsets)

    def _key(self, source: MediaFile, number: int) -> bytes:
        return hashlib.sha256(self._identity + source.digest + number.to_bytes(4, "little")).digest()
