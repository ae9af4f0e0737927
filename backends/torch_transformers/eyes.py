"""The eyes of a checkpoint of Gemma 3's shape: pictures to chunks of a prompt, and chunks to embeddings, by transformers' own code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from backends.llamacpp.projector import MediaChunk
from backends.media_files import MediaFile
from backends.media_tokens import make_media_tokens
from backends.pictures import read_picture
from backends.torch_transformers.tokens import HubTokenizer
from models.errors import AttachmentRefused

_SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")


def find_eyes(model: Any, folder: Path, tokenizer: HubTokenizer, device: str) -> TorchEyes | None:
    """The eyes of a loaded network; None where it has none, or ones of another shape."""
    if str(model.config.model_type) != "gemma3" or not (folder / "preprocessor_config.json").is_file():
        return None
    from transformers import AutoImageProcessor

    try:
        maker: Any = AutoImageProcessor
        processor = maker.from_pretrained(folder, trust_remote_code=False)
        return TorchEyes(model, processor, folder, tokenizer, device)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError):
        return None  # it still writes


class TorchEyes:
    """Splits prompts as transformers' processor of this shape does, and encodes with the checkpoint's own vision tower.

    It promises what :class:`backends.llamacpp.projector.Projector` does: the scheduler's reader uses either.
    """

    sees, hears, has_planes = True, False, False

    def __init__(self, model: Any, processor: Any, folder: Path, tokenizer: HubTokenizer, device: str) -> None:
        self._model, self._processor, self._tokenizer, self._device = model, processor, tokenizer, device
        config = model.config
        self._count = int(config.mm_tokens_per_image)
        self._open = tokenizer.text_of(int(config.boi_token_index))
        self._close = tokenizer.text_of(int(config.eoi_token_index))
        self._dtype = next(model.parameters()).dtype
        digest = hashlib.sha256(str(self._dtype).encode())
        for name in _SETTINGS:
            digest.update((folder / name).read_bytes() if (folder / name).is_file() else b"")
        for file in sorted(folder.glob("*.safetensors")):
            digest.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
        self._identity = digest.digest()

    def split(self, segments: Sequence[str | MediaFile]) -> tuple[list[int], dict[int, MediaChunk]]:
        """See :meth:`backends.llamacpp.projector.Projector.split`. Blank lines stand around a picture, as the processor puts them."""
        tokens: list[int] = []
        media: dict[int, MediaChunk] = {}
        text = ""
        for segment in segments:
            if isinstance(segment, str):
                text += segment
                continue
            if segment.is_sound:
                raise AttachmentRefused(file=segment.name, reason="This model cannot hear.")
            tokens += self._tokenizer.encode(f"{text}\n\n{self._open}")
            text = f"{self._close}\n\n"
            chunk = MediaChunk(
                self._key(segment), segment, 0, make_media_tokens(self._key(segment), self._count, self._count), True
            )
            media[chunk.tokens[0]] = chunk
            tokens += chunk.tokens
        return [*tokens, *self._tokenizer.encode(text)], media

    @torch.inference_mode()
    def encode(self, source: MediaFile, is_wanted: Callable[[], bool]) -> dict[bytes, Any]:
        """See :meth:`backends.llamacpp.projector.Projector.encode`."""
        picture, _ = read_picture(source.path, source.name)
        pixels = self._processor(images=[picture], return_tensors="pt")["pixel_values"]
        if not is_wanted():
            return {}
        found = self._model.model.get_image_features(pixels.to(self._device, self._dtype))
        features = found.pooler_output if hasattr(found, "pooler_output") else found
        return {self._key(source): features[0].float().cpu().numpy()}

    def _key(self, source: MediaFile) -> bytes:
        return hashlib.sha256(self._identity + source.digest).digest()
