"""Sounds as models take them: one channel of numbers at the rate that the model hears, checked by their header before decoding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from models.errors import AttachmentRefused

LONGEST_SECONDS = 30 * 60
LARGEST_FILE = 256 * 1024 * 1024
_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "MPEG")
_BLOCK_SECONDS = 10
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
        own_rate, frames, channels = file.samplerate, file.frames, file.channels
        _check(own_rate, frames, channels, name)
        blocks = []
        left = LONGEST_SECONDS * own_rate
        try:
            while left > 0:
                block = file.read(min(_BLOCK_SECONDS * own_rate, left), dtype="float32", always_2d=True)
                if not len(block):
                    break
                blocks.append(block.mean(axis=1))
                left -= len(block)
        except (RuntimeError, ValueError, OSError) as error:
            raise AttachmentRefused(file=name, reason=f"It is damaged ({str(error).strip().rstrip('.')}).") from error
    samples = numpy.concatenate(blocks) if blocks else numpy.zeros(0, numpy.float32)
    if 0 < frames < 1 << 40 and len(samples) < frames - own_rate // 10:
        reason = f"It is cut off: {len(samples) / own_rate:.1f} of {frames / own_rate:.1f} seconds are there."
        raise AttachmentRefused(file=name, reason=reason)
    if len(samples) < own_rate // 100:
        raise AttachmentRefused(file=name, reason="There is nothing to hear in it.")
    samples = numpy.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return resample(samples, own_rate, rate)


def measure_sound(path: str | Path, name: str = "") -> float:
    """The seconds that a file says it lasts.

    Raises:
        AttachmentRefused: as for :func:`read_sound`, as far as its header shows.
    """
    name = name or Path(path).name
    with _open(path, name) as file:
        _check(file.samplerate, file.frames, file.channels, name)
        return float(file.frames / file.samplerate)


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


def _open(path: str | Path, name: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise AttachmentRefused(file=name, reason="This installation has no library to read sounds (soundfile).") from error
    try:
        size = os.stat(path).st_size
        if not size:
            raise AttachmentRefused(file=name, reason="It is empty.")
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


def _check(rate: int, frames: int, channels: int, name: str) -> None:
    if not _RATES[0] <= rate <= _RATES[1] or not 1 <= channels <= _MOST_CHANNELS:
        raise AttachmentRefused(file=name, reason=f"Its header is damaged: {rate} samples a second in {channels} channels.")
    if 0 < frames < 1 << 40 and frames > LONGEST_SECONDS * rate:
        raise AttachmentRefused(file=name, reason=f"It is longer than {LONGEST_SECONDS // 60} minutes.")
