"""Prompts with pictures and sounds: the rendered text is cut at their marks, and the projector says what stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from backends.llamacpp.model import NativeModel
from backends.llamacpp.projector import MediaChunk
from backends.media_files import MARKER, MediaFile, MediaFiles
from backends.messages import Message
from models.errors import CannotHear, CannotSee


class MediaPrompts:
    """Turns rendered prompts into tokens. Reads only, so any thread may ask."""

    def __init__(self) -> None:
        self._files = MediaFiles()

    def split(self, model: NativeModel, messages: Sequence[Message], text: str) -> tuple[list[int], Mapping[int, MediaChunk]]:
        """The tokens of a prompt, and its media by the first of the tokens that stand for them.

        Raises:
            CannotSee: there is a picture, and the model has no eyes.
            CannotHear: there is a sound, and it has no ears.
            AttachmentRefused: a file cannot be read.
        """
        files = self._files.of(messages)
        if not files:
            return model.tokenizer.encode_prompt(text), {}
        projector, name = model.projector, Path(model.path).name
        if any(not file.is_sound for file in files) and (projector is None or not projector.sees):
            raise CannotSee(model=name)
        if projector is None or (any(file.is_sound for file in files) and not projector.hears):
            raise CannotHear(model=name)
        tokens, media = projector.split(_cut(text, files))
        if model.tokenizer.adds_begin and (not tokens or tokens[0] != model.tokenizer.begin):
            tokens.insert(0, model.tokenizer.begin)
        return tokens, media


def _cut(text: str, files: Sequence[MediaFile]) -> list[str | MediaFile]:
    """The pieces of a rendered text, with the files in the places of their marks."""
    pieces: list[str | MediaFile] = []
    end = 0
    for mark in MARKER.finditer(text):
        if (number := int(mark[1])) < len(files):
            pieces += [text[end : mark.start()], files[number]]
            end = mark.end()
    return [piece for piece in [*pieces, text[end:]] if piece]
