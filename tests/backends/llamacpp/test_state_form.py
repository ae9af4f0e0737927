"""The memory of states that are gone is used again, and never while somebody still looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.llamacpp import state_form
from backends.llamacpp.state_form import take_memory

PIECE = 100_000


@pytest.fixture(autouse=True)
def _without_spares() -> Iterator[None]:
    state_form._spares.clear()
    yield
    state_form._spares.clear()


def address(array: object) -> int:
    return int(array.__array_interface__["data"][0])  # type: ignore[attr-defined]


def test_the_pages_of_a_state_that_is_gone_hold_the_next_one_of_about_that_size() -> None:
    first = take_memory(PIECE)
    place = address(first)
    del first
    again = take_memory(PIECE - 2000)
    assert address(again) == place and len(again) == PIECE
    assert len(take_memory(PIECE // 2)) == PIECE // 2
    assert len(take_memory(2 * PIECE)) == 2 * PIECE


@pytest.mark.parametrize(
    "look",
    [
        lambda array: memoryview(array.data[10:20]).toreadonly(),
        lambda array: array[10:20],
        lambda array: array[10:20].view("uint16")[1:],
        lambda array: array.data,
    ],
)
def test_pages_that_somebody_looks_at_are_not_given_to_another(look) -> None:
    first = take_memory(PIECE)
    first[:] = 7
    kept = look(first)
    del first
    other = take_memory(PIECE)
    other[:] = 9
    assert set(memoryview(kept).cast("B").tolist()) == {7}
    del kept
    assert state_form._spares


def test_few_and_only_small_pieces_are_kept() -> None:
    pieces = [take_memory(PIECE + number) for number in range(20)]
    pieces.append(take_memory(state_form._LARGEST_SPARE + 1))
    del pieces
    assert len(state_form._spares) == state_form._MOST_SPARES
    assert all(len(pages) <= state_form._LARGEST_SPARE for pages in state_form._spares)
