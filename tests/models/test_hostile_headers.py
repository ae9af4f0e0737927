"""Five thousand damaged headers: each is read right or refused with a reason, in little memory."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path

import pytest

from models.card import read_card
from models.errors import UserFacingError
from models.formats import read_safetensors_info
from models.gguf_header import read_header
from models.memory_fit import LoadShape, compute_bytes, kv_bytes
from models.memory_shape import read_shape
from tests.models.gguf_bytes import write_gguf

_MOST_BYTES = 64 << 20
NUMBERS = [0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 2**31, 2**63 - 1, 2**64 - 1, 2**40]


def damage(data: bytes, dice: random.Random) -> bytes:
    """Change bits, numbers, lengths; cut, repeat or fill."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        kind, at = dice.randrange(6), dice.randrange(max(1, min(len(changed), 1400)))
        if kind == 0:
            changed[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 1:
            changed[at : at + 8] = struct.pack("<Q", dice.choice(NUMBERS))
        elif kind == 2:
            changed[at : at + 4] = struct.pack("<I", dice.choice(NUMBERS) & 0xFFFF_FFFF)
        elif kind == 3:
            del changed[at : at + dice.randint(1, 40)]
        elif kind == 4:
            changed[at:at] = dice.randbytes(dice.randint(1, 40))
        else:
            changed = changed[: max(1, at)]
    return bytes(changed)


@pytest.mark.slow
def test_five_thousand_headers_do_no_harm(tmp_path: Path) -> None:
    dice = random.Random(20_261_122)
    good = write_gguf(tmp_path / "good.gguf").read_bytes()
    path = tmp_path / "bad.gguf"
    read = refused = 0
    tracemalloc.start()
    try:
        for _ in range(4500):
            path.write_bytes(damage(good, dice))
            try:
                header = read_header(path)
                header.validate()
                assert read_card(path, header).name
                shape = read_shape([header])
                assert kv_bytes(shape.layers, LoadShape(2048)) >= 0 and compute_bytes(shape, LoadShape(2048)) >= 0
                read += 1
            except UserFacingError as error:
                assert len(error.english()) > 20
                refused += 1
        for _ in range(500):
            text = b'{"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}'
            path.write_bytes(damage(struct.pack("<Q", len(text)) + text + b"\0" * 8, dice))
            try:
                read_safetensors_info(path)
                read += 1
            except UserFacingError as error:
                assert len(error.english()) > 20
                refused += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read + refused == 5000 and refused > 1000 and read > 50
    assert peak < _MOST_BYTES
