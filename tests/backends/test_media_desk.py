"""Pictures and sounds from strangers: read in a process of their own, made plain, and refused by name where they would do harm."""

from __future__ import annotations

import base64
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from backends import pictures
from backends.media_desk import MediaDesk
from backends.pictures import LONGEST_SIDE, read_facts, read_picture
from backends.sounds import read_sound, resample
from models.errors import AttachmentRefused
from tests.hostile_media import make_hostile_pictures, make_hostile_sounds, write_all
from tests.tiny_eyes import draw, sing

HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    "AAAERAAAEAAQAAAAABoQABAAAAAAAAAIAAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAA"
    "AADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkA"
    "AAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAA"
    "AAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAI"
    "htZGF0AAAAfCgBr1iHqCckv/+MVf/rs5DzSmorfmWKC72Sf6RpdDWF6rAesBIS7lhj4boMIb4U+Fwbjv8e7lLshbe+8nQmbGFm/AydBAF8Y0BU"
    "K5V+SsJmTGOj1o67q9JNfrHa7y+7+H8LgBnXRU2gN4D5KpUUPErURiKYycWBJ5YedYA="
)
"""64 × 48 pixels, red at the left of white."""


@pytest.fixture(scope="module")
def desk() -> Iterator[MediaDesk]:
    desk = MediaDesk()
    yield desk
    desk.close()


def peak_memory(desk: MediaDesk) -> int:
    """Bytes that the child took at most; 0 where the system does not tell."""
    if sys.platform != "linux" or desk._process is None:
        return 0
    status = Path(f"/proc/{desk._process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def test_hostile_pictures_do_no_harm_and_are_named(desk: MediaDesk, tmp_path: Path) -> None:
    files = write_all(tmp_path, make_hostile_pictures())
    assert len(files) >= 110
    for path, must_fail in files:
        try:
            found = desk.check_picture(path, tmp_path / "made")
        except AttachmentRefused as error:
            assert path.name in error.english()
            assert "Traceback" not in error.english()
        else:
            assert not must_fail, f"{path.name} was taken for {found}"
            assert max(found.size) <= LONGEST_SIDE
        assert peak_memory(desk) < 500 * 1024 * 1024, path.name
    assert desk._process is not None and desk._process.is_alive()


def test_hostile_sounds_do_no_harm_and_are_named(desk: MediaDesk, tmp_path: Path) -> None:
    files = write_all(tmp_path, make_hostile_sounds())
    assert len(files) >= 40
    for path, must_fail in files:
        try:
            found = desk.check_sound(path, tmp_path / "made.flac")
        except AttachmentRefused as error:
            assert path.name in error.english()
        else:
            assert not must_fail, f"{path.name} was taken for {found}"
        assert peak_memory(desk) < 500 * 1024 * 1024, path.name
    assert desk._process is not None and desk._process.is_alive()


def test_the_largest_pictures_that_are_taken_stay_within_the_memory(desk: MediaDesk, tmp_path: Path) -> None:
    Image.new("RGB", (6300, 6300)).save(tmp_path / "large.png", compress_level=1)
    Image.new("RGBA", (4400, 4400)).save(tmp_path / "clear.png", compress_level=1)
    Image.new("RGB", (10_000, 10_000)).save(tmp_path / "large.jpg")
    for name in ("large.png", "clear.png", "large.jpg"):
        found = desk.check_picture(tmp_path / name, tmp_path / f"made-{name}")
        assert found.size == (LONGEST_SIDE, LONGEST_SIDE)
        assert "scaled down" in found.notes[0] and name in found.notes[0]
        assert peak_memory(desk) < 500 * 1024 * 1024


def test_what_is_plain_stays_as_it_is_and_all_else_becomes_plain(desk: MediaDesk, tmp_path: Path) -> None:
    plain = draw(tmp_path / "plain.png")
    assert desk.check_picture(plain, tmp_path / "made").path == str(plain)
    for kind in ("webp", "gif", "bmp", "avif"):
        Image.new("RGB", (30, 20), "red").save(tmp_path / f"other.{kind}")
        found = desk.check_picture(tmp_path / f"other.{kind}", tmp_path / f"made-{kind}")
        assert Path(found.path).name == f"made-{kind}" and found.mime == "image/png"
        assert read_facts(found.path).is_plain


def test_a_picture_stands_upright_as_its_camera_meant(tmp_path: Path) -> None:
    whole = Image.new("RGB", (40, 20), "white")
    whole.paste("red", (0, 0, 10, 20))  # at the left of what is seen
    turns = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation, turn in turns.items():
        stored = whole
        if turn is not None:
            undo = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}[turn]
            stored = whole.transpose(Image.Transpose(undo))
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(tmp_path / f"{orientation}.png", exif=exif)
        shown, facts = read_picture(tmp_path / f"{orientation}.png")
        assert shown.size == (40, 20) == (facts.width, facts.height), orientation
        assert shown.getpixel((3, 10)) == (255, 0, 0), orientation


def test_colours_come_out_right_whatever_way_they_are_stored(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 4, 8))
    clear.save(tmp_path / "clear.png")
    shown, _ = read_picture(tmp_path / "clear.png")
    assert shown.getpixel((1, 1)) == (0, 0, 255) and shown.getpixel((6, 1)) == (255, 255, 255)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=100)
    red, green, blue = read_picture(tmp_path / "print.jpg")[0].getpixel((2, 2))
    assert red > 240 and green < 15 and blue < 15
    deep = Image.new("I;16", (8, 8), 65_535 // 2)
    deep.save(tmp_path / "deep.png")
    assert abs(read_picture(tmp_path / "deep.png")[0].getpixel((2, 2))[0] - 127) <= 1
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    palette.save(tmp_path / "palette.gif")
    assert read_picture(tmp_path / "palette.gif")[0].getpixel((2, 2)) == (10, 200, 30)
    palette.save(tmp_path / "hole.png", transparency=1)
    assert read_picture(tmp_path / "hole.png")[0].getpixel((2, 2)) == (255, 255, 255)


def test_of_an_animation_the_first_picture_is_taken_and_said_so(desk: MediaDesk, tmp_path: Path) -> None:
    first, second = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    first.save(tmp_path / "moves.gif", save_all=True, append_images=[second])
    found = desk.check_picture(tmp_path / "moves.gif", tmp_path / "made")
    assert "animated" in found.notes[0]
    with Image.open(found.path) as made:
        assert made.getpixel((1, 1)) == (255, 0, 0)


def test_a_telephone_s_heic_is_read_where_a_library_for_it_is_there(desk: MediaDesk, tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    (tmp_path / "IMG_0001.HEIC").write_bytes(base64.b64decode(HEIC))
    found = desk.check_picture(tmp_path / "IMG_0001.HEIC", tmp_path / "made")
    assert found.size == (64, 48) and found.mime == "image/png"
    red, green, blue = read_picture(found.path)[0].getpixel((4, 20))
    assert red > 180 and green < 70 and blue < 70
    assert min(read_picture(found.path)[0].getpixel((40, 20))) > 230
    assert 4284 * 5712 <= pictures._MOST_PIXELS["HEIF"] < 48_000_000  # what telephones take as usual; looking at it takes 236 MB


def test_a_sound_keeps_its_pitch_at_another_rate(tmp_path: Path) -> None:
    import numpy

    path = sing(tmp_path / "song.wav", 1000.0, seconds=7.3, rate=44_100)
    samples = read_sound(path, 16_000)
    assert abs(len(samples) - 7.3 * 16_000) < 16
    spectrum = numpy.abs(numpy.fft.rfft(samples[16_000:32_000]))
    assert int(spectrum.argmax()) == 1000
    assert 0.45 < float(numpy.abs(samples[100:-100]).max()) < 0.55
    high = numpy.sin(2 * numpy.pi * 15_000 * numpy.arange(44_100) / 44_100).astype(numpy.float32)
    assert float(numpy.abs(resample(high, 44_100, 16_000)[500:-500]).max()) < 0.02  # what the new rate cannot carry is gone


def test_the_process_outlives_the_thread_that_needed_it_first(tmp_path: Path) -> None:
    desk = MediaDesk()
    picture = draw(tmp_path / "red.png")
    first = threading.Thread(target=desk.check_picture, args=(picture, tmp_path / "made"))
    first.start()
    first.join()
    assert desk._process is not None
    number = desk._process.pid
    time.sleep(0.3)
    desk.check_picture(picture, tmp_path / "made")
    assert desk._process.pid == number
    desk.close()


def test_a_desk_whose_process_died_starts_another(tmp_path: Path) -> None:
    desk = MediaDesk()
    picture = draw(tmp_path / "red.png")
    desk.check_picture(picture, tmp_path / "made")
    assert desk._process is not None
    desk._process.kill()
    desk._process.join()
    desk.make_thumbnail(picture, tmp_path / "small.png", 16)
    with Image.open(tmp_path / "small.png") as small:
        assert small.size == (16, 16)
    desk.close()
    with pytest.raises(AttachmentRefused):
        desk.check_picture(picture, tmp_path / "made")
