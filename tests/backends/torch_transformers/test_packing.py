"""Four-bit numbers in words: against values worked out by hand from the layouts' definitions, and what other tools wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from backends.torch_transformers.linear4 import Linear4
from backends.torch_transformers.packing import (
    dequantize,
    pack_autoawq,
    pack_compressed,
    pack_nibbles,
    unpack_autoawq,
    unpack_compressed,
    unpack_nibbles,
)

AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
SHAPES = [(8, 32, 32), (16, 64, 32), (24, 128, 64), (64, 256, 128), (320, 384, 128), (40, 192, 64)]


def draw(rows: int, columns: int, group: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(rows * columns + group)
    numbers = torch.randint(0, 16, (rows, columns), generator=generator, dtype=torch.uint8)
    zeros = torch.randint(0, 16, (rows, columns // group), generator=generator, dtype=torch.uint8)
    scales = (torch.rand(rows, columns // group, generator=generator) * 0.1 + 0.01).half()
    return numbers, zeros, scales


def word_of(nibbles: list[int]) -> int:
    """Eight nibbles, lowest first, as a signed word of 32 bits, in plain Python."""
    value = sum(nibble << (4 * place) for place, nibble in enumerate(nibbles))
    return value - (1 << 32) if value >= 1 << 31 else value


@pytest.mark.parametrize(("rows", "columns", "group"), SHAPES)
def test_autoawq_words_hold_the_outputs_in_their_own_order(rows: int, columns: int, group: int) -> None:
    numbers, zeros, scales = draw(rows, columns, group)
    packed = pack_autoawq(numbers, zeros, scales)
    assert packed["qweight"].shape == (columns, rows // 8) and packed["qweight"].dtype == torch.int32
    assert packed["qzeros"].shape == (columns // group, rows // 8) and packed["scales"].shape == (columns // group, rows)
    for k in range(columns):
        for c in range(rows // 8):
            assert int(packed["qweight"][k, c]) == word_of([int(numbers[8 * c + AWQ_ORDER[i], k]) for i in range(8)])
    for g in range(columns // group):
        for c in range(rows // 8):
            assert int(packed["qzeros"][g, c]) == word_of([int(zeros[8 * c + AWQ_ORDER[i], g]) for i in range(8)])
    back = unpack_autoawq(packed["qweight"], packed["qzeros"], packed["scales"])
    for found, expected in zip(back, (numbers, zeros, scales), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(("rows", "columns", "group"), SHAPES)
@pytest.mark.parametrize("is_symmetric", [False, True])
def test_compressed_words_hold_the_inputs_in_order(rows: int, columns: int, group: int, is_symmetric: bool) -> None:
    numbers, zeros, scales = draw(rows, columns, group)
    packed = pack_compressed(numbers, None if is_symmetric else zeros, scales)
    for n in range(rows):
        for c in range(columns // 8):
            assert int(packed["weight_packed"][n, c]) == word_of([int(numbers[n, 8 * c + i]) for i in range(8)])
    assert packed["weight_shape"].tolist() == [rows, columns]
    if not is_symmetric:
        for c in range(rows // 8):
            for g in range(columns // group):
                assert int(packed["weight_zero_point"][c, g]) == word_of([int(zeros[8 * c + i, g]) for i in range(8)])
    back = unpack_compressed(
        packed["weight_packed"], packed["weight_scale"], packed.get("weight_zero_point"), packed["weight_shape"]
    )
    assert torch.equal(back[0], numbers) and torch.equal(back[2], scales)
    assert torch.equal(back[1], torch.full_like(zeros, 8) if is_symmetric else zeros)


def test_what_other_tools_packed_is_read_and_packed_alike() -> None:
    values = json.loads((Path(__file__).parent / "packed.json").read_text())
    for case in values["compressed_tensors"]:
        numbers = torch.tensor(case["signed"], dtype=torch.int16).add(8).to(torch.uint8)
        words = torch.tensor(case["words"], dtype=torch.int32)
        assert torch.equal(pack_nibbles(numbers), words) and torch.equal(unpack_nibbles(words), numbers)
    for case in values["autoawq"]:
        words = torch.tensor(case["qweight"], dtype=torch.int32)
        numbers = torch.tensor(case["numbers"], dtype=torch.uint8)
        assert torch.equal(unpack_nibbles(words, order=tuple(AWQ_ORDER)), numbers)
        assert torch.equal(pack_nibbles(numbers, order=tuple(AWQ_ORDER)), words)


@pytest.mark.parametrize(("rows", "columns", "group"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 5, 70])
def test_a_four_bit_product_is_that_of_the_weights_it_stands_for(
    rows: int, columns: int, group: int, dtype: torch.dtype, count: int
) -> None:
    numbers, zeros, scales = draw(rows, columns, group)
    bias = torch.linspace(-1, 1, rows)
    linear = Linear4(numbers, zeros, scales, bias, dtype)
    values = torch.randn(3, count, columns, generator=torch.Generator().manual_seed(1))
    expected = values.to(dtype).float() @ dequantize(numbers, zeros, scales).T + bias
    found = linear(values.to(dtype)).float()
    assert found.shape == (3, count, rows)
    limit = 1e-4 if dtype == torch.float32 else 0.02
    assert (found - expected).abs().max() <= limit * expected.abs().max()
    linear.use_kernel()
    again = linear(values.to(dtype)).float()
    assert (again - expected).abs().max() <= max(limit, 1e-4) * 1.5 * expected.abs().max()


def test_a_product_that_gives_wrong_numbers_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    linear = Linear4(*draw(64, 256, 128), None, torch.bfloat16)
    right = linear._multiply
    monkeypatch.setattr(linear, "_multiply", lambda *values: right(*values) * 1.2)
    assert linear.use_kernel() == "" and linear.packed is None
    monkeypatch.undo()
    names = linear.use_kernel()
    assert names in ("int4-cpu", "")
    if names:
        # where their order is known, the packed numbers serve both products
        assert (linear.nibbles is None) == linear._is_blocked
