"""The projector of a model: pictures and sounds to chunks of a prompt, and chunks to embeddings, by llama.cpp's libmtmd."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.llamacpp.archive import fingerprint
from backends.llamacpp.c_memory import floats_at, point_to
from backends.llamacpp.library import NativeLibrary
from backends.media_files import MediaFile
from backends.media_tokens import make_media_tokens
from backends.pictures import read_picture
from models.errors import AttachmentRefused, GenerationFailed, LoadCancelled, OutOfMemory, ProjectorRefused
from models.gguf_header import read_header

_TEXT, _IMAGE = 0, 1
_LARGE_PICTURE = (4096, 4096)
_FRAMES = 3000
"""Frames of the 30 seconds of sound that Whisper's encoder takes at once."""


@dataclass(frozen=True, slots=True, eq=False)
class MediaChunk:
    """What of a medium goes into the cache at once: ``number`` counts the chunks of ``source``, ``tokens`` stand for it.

    ``offsets`` and ``steps`` (``int32[4, count]``) make its positions, by axis, from the position at which it begins: offset + step ×
    begin; None where each place is one position. Where it ``sees_itself``, all of it must be computed in one step.
    """

    key: bytes
    source: MediaFile
    number: int
    tokens: list[int]
    sees_itself: bool
    offsets: Any = field(default=None, repr=False)
    steps: Any = field(default=None, repr=False)


class Projector:
    """libmtmd with one projector, for one text model. Splitting a prompt is thread-safe; encoding is one thread's work.

    Raises:
        ProjectorRefused: the file is none, or does not belong to this model.
        LoadCancelled: ``progress`` said so.
    """

    def __init__(
        self, library: NativeLibrary, path: str, model: Any, *, threads: int, use_gpu: bool, progress: Callable[[float], bool]
    ) -> None:
        self._api = library.multimodal()
        self._text_api = library.api
        self._library = library
        self.path = path
        self._handle: Any = None
        parameters = self._api.mtmd_context_params_default()
        parameters.use_gpu = use_gpu
        parameters.print_timings = False
        parameters.n_threads = threads
        parameters.warmup = True  # reserves the buffers, so that what they take is known before the first picture
        cancelled = False

        def report(fraction: float, _data: object) -> bool:
            nonlocal cancelled
            cancelled = cancelled or not progress(fraction)
            return not cancelled

        parameters.progress_callback = self._api.mtmd_progress_callback(report)
        library.forget_log()
        self._handle = self._api.mtmd_init_from_file(os.fsencode(path), model, parameters)
        if cancelled:
            self.close()
            raise LoadCancelled()
        if not self._handle:
            raise _explain_refusal(library.log_text(), path)
        self._width = int(library.api.llama_model_n_embd_inp(model))
        self.sees = bool(self._api.mtmd_support_vision(self._handle))
        self.hears = bool(self._api.mtmd_support_audio(self._handle)) and not _would_die_of_sound(path)
        self.has_planes = bool(self._api.mtmd_decode_use_mrope(self._handle))
        self._identity = fingerprint(Path(path), {"engine": library.version})

    @property
    def width(self) -> int:
        """Numbers of one embedding."""
        return self._width

    def most_at_once(self) -> int:
        """The most places of a chunk that must be computed in one step; 0 where none must."""
        if not self.sees or not self._api.mtmd_decode_use_non_causal(self._handle, None):
            return 0
        large = MediaFile("", "", b"", False, *_LARGE_PICTURE)
        _, media = self.split([large])
        return max((len(chunk.tokens) for chunk in media.values()), default=0)

    def split(self, segments: Sequence[str | MediaFile]) -> tuple[list[int], dict[int, MediaChunk]]:
        """The tokens of a prompt of texts and media, and the media by the first of their tokens. No picture is decoded for that.

        Raises:
            AttachmentRefused: the projector cannot take one of them.
        """
        sources = [segment for segment in segments if isinstance(segment, MediaFile)]
        bitmaps = [self._make_placeholder(source) for source in sources]
        try:
            with self._chunks(segments, bitmaps) as chunks:
                return self._read(chunks, sources)
        finally:
            for bitmap in bitmaps:
                self._api.mtmd_bitmap_free(bitmap)

    def encode(self, source: MediaFile, is_wanted: Callable[[], bool]) -> dict[bytes, Any]:
        """The embeddings of all chunks of a medium, ``float32[count, width]`` each, by their keys; fewer once nobody wants them.

        Raises:
            AttachmentRefused: the file is damaged.
            GenerationFailed: the engine could not.
        """
        bitmap = self._load_sound(source) if source.is_sound else self._load_picture(source)
        found: dict[bytes, Any] = {}
        try:
            self._api.mtmd_bitmap_set_id(bitmap, b"0")
            with self._chunks([source], [bitmap]) as chunks:
                number = 0
                for chunk in chunks.items():
                    if int(self._api.mtmd_input_chunk_get_type(chunk)) == _TEXT:
                        continue
                    if not is_wanted():
                        break
                    found[self._key(source, number, chunk)] = self._encode(chunk, source)
                    number += 1
        finally:
            self._api.mtmd_bitmap_free(bitmap)
        return found

    def close(self) -> None:
        """Free it. Safe to call twice."""
        handle, self._handle = self._handle, None
        if handle:
            self._api.mtmd_free(handle)

    def _encode(self, chunk: Any, source: MediaFile) -> Any:
        self._library.forget_log()
        if self._api.mtmd_encode_chunk(self._handle, chunk) != 0:
            raise GenerationFailed(reason=f"The engine could not look at {source.name}.", details=self._library.log_text())
        count = int(self._api.mtmd_input_chunk_get_n_tokens(chunk))
        pointer = self._api.mtmd_get_output_embd(self._handle)
        return floats_at(pointer, count, self._width).copy()

    def _read(self, chunks: _Chunks, sources: Sequence[MediaFile]) -> tuple[list[int], dict[int, MediaChunk]]:
        tokens: list[int] = []
        media: dict[int, MediaChunk] = {}
        numbers = [0] * len(sources)
        count = ctypes.c_size_t()
        for chunk in chunks.items():
            if int(self._api.mtmd_input_chunk_get_type(chunk)) == _TEXT:
                pointer = self._api.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
                tokens.extend(pointer[: count.value])
                continue
            place = int(self._api.mtmd_input_chunk_get_id(chunk) or b"0")
            found = self._describe(chunk, sources[place], numbers[place])
            numbers[place] += 1
            media[found.tokens[0]] = found
            tokens.extend(found.tokens)
        return tokens, media

    def _describe(self, chunk: Any, source: MediaFile, number: int) -> MediaChunk:
        count = int(self._api.mtmd_input_chunk_get_n_tokens(chunk))
        positions = int(self._api.mtmd_input_chunk_get_n_pos(chunk))
        key = self._key(source, number, chunk)
        offsets = steps = None
        if self.has_planes:
            offsets, steps = self._find_positions(chunk, count)
        sees_itself = bool(self._api.mtmd_decode_use_non_causal(self._handle, chunk))
        return MediaChunk(key, source, number, make_media_tokens(key, count, positions), sees_itself, offsets, steps)

    def _find_positions(self, chunk: Any, count: int) -> tuple[Any, Any]:
        """Positions by axis as C wants them: time, row, column, and a fourth that few models use."""
        import numpy

        if int(self._api.mtmd_input_chunk_get_type(chunk)) != _IMAGE:
            line = numpy.arange(count, dtype=numpy.int32)
            return numpy.stack([line] * 4), numpy.ones((4, count), numpy.int32)
        image = self._api.mtmd_input_chunk_get_tokens_image(chunk)

        def at(begin: int) -> Any:
            places = (self._api.mtmd_image_tokens_get_decoder_pos(image, begin, index) for index in range(count))
            return numpy.array([(place.t, place.y, place.x, place.z) for place in places], numpy.int32).T

        offsets = at(0)
        return offsets, at(1) - offsets

    def _key(self, source: MediaFile, number: int, chunk: Any) -> bytes:
        count = int(self._api.mtmd_input_chunk_get_n_tokens(chunk))
        what = f"{number} {count} {source.is_sound} {source.width} {source.height}".encode()
        return hashlib.sha256(self._identity + source.digest + what).digest()

    def _make_placeholder(self, source: MediaFile) -> Any:
        """What stands for a medium while a prompt is split: its size without its pixels, or all of a sound."""
        if source.is_sound:
            return self._load_sound(source)
        return self._api.mtmd_bitmap_init(source.width, source.height, None)

    def _load_picture(self, source: MediaFile) -> Any:
        import numpy

        image, _ = read_picture(source.path, source.name)
        if image.size != (source.width, source.height):
            raise AttachmentRefused(file=source.name, reason="It changed while it was read.")
        data = numpy.frombuffer(image.tobytes(), numpy.uint8)
        return self._api.mtmd_bitmap_init(*image.size, point_to(data, ctypes.c_uint8))

    def _load_sound(self, source: MediaFile) -> Any:
        from backends.sounds import read_sound

        rate = int(self._api.mtmd_get_audio_sample_rate(self._handle))
        if rate <= 0:
            raise AttachmentRefused(file=source.name, reason="This model cannot hear.")
        samples = read_sound(source.path, rate, source.name)
        pointer = point_to(samples, ctypes.c_float)
        return self._api.mtmd_bitmap_init_from_audio(len(samples), pointer)

    def _chunks(self, segments: Sequence[str | MediaFile], bitmaps: Sequence[Any]) -> _Chunks:
        self._library.forget_log()
        return _Chunks(self._api, self._handle, segments, bitmaps, self._library)


class _Chunks:
    """What a prompt is split into, for as long as the ``with`` block lasts."""

    def __init__(
        self, api: Any, handle: Any, segments: Sequence[str | MediaFile], bitmaps: Sequence[Any], library: NativeLibrary
    ) -> None:
        import numpy

        self._api = api
        parts = []
        kept = []
        media = iter(bitmaps)
        for segment in segments:
            if isinstance(segment, str):
                data = segment.encode("utf-8", "replace")
                text = api.mtmd_input_text(data, len(data), False, True)
                kept += [data, text]
                parts.append(api.mtmd_input_part(ctypes.pointer(text), None))
            else:
                bitmap = next(media)
                parts.append(api.mtmd_input_part(None, bitmap))
        for number, bitmap in enumerate(bitmaps):
            api.mtmd_bitmap_set_id(bitmap, str(number).encode())
        places = numpy.array([ctypes.addressof(part) for part in parts], numpy.uintp)
        pointers = point_to(places, ctypes.POINTER(api.mtmd_input_part))
        self._list = api.mtmd_input_chunks_init()
        code = int(api.mtmd_tokenize_from_parts(handle, self._list, pointers, len(parts), False))
        if code != 0:
            api.mtmd_input_chunks_free(self._list)
            names = ", ".join(segment.name for segment in segments if isinstance(segment, MediaFile))
            reason = "The projector of this model cannot take it."
            raise AttachmentRefused(file=names, reason=reason, details=library.log_text())

    def __enter__(self) -> _Chunks:
        return self

    def __exit__(self, *_error: object) -> None:
        self._api.mtmd_input_chunks_free(self._list)

    def items(self) -> Iterator[Any]:
        """The chunks, in order; valid within the block."""
        for index in range(int(self._api.mtmd_input_chunks_size(self._list))):
            yield self._api.mtmd_input_chunks_get(self._list, index)


def _would_die_of_sound(path: str) -> bool:
    """Whether the engine would end the process at the first sound.

    WORKAROUND llama.cpp 0c1e57098: where frames are stacked by a number that does not divide 1500 (Ultravox: 8), it announces other
    counts than it computes, and aborts.
    """
    factor = read_header(path).whole("clip.audio.projector.stack_factor")
    return factor > 1 and -(-_FRAMES // factor) // 2 != -(-(_FRAMES // 2) // factor)


def _explain_refusal(log: str, path: str) -> Exception:
    name = Path(path).name
    if "mismatch between text model" in log:
        return ProjectorRefused(file=name, reason="It was made for a model of another size.", details=log)
    if "unable to allocate" in log or "failed to allocate" in log:
        return OutOfMemory(model=name, reason="The machine refused the memory that the projector needs.", details=log)
    return ProjectorRefused(file=name, reason="The engine could not read it.", details=log)
