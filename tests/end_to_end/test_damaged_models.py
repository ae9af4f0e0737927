"""200 damaged GGUF files: the parent lives, and each ends in a classified error or in a working load.

Each file is checked in this process first, as every face does; only what passes goes to a worker, as it would.
"""

from __future__ import annotations

import os
import random
import struct
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from backends.backend import GenerationRequest
from backends.events import Failed, Finished
from backends.options import GenerationOptions, LoadOptions
from backends.worker_link import WorkerLink
from models.errors import EngineError, ModelError, UserFacingError
from models.gguf_header import GgufHeader, read_header
from tests.tiny_models import make_tiny_model

HOSTILE_WHOLE = (0, 1, 3, 7, 100_000, 2**31 - 1, 2**31, 2**32 - 1)
HOSTILE_FLOATS = (0.0, -1.0, 1e30, float("nan"), float("inf"), -float("inf"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, GgufHeader]:
    path = make_tiny_model(tmp_path_factory.mktemp("whole") / "tiny.gguf", context=512)
    return path.read_bytes(), read_header(path)


def truncate(data: bytes, header: GgufHeader, random_: random.Random) -> bytes:
    return data[: random_.choice([random_.randrange(len(data)), random_.randrange(header.data_offset)])]


def scribble(data: bytes, header: GgufHeader, random_: random.Random) -> bytes:
    """Random bytes in the header."""
    changed = bytearray(data)
    for _ in range(random_.choice([1, 2, 8, 50])):
        changed[random_.randrange(header.data_offset)] = random_.randrange(256)
    return bytes(changed)


def poison(data: bytes, header: GgufHeader, random_: random.Random) -> bytes:
    """A hostile 32-bit number anywhere in the header."""
    place = random_.randrange(4, header.data_offset - 8)
    return data[:place] + struct.pack("<I", random_.choice(HOSTILE_WHOLE)) + data[place + 4 :]


def spoil_weights(data: bytes, header: GgufHeader, random_: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random_.choice([10, 1000])):
        changed[random_.randrange(header.data_offset, len(data))] = random_.randrange(256)
    return bytes(changed)


def noise(data: bytes, header: GgufHeader, random_: random.Random) -> bytes:
    start = random_.choice([b"", b"GGUF", data[:24], data[: header.data_offset]])
    return start + random_.randbytes(random_.randrange(20_000))


def list_hostile_metadata(data: bytes, header: GgufHeader) -> list[bytes]:
    """Every scalar of the metadata with every hostile value, in place."""
    files = []
    for key, value in header.metadata.items():
        name = key.encode()
        place = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name) + 4
        if isinstance(value, float):
            files += [data[:place] + struct.pack("<f", bad) + data[place + 4 :] for bad in HOSTILE_FLOATS]
        elif isinstance(value, int) and not isinstance(value, bool):
            files += [data[:place] + struct.pack("<I", bad) + data[place + 4 :] for bad in HOSTILE_WHOLE]
    return files


def make_damaged_files(data: bytes, header: GgufHeader) -> list[bytes]:
    """200 of them, always the same."""
    random_ = random.Random(20260101)
    hostile = random_.sample(list_hostile_metadata(data, header), 60)
    ways = [(truncate, 45), (scribble, 35), (poison, 30), (spoil_weights, 10), (noise, 20)]
    return hostile + [damage(data, header, random_) for damage, count in ways for _ in range(count)]


def load_and_speak(path: Path) -> str:
    """What became of the file, through the real worker: a class of error, or ``works``."""
    try:
        read_header(path).validate()
    except UserFacingError as error:
        assert isinstance(error, ModelError), error
        assert error.english()
        return type(error).__name__
    link = WorkerLink("llamacpp", str(path), LoadOptions(threads=1))
    try:
        link.load()
        request = GenerationRequest(prompt="hello", options=GenerationOptions(max_tokens=3))
        last = list(link.generate(request))[-1]
    except UserFacingError as error:
        assert isinstance(error, ModelError | EngineError)
        assert type(error) not in (ModelError, EngineError), error.details
        return type(error).__name__
    finally:
        link.close()
    if isinstance(last, Failed):
        assert type(last.error) is not UserFacingError
        return type(last.error).__name__
    assert isinstance(last, Finished)
    return "works"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_200_damaged_files_never_kill_the_parent_and_are_all_classified(
    whole: tuple[bytes, GgufHeader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    files = make_damaged_files(*whole)
    assert len(files) == 200
    path = tmp_path / "damaged.gguf"
    started, outcomes = time.monotonic(), Counter[str]()
    for content in files:
        path.write_bytes(content)
        outcomes[load_and_speak(path)] += 1
    print(f"{dict(outcomes)} in {time.monotonic() - started:.1f} s")
    assert outcomes.total() == 200
    assert outcomes["DamagedModelFile"] > 100
    assert outcomes["works"] > 0
    assert not [child for child in psutil.Process().children() if "run_worker" in " ".join(child.cmdline())]


@pytest.mark.parametrize("keep", [0, 4096, 200_000])
def test_a_file_that_shrinks_while_it_is_loaded_ends_in_an_error_or_works(tmp_path: Path, keep: int) -> None:
    path = make_tiny_model(tmp_path / "shrinks.gguf", layers=4, width=512, heads=8)
    link = WorkerLink("llamacpp", str(path), LoadOptions(threads=1))

    def shrink(fraction: float) -> None:
        if fraction < 1:
            os.truncate(path, keep)

    try:
        link.load(shrink)
        os.truncate(path, keep)
        last = list(link.generate(GenerationRequest(prompt="hello", options=GenerationOptions(max_tokens=3))))[-1]
        error = last.error if isinstance(last, Failed) else None
    except UserFacingError as caught:
        error = caught
    finally:
        link.close()
    assert isinstance(error, ModelError), error
