"""Pictures and sounds that are damaged or meant to do harm, made here: truncated, flipped, lying about their size, not what they say."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image


def make_hostile_pictures() -> Iterator[tuple[str, bytes, bool]]:
    """Name, bytes, and whether it must be refused: others may be read, as far as they can be."""
    yield from _cut_and_flipped_pictures()
    yield from _lying_pictures()
    yield from _foreign_files()


def make_hostile_sounds() -> Iterator[tuple[str, bytes, bool]]:
    """The same for sounds."""
    for kind, data in _plain_sounds().items():
        for share in (0, 5, 20, 50):
            yield f"cut-{share}.{kind}", data[: len(data) * share // 100], share == 0 or (share < 60 and kind in ("wav", "flac"))
        for number in range(4):
            yield f"flipped-{number}.{kind}", _flip(data, number), False
    wav = bytearray(_plain_sounds()["wav"])
    for place, form, value, name in (
        (22, "<H", 0, "no-channels"),
        (22, "<H", 65535, "all-channels"),
        (24, "<I", 0, "no-rate"),
        (24, "<I", 0xFFFFFFFF, "all-rate"),
        (34, "<H", 0, "no-bits"),
    ):
        changed = bytearray(wav)
        struct.pack_into(form, changed, place, value)
        yield f"{name}.wav", bytes(changed), name != "no-bits"
    yield "long.wav", _long_wav(), True
    yield "text.mp3", b"this is no sound at all " * 100, True
    yield "page.flac", b"<html><body>hello</body></html>", True
    yield "noise.ogg", random.Random(1).randbytes(5000), True


def _plain_pictures() -> dict[str, bytes]:
    pixels = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    made = {}
    for kind, options in {
        "png": {}, "jpeg": {}, "webp": {"lossless": True}, "gif": {}, "bmp": {}, "avif": {},
    }.items():  # fmt: skip
        buffer = io.BytesIO()
        picture.save(buffer, kind.upper(), **options)
        made[kind] = buffer.getvalue()
    return made


def _cut_and_flipped_pictures() -> Iterator[tuple[str, bytes, bool]]:
    for kind, data in _plain_pictures().items():
        for share in (0, 1, 10, 40, 80, 95):
            # A GIF or BMP that is cut in its pixels may show the rest.
            yield f"cut-{share}.{kind}", data[: len(data) * share // 100], share <= 1 or (kind != "gif" and share <= 80)
        for number in range(8):
            yield f"flipped-{number}.{kind}", _flip(data, number), False


def _flip(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(1 + seed * 3):
        changed[chance.randrange(min(len(changed), 400) if seed % 2 else len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *chunks: bytes, bits: int = 8, colours: int = 2, body: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _lying_pictures() -> Iterator[tuple[str, bytes, bool]]:
    zeros = zlib.compress(b"\0" * 50_000_000)
    yield "bomb.png", _png(50_000, 50_000, body=zeros), True
    yield "largest.png", _png(2**31 - 1, 2**31 - 1), True
    yield "negative.png", _png(2**32 - 1, 2**32 - 1), True
    yield "nothing.png", _png(0, 0), True
    yield "narrow.png", _png(1_000_000, 1, body=zeros), True
    yield "short.png", _png(6000, 6000, body=zlib.compress(b"\0" * 1000)), True
    yield "long.png", _png(10, 10, body=zeros), False
    yield (
        "text-bomb.png",
        _png(4, 4, _chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 90_000_000)), body=zlib.compress(b"\0" * 52)),
        False,
    )
    yield "profile-bomb.png", _png(4, 4, _chunk(b"iCCP", b"a\0\0" + zeros), body=zlib.compress(b"\0" * 52)), False
    yield "no-palette.png", _png(4, 4, colours=3, body=zlib.compress(b"\0" * 20)), False
    yield "bad-bits.png", _png(4, 4, bits=13, body=zlib.compress(b"\0" * 52)), True
    yield (
        "bomb.gif",
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\0;",
        True,
    )
    yield "nothing.gif", b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0, 0, 0) + b";", True
    head = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    for name, width, height in (("bomb", 60_000, 60_000), ("negative", -5, -5), ("nothing", 0, 0)):
        yield f"{name}.bmp", head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0), True
    yield "bomb.webp", _webp(16_383, 16_383), True
    yield "turned-wrong.jpeg", _jpeg_with_exif(b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0"), False
    yield (
        "exif-loop.jpeg",
        _jpeg_with_exif(b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\x08\0\0\0" * 50),
        False,
    )
    yield "exif-far.jpeg", _jpeg_with_exif(b"Exif\0\0MM\0*\xff\xff\xff\xff"), False
    yield "large-jpeg.jpeg", _jpeg_of_size(65_000, 65_000), True
    yield "no-scan.jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9", True


def _webp(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + b"\0" * 20
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _jpeg_with_exif(data: bytes) -> bytes:
    plain = _plain_pictures()["jpeg"]
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + plain[2:]


def _jpeg_of_size(width: int, height: int) -> bytes:
    plain = bytearray(_plain_pictures()["jpeg"])
    place = plain.index(b"\xff\xc0")
    struct.pack_into(">HH", plain, place + 5, height, width)
    return bytes(plain)


def _foreign_files() -> Iterator[tuple[str, bytes, bool]]:
    entity = '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
    yield "entity.svg", entity.encode(), True
    yield "entity.png", entity.encode(), True
    yield "remote.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.example/x.png"/></svg>', True
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    yield "laughs.svg", f'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY l0 "ha">{laughs}]><svg>&l8;</svg>'.encode(), True
    yield "page.jpeg", b"<!DOCTYPE html><html><img src='http://evil.example/'></html>", True
    yield "document.png", b"%PDF-1.7\n%" + b"\xff" * 100, True
    yield "script.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(/etc/passwd) (r) file\n", True
    yield "archive.png", b"PK\3\4" + b"\0" * 200, True
    yield "program.jpeg", b"MZ" + b"\0" * 500, True
    yield "tiff.png", b"II*\0\x08\0\0\0" + b"\xff" * 200, True
    yield "icon.png", b"\0\0\1\0\1\0" + b"\0" * 200, True
    yield "noise.webp", random.Random(3).randbytes(4000), True
    yield "phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 300, True
    yield "words.png", "这不是图片".encode(), True


def _plain_sounds() -> dict[str, bytes]:
    tone = (np.sin(np.arange(32_000) / 7) * 0.5).astype(np.float32)
    made = {}
    for kind in ("wav", "flac", "mp3", "ogg"):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone, 16_000, format=kind.upper())
        made[kind] = buffer.getvalue()
    return made


def _long_wav() -> bytes:
    """One that says it lasts a day, at 1,000 samples a second of one byte."""
    rate, count = 1000, 86_400_000
    head = b"RIFF" + struct.pack("<I", 36 + count) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8)
    return head + b"data" + struct.pack("<I", count) + b"\x80" * 100_000


def write_all(folder: Path, files: Iterator[tuple[str, bytes, bool]]) -> list[tuple[Path, bool]]:
    """Write them; their paths, and which must be refused."""
    found = []
    for name, data, must_fail in files:
        path = folder / name
        path.write_bytes(data)
        found.append((path, must_fail))
    return found
