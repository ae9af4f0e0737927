"""What llama.cpp computes of a text with a picture, through libmtmd itself: the program's own reader, for tests."""

from __future__ import annotations

from pathlib import Path

from backends.chat_template import IMAGE_MARKER
from backends.llamacpp.library import NativeLibrary
from quantize.picture_reader import PictureReader

MARK = IMAGE_MARKER


def Seeing(model: Path, projector: Path, context: int = 512) -> PictureReader:
    """A model with its projector, opened in libmtmd with an F32 cache and one thread. Use as a context."""
    return PictureReader(NativeLibrary(), model, projector, context=context)
