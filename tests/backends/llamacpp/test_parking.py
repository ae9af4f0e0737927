"""Idle sequences wait outside the KV cache, in the host's memory, and come back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.llamacpp import parking
from backends.llamacpp.kv_cache import Slot
from tests.backends.llamacpp.batched import Bench, Plain, take_memory
from tests.containers import fill_container

TALES = [[7 + (number * 31 + place * (number + 3)) % 240 for place in range(180)] for number in range(8)]
"""Prompts without a common beginning."""


@pytest.fixture
def bench(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=1024, batch_size=64, parallel=2)
    yield bench
    bench.close()


def tell(bench: Bench, tokens: list[int], count: int = 4) -> int:
    number = bench.ask(tokens, count)
    bench.run()
    return number


def check_next_turn(bench: Bench, before: int, model: Path) -> None:
    """The turn after a reply reads only what is new, and says what it should."""
    turn = [*bench.replies[before].tokens, 50, 51, 52]
    again = tell(bench, turn, 6)
    assert bench.usage(again).cached_tokens >= len(turn) - 4  # type: ignore[attr-defined]
    plain = Plain(model)
    plain.compare(turn, bench.output(again), whole=6)
    plain.close()


def cells(bench: Bench) -> int:
    """Cells in use; every other one is free."""
    return 1024 - bench.scheduler.cache.free


def test_nobody_looks_past_the_sequences_of_others(bench: Bench) -> None:
    for tale in TALES[:4]:
        tell(bench, tale)
    assert cells(bench) == len(TALES[3]) + 3
    assert [parked.tokens[:180] for parked in bench.scheduler.parking] == [TALES[2], TALES[1], TALES[0]]


def test_the_next_turn_of_a_parked_conversation_reads_only_what_is_new_and_says_the_same(bench: Bench, tiny_model: Path) -> None:
    first = tell(bench, TALES[0], 6)
    tell(bench, TALES[1])
    check_next_turn(bench, first, tiny_model)
    assert [parked.tokens[:180] for parked in bench.scheduler.parking] == [
        TALES[1]
    ]  # the other one made way, no copy is left behind


def test_two_conversations_in_turn_are_never_read_again(bench: Bench) -> None:
    turns = [list(TALES[0]), list(TALES[1])]
    for round_number in range(4):
        for turn in turns:
            turn += [60 + round_number, 61, 62]
            number = tell(bench, turn)
            if round_number:
                assert bench.usage(number).cached_tokens >= len(turn) - 8  # type: ignore[attr-defined]
            turn[:] = bench.replies[number].tokens


def test_no_more_is_parked_than_the_cache_could_hold_and_the_oldest_goes_first(bench: Bench) -> None:
    for tale in TALES:
        tell(bench, tale)
    assert 700 < bench.scheduler.parking.token_count <= 1024
    assert bench.scheduler.parking.longest_match(TALES[0], ()) == 0
    assert bench.scheduler.parking.longest_match(TALES[6], ()) == len(TALES[6]) - 1


def test_what_a_busy_sequence_shares_stays_where_it_is(bench: Bench) -> None:
    tell(bench, [*TALES[0], 9, 8, 7])
    bench.ask([*TALES[0], 20, 21], 30)
    bench.step()
    bench.ask(TALES[1], 2)
    bench.step()
    bench.step()
    assert not list(bench.scheduler.parking)
    assert cells(bench) > len(TALES[0]) + 32


def test_a_longer_version_takes_the_place_of_its_own_beginning(bench: Bench) -> None:
    first = tell(bench, TALES[0])
    tell(bench, TALES[1])
    longer = tell(bench, [*bench.replies[first].tokens, 11])
    tell(bench, TALES[2])
    assert [parked.tokens[:180] for parked in bench.scheduler.parking] == [TALES[0], TALES[1]]
    assert next(iter(bench.scheduler.parking)).tokens == bench.replies[longer].tokens[:-1]


def test_without_memory_to_spare_everything_stays_in_the_cache(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    take_memory(monkeypatch)
    for tale in TALES[:3]:
        tell(bench, tale)
    assert not list(bench.scheduler.parking)
    assert cells(bench) > 3 * 180


def test_a_container_that_is_nearly_full_has_no_memory_to_spare(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill_container(monkeypatch, tmp_path)
    for tale in TALES[:3]:
        tell(bench, tale)
    assert not list(bench.scheduler.parking)


def test_what_is_forgotten_is_not_parked_any_more(bench: Bench) -> None:
    for owner, tale in zip(("ada", "bob", "eve"), TALES, strict=False):
        number = bench.ask(tale, 2)
        bench.replies[number].owner = owner
        bench.run()
    bench.scheduler.forget("ada")
    assert [parked.owner for parked in bench.scheduler.parking] == ["bob"]
    assert bench.scheduler.parking.longest_match(TALES[0], ()) == 0


def test_a_sequence_that_comes_back_still_belongs_to_somebody(bench: Bench) -> None:
    for owner, tale in (("ada", TALES[0]), ("bob", TALES[1]), ("eve", [*TALES[0][:90], 3, 4, 5])):
        number = bench.ask(tale, 2)
        bench.replies[number].owner = owner
        bench.run()
    assert sorted(slot.owner for slot in bench.scheduler.cache.slots if slot.tokens) == ["eve"]
    assert [parked.owner for parked in bench.scheduler.parking] == ["ada", "bob"]


def test_where_each_sequence_has_its_own_cache_nothing_is_parked(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=256, batch_size=64, parallel=3, kv_unified=False)
    for tale in TALES[:3]:
        tell(bench, tale)
    assert not list(bench.scheduler.parking)
    bench.close()


def settle(bench: Bench) -> int:
    """Do all that can be done in a quiet moment; how many copies were made."""
    return sum(1 for _ in iter(bench.scheduler.parking.settle, False))


def count_exports(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each copy of a sequence."""
    made: list[int] = []
    real = bench.scheduler.cache.export

    def export(slot: Slot) -> memoryview:
        made.append(slot.id)
        return real(slot)

    monkeypatch.setattr(bench.scheduler.cache, "export", export)
    return made


def test_a_sequence_is_copied_while_nobody_waits_and_the_next_request_need_not(
    bench: Bench, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = count_exports(bench, monkeypatch)
    first = tell(bench, TALES[0], 6)
    assert settle(bench) == 1 and len(made) == 1
    tell(bench, TALES[1])
    assert len(made) == 1, "the copy was there"
    assert [parked.tokens[:180] for parked in bench.scheduler.parking] == [TALES[0]]
    check_next_turn(bench, first, tiny_model)


def test_what_went_on_since_it_was_copied_is_copied_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made = count_exports(bench, monkeypatch)
    first = tell(bench, TALES[0], 4)
    settle(bench)
    turn = [*bench.replies[first].tokens, 50, 51, 52]
    second = tell(bench, turn, 4)
    tell(bench, TALES[1])
    assert len(made) == 2, "the first copy was too short"
    assert [parked.tokens for parked in bench.scheduler.parking] == [bench.replies[second].tokens[:-1]]


def test_nothing_is_copied_twice_nor_what_is_short_or_large(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(bench, TALES[0][:3])
    assert settle(bench) == 0
    tell(bench, TALES[1])
    assert settle(bench) == 1
    assert settle(bench) == 0
    monkeypatch.setattr(parking, "_EARLY_BYTES", 1000)
    tell(bench, TALES[2])
    assert settle(bench) == 0


def test_a_copy_made_early_is_forgotten_with_its_owner(bench: Bench) -> None:
    number = bench.ask(TALES[0], 4)
    bench.replies[number].owner = "a chat"
    bench.run()
    assert settle(bench) == 1
    bench.scheduler.forget("a chat")
    assert not bench.scheduler.parking._early
    tell(bench, TALES[1])
    assert list(bench.scheduler.parking) == []


@pytest.mark.parametrize(("length", "count"), [(4, 0), (20, 1)])
def test_not_even_a_greeting_is_left_in_the_way_of_others(bench: Bench, length: int, count: int) -> None:
    greeting = tell(bench, TALES[0][:length])
    tell(bench, TALES[1])
    assert cells(bench) == len(TALES[1]) + 3
    assert len(list(bench.scheduler.parking)) == count
    again = tell(bench, [*bench.replies[greeting].tokens, 50, 51], 4)
    assert bench.usage(again).cached_tokens == count * (length + 3)  # type: ignore[attr-defined]


def test_not_more_sequences_are_kept_than_can_be_looked_through(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "_MOST_PARKED", 2)
    for tale in TALES[:5]:
        tell(bench, tale[:30])
    assert [parked.tokens[:30] for parked in bench.scheduler.parking] == [TALES[3][:30], TALES[2][:30]]
