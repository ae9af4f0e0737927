"""What a checkpoint sees and hears with: pictures and sounds to chunks of a prompt, and chunks to embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from backends.llamacpp.projector import MediaChunk
from backends.media_files import MediaFile
from backends.media_tokens import make_media_tokens
from backends.torch_transformers.ears import find_ears
from backends.torch_transformers.eye_families import Layout, Run, mark_of
from backends.torch_transformers.eyes import find_eyes
from backends.torch_transformers.tokens import HubTokenizer

_SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")


class Sense(Protocol):
    """Eyes or ears. ``sees_itself`` says that the places of a medium look at each other in both directions."""

    sees_itself: bool

    def lay_out(self, source: MediaFile) -> Layout:
        """What a prompt says for a medium.

        Raises:
            AttachmentRefused: it cannot be taken.
        """

    def embed(self, source: MediaFile, device: str, dtype: torch.dtype, is_wanted: Callable[[], bool]) -> torch.Tensor | None:
        """The embeddings of all its places, (places, width); None once nobody wants them.

        Raises:
            AttachmentRefused: the file is damaged.
        """


def find_senses(model: Any, folder: Path, tokenizer: HubTokenizer, device: str) -> TorchSenses | None:
    """The eyes and ears of a loaded network; None where it has neither."""
    eyes, ears = find_eyes(model, folder), find_ears(model, folder)
    return TorchSenses(model, eyes, ears, folder, tokenizer, device) if eyes or ears else None


def tell_what_lacks(config: Any, senses: TorchSenses | None) -> str:
    """What a person should know of a network with eyes or ears that cannot be used; empty where there is nothing to say."""
    is_blind = getattr(config, "vision_config", None) is not None and not (senses and senses.sees)
    is_deaf = getattr(config, "audio_config", None) is not None and not (senses and senses.hears)
    if is_blind and is_deaf:
        return (
            "This model sees and hears in a way that is not known here, or files for that are missing: it reads and writes only."
        )
    if is_blind:
        return "This model sees in a way that is not known here, or files for that are missing: it cannot be shown pictures."
    if is_deaf:
        return "This model hears in a way that is not known here, or files for that are missing: sounds cannot be played to it."
    return ""


class TorchSenses:
    """Splits prompts as transformers' processor of this family does, and encodes with the checkpoint's own towers.

    It promises what :class:`backends.llamacpp.projector.Projector` does: the scheduler's reader uses either.
    """

    has_planes = False

    def __init__(
        self, model: Any, eyes: Sense | None, ears: Sense | None, folder: Path, tokenizer: HubTokenizer, device: str
    ) -> None:
        self._eyes, self._ears = eyes, ears
        self.sees, self.hears = eyes is not None, ears is not None
        self._tokenizer, self._device = tokenizer, device
        self._dtype = next(parameter for parameter in model.parameters() if parameter.is_floating_point()).dtype
        digest = hashlib.sha256(str(self._dtype).encode())
        for name in _SETTINGS:
            digest.update((folder / name).read_bytes() if (folder / name).is_file() else b"")
        for file in sorted(folder.glob("*.safetensors")):
            digest.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
        self._identity = digest.digest()

    def split(self, segments: Sequence[str | MediaFile]) -> tuple[list[int], dict[int, MediaChunk]]:
        """See :meth:`backends.llamacpp.projector.Projector.split`. What stands around a medium is what the processor puts there."""
        tokens: list[int] = []
        media: dict[int, MediaChunk] = {}
        text = ""
        for segment in segments:
            if isinstance(segment, str):
                text += segment
                continue
            number = 0
            sense = self._sense_of(segment)
            for piece in sense.lay_out(segment):
                if isinstance(piece, Run):
                    tokens += self._tokenizer.encode(text)
                    text = ""
                    chunk = self._make_chunk(segment, number, piece, sense.sees_itself)
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
        sense = self._sense_of(source)
        found = sense.embed(source, self._device, self._dtype, is_wanted)
        runs = [piece for piece in sense.lay_out(source) if isinstance(piece, Run)]
        if found is None or len(found) != sum(run.count for run in runs):
            return {}
        rows = found.float().cpu().numpy()
        made, begin = {}, 0
        for number, run in enumerate(runs):
            made[self._key(source, number)] = rows[begin : begin + run.count].copy()
            begin += run.count
        return made

    def _sense_of(self, source: MediaFile) -> Sense:
        sense = self._ears if source.is_sound else self._eyes
        assert sense is not None  # who asks for what is not there was refused before
        return sense

    def _make_chunk(self, source: MediaFile, number: int, run: Run, sees_itself: bool) -> MediaChunk:
        key = self._key(source, number)
        positions = run.count if run.offsets is None else int(run.offsets.max()) + 1
        tokens = make_media_tokens(key, run.count, positions)
        return MediaChunk(key, source, number, tokens, sees_itself, run.offsets)

    def _key(self, source: MediaFile, number: int) -> bytes:
        kind = b"sound" if source.is_sound else b""
        return hashlib.sha256(self._identity + source.digest + kind + number.to_bytes(4, "little")).digest()
