"""Sounds as models take them: one channel of numbers at the rate that the model hears, checked by their header before decoding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import AttachmentRefused

LONGEST_SECONDS = 30 * 60
LARGEST_FILE = 256 * 1024 * 1024
_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "MPEG")
_BLOCK_FRAMES = 1 << 18
_UNKNOWN = 1 << 40
"""Frames from which on a header means that it does not know."""
_RATES = (1000, 768_000)
_MOST_CHANNELS = 64


def read_sound(path: str | Path, rate: int, name: str = "") -> Any:
    """The samples of a WAV, FLAC, MP3 or OGG file as ``float32[n]``, its channels mixed, at ``rate`` per second.

    Raises:
        AttachmentRefused: it is none of them, too long, damaged or empty.
    """
    import numpy

    name = name or Path(path).name
    with _open(path, name) as file:
        own_rate, frames = file.samplerate, file.frames
        _check(own_rate, frames, file.channels, name)
        blocks = list(_iter_blocks(file, name))
    samples = numpy.concatenate(blocks) if blocks else numpy.zeros(0, numpy.float32)
    _check_length(len(samples), frames, own_rate, name)
    samples = numpy.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return resample(samples, own_rate, rate)


def check_sound(path: str | Path, name: str, target: str | Path) -> tuple[str, float]:
    """Read a sound to its end, a piece at a time: its format and how many seconds it lasts. OGG is written to ``target`` as FLAC.

    Raises:
        AttachmentRefused: as for :func:`read_sound`.
    """
    import soundfile

    name = name or Path(path).name
    with _open(path, name) as file:
        rate, kind = file.samplerate, "WAV" if file.format in ("WAV", "WAVEX", "RF64") else file.format
        _check(rate, file.frames, file.channels, name)
        frames = sum(len(block) for block in _iter_blocks(file, name))
        _check_length(frames, file.frames, rate, name)
    if kind == "OGG":
        with _open(path, name) as file, soundfile.SoundFile(os.fspath(target), "w", rate, 1, "PCM_16", format="FLAC") as made:
            for block in _iter_blocks(file, name):
                made.write(block)
    return ("MP3" if kind == "MPEG" else kind), frames / rate


def resample(samples: Any, rate: int, wanted: int) -> Any:
    """The same sound at another rate: what the new rate cannot carry is taken out first, by way of its spectrum, a piece at a time."""
    import numpy

    if rate == wanted or not len(samples):
        return numpy.ascontiguousarray(samples, numpy.float32)
    piece, lap = 4 * rate, rate // 2
    made = []
    for start in range(0, len(samples), piece):
        before, after = min(start, lap), lap
        part = samples[start - before : start + piece + after]
        count = round(len(part) * wanted / rate)
        spectrum = numpy.fft.rfft(part)
        kept = numpy.zeros(count // 2 + 1, spectrum.dtype)
        size = min(len(kept), len(spectrum))
        kept[:size] = spectrum[:size]
        whole = numpy.fft.irfft(kept, count) * (count / len(part)) if count else numpy.zeros(0)
        first = round(before * wanted / rate)
        last = first + round((start + min(piece, len(samples) - start)) * wanted / rate) - round(start * wanted / rate)
        made.append(whole[first:last])
    return numpy.concatenate(made).astype(numpy.float32)


def _iter_blocks(file: Any, name: str) -> Iterator[Any]:
    """The samples, their channels mixed, ``float32[n]`` at a time; no more than the longest sound has."""
    rate = file.samplerate
    left = LONGEST_SECONDS * rate
    while left > 0:
        try:
            block = file.read(min(_BLOCK_FRAMES, left), dtype="float32", always_2d=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise AttachmentRefused(file=name, reason=f"It is damaged ({str(error).strip().rstrip('.')}).") from error
        if not len(block):
            return
        yield block.mean(axis=1)
        left -= len(block)


def _check_length(found: int, announced: int, rate: int, name: str) -> None:
    if 0 < announced < _UNKNOWN and found < announced - rate // 10:
        raise AttachmentRefused(
            file=name, reason=f"It is cut off: {found / rate:.1f} of {announced / rate:.1f} seconds are there."
        )
    if found < rate // 100:
        raise AttachmentRefused(file=name, reason="There is nothing to hear in it.")


def _open(path: str | Path, name: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise AttachmentRefused(file=name, reason="This installation has no library to read sounds (soundfile).") from error
    try:
        size = Path(path).stat().st_size
        if not size:
            raise AttachmentRefused(file=name, reason="It is empty.")
        with Path(path).open("rb") as start:
            _check_riff(start.read(12), size, name)
        if size > LARGEST_FILE:
            raise AttachmentRefused(file=name, reason=f"It is larger than {LARGEST_FILE // 1024**2} MB.")
        file = soundfile.SoundFile(os.fspath(path))
    except FileNotFoundError as error:
        raise AttachmentRefused(file=name, reason="There is no such file.") from error
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OSError) as error:
        raise AttachmentRefused(file=name, reason="It is not a sound that can be read here (WAV, FLAC, MP3 or OGG).") from error
    if file.format not in _FORMATS:
        file.close()
        raise AttachmentRefused(file=name, reason="It is not a sound that can be read here (WAV, FLAC, MP3 or OGG).")
    return file


def _check_riff(start: bytes, size: int, name: str) -> None:
    """A WAV file says how long it is; a library reads what is there and says nothing where some is missing."""
    announced = int.from_bytes(start[4:8], "little")
    if start.startswith(b"RIFF") and 0 < announced < 0x7FFFFF00 and size < announced // 4 * 3:
        raise AttachmentRefused(file=name, reason=f"It is cut off: {size:,} of {announced + 8:,} bytes are there.")


def _check(rate: int, frames: int, channels: int, name: str) -> None:
    if not _RATES[0] <= rate <= _RATES[1] or not 1 <= channels <= _MOST_CHANNELS:
        raise AttachmentRefused(file=name, reason=f"Its header is damaged: {rate} samples a second in {channels} channels.")
    if 0 < frames < _UNKNOWN and frames > LONGEST_SECONDS * rate:
        raise AttachmentRefused(file=name, reason=f"It is longer than {LONGEST_SECONDS // 60} minutes.")
