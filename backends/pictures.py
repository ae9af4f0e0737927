"""Pictures as models take them: checked by their header before anything is decoded, upright, on white, in RGB, of a bounded size."""

from __future__ import annotations

import contextlib
import importlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import AttachmentRefused

LONGEST_SIDE = 3072
"""Pixels of the longer side that a model is shown: more is scaled down."""
LARGEST_FILE = 128 * 1024 * 1024
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "AVIF", "HEIF")
_MOST_PIXELS = {
    "JPEG": 200_000_000,
    "MPO": 200_000_000,
    "PNG": 40_000_000,
    "BMP": 40_000_000,
    "GIF": 30_000_000,
    "HEIF": 25_000_000,
}
"""What may be decoded, so that it takes less than 500 MB: a sequential JPEG can be scaled while it is read."""
_MOST_PIXELS_ELSE = _MOST_CLEAR_PIXELS = 20_000_000
_NARROWEST = 100
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
_MARKUP = (b"<?xml", b"<svg", b"<!doc", b"<html")
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError, ArithmeticError,
    AssertionError, RuntimeError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises on damaged files."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a header says. ``width`` and ``height`` are what a model is shown, upright; ``original`` is the size in the file.

    It ``is_plain`` where it is in RGB or grey, with 8 bits a channel, and nothing of it can be seen through.
    """

    format: str
    width: int
    height: int
    original: tuple[int, int]
    orientation: int
    frames: int
    is_plain: bool

    @property
    def is_scaled(self) -> bool:
        """Whether the model sees fewer pixels than there are."""
        return sorted(self.original) != sorted((self.width, self.height))


def read_facts(path: str | Path, name: str = "") -> PictureFacts:
    """What the header of a picture says; nothing is decoded.

    Raises:
        AttachmentRefused: it is no picture that can be read, or one that would take too much memory.
    """
    name = name or Path(path).name
    with _open(path, name) as image:
        return _describe(image, name)


def read_picture(path: str | Path, name: str = "") -> tuple[Any, PictureFacts]:
    """The first frame as a Pillow image in RGB: upright, on white, no larger than a model is shown; and its facts.

    Raises:
        AttachmentRefused: as for :func:`read_facts`, or its data are damaged or cut off.
    """
    from PIL import Image

    name = name or Path(path).name
    with _open(path, name) as image:
        facts = _describe(image, name)
        upright = (facts.width, facts.height)
        size = upright[::-1] if facts.orientation in _TURNED else upright
        try:
            if facts.is_scaled:
                image.draft(image.mode, size)
            image.load()
            shown = _on_white(image, size)
            if shown.size != size:
                shown = shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            return _turn(shown, facts.orientation), facts
        except MemoryError:
            raise AttachmentRefused(file=name, reason="It needs more memory than a picture may take.") from None
        except _BROKEN as error:
            raise AttachmentRefused(file=name, reason=_explain(error)) from error


def _open(path: str | Path, name: str) -> Any:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the check below is ours: Pillow's only warns at first
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as file:
            start = file.read(64)
        if not size:
            raise AttachmentRefused(file=name, reason="It is empty.")
        if size > LARGEST_FILE:
            raise AttachmentRefused(file=name, reason=f"It is larger than {LARGEST_FILE // 1024**2} MB.")
        if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
            raise AttachmentRefused(
                file=name, reason="It is a drawing made of text (SVG or HTML), which may refer to other files."
            )
        _learn_heif(start, name)
        return Image.open(path, formats=_known_formats())
    except UnidentifiedImageError as error:
        raise AttachmentRefused(file=name, reason="It is not a picture that can be read here.") from error
    except FileNotFoundError as error:
        raise AttachmentRefused(file=name, reason="There is no such file.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise AttachmentRefused(file=name, reason=f"{error.strerror}.") from error
    except MemoryError:
        raise AttachmentRefused(file=name, reason="It needs more memory than a picture may take.") from None
    except _BROKEN as error:
        raise AttachmentRefused(file=name, reason=_explain(error)) from error


def _known_formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


def _learn_heif(start: bytes, name: str) -> None:
    """HEIC needs a library beside Pillow, which is used where it is installed."""
    if start[4:8] != b"ftyp" or start[8:12] == b"avif":
        return
    for library in ("pi_heif", "pillow_heif"):  # the first only reads, and is free of the encoder's licence
        with contextlib.suppress(ImportError):
            importlib.import_module(library).register_heif_opener(thumbnails=False)
            return
    raise AttachmentRefused(file=name, reason="It is a HEIC picture, which this installation cannot read; save it as JPEG.")


def _describe(image: Any, name: str) -> PictureFacts:
    width, height = image.size
    if width < 1 or height < 1:
        raise AttachmentRefused(file=name, reason="It has no pixels.")
    if max(width, height) > _NARROWEST * min(width, height) and max(width, height) > _NARROWEST:
        raise AttachmentRefused(file=name, reason=f"It is too narrow to be seen: {width} × {height} pixels.")
    most = _MOST_PIXELS.get(image.format, _MOST_PIXELS_ELSE)
    if image.format in ("JPEG", "MPO") and (image.info.get("progressive") or image.mode == "CMYK"):
        most = 40_000_000
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        most = min(most, _MOST_CLEAR_PIXELS)
    if width * height > most:
        reason = f"It has {width} × {height} pixels; at most {most // 1_000_000} million can be opened safely."
        raise AttachmentRefused(file=name, reason=reason)
    orientation = _read_orientation(image)
    size = (height, width) if orientation in _TURNED else (width, height)
    scale = min(1.0, LONGEST_SIDE / max(size))
    shown = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    is_plain = image.mode in ("RGB", "L") and "transparency" not in image.info
    return PictureFacts(image.format or "", *shown, (width, height), orientation, _count_frames(image), is_plain)


def _read_orientation(image: Any) -> int:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _count_frames(image: Any) -> int:
    """Frames where that is known without reading through the file: elsewhere two where there is more than one."""
    try:
        return 2 if getattr(image, "is_animated", False) and image.format != "MPO" else 1
    except _BROKEN:
        return 1


def _on_white(image: Any, size: tuple[int, int]) -> Any:
    """The picture in RGB: what can be seen through is put on white, 16 bits become 8; scaled down first where that saves memory."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    elif image.mode in ("RGB", "L") and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        whole = image if image.mode in ("RGBa", "La") else image.convert("RGBa" if image.mode == "RGBA" else "La")
        if whole.size != size:  # with premultiplied colours, or hidden ones would bleed in
            whole = whole.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        clear = whole.convert("RGBA" if whole.mode == "RGBa" else "LA").convert("RGBA")
        ground = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, clear).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _turn(image: Any, orientation: int) -> Any:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip
    return image.transpose(turns[orientation]) if orientation in turns else image


def _explain(error: BaseException) -> str:
    """What is wrong with a damaged file, as a sentence."""
    text = str(error).strip().rstrip(".") or type(error).__name__
    if "truncated" in text.lower() or "unexpected end" in text.lower() or isinstance(error, EOFError):
        return f"It is cut off ({text})."
    return f"It is damaged or of an unknown kind ({text})."
