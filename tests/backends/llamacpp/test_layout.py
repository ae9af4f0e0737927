"""One cache for all or a part for each: whatever the layout, and whenever it changes, the words and the books are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.events import Finished
from backends.llamacpp import state_form
from backends.llamacpp.model import NativeModel
from backends.options import Adapter
from models.errors import OutOfMemory
from tests.backends.llamacpp.batched import NEVER, Bench, Plain, take_memory
from tests.tiny_models import make_tiny_adapter, make_tiny_model

CONTEXT = 1024
"""Two parts of 512 tokens, three or four of 256."""


@pytest.fixture
def bench(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=CONTEXT, batch_size=64, layout_worth=0.0)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def changing(tiny_model: Path) -> Iterator[dict[str, Bench]]:
    common = {"context_length": CONTEXT, "batch_size": 64, "layout_worth": 0.0, "kv_type": "f32"}
    found = {
        "three": Bench(tiny_model, parallel=3, **common),  # type: ignore[arg-type]
        "four in bursts": Bench(tiny_model, parallel=4, burst_seconds=0.0005, **common),  # type: ignore[arg-type]
        "two that guess": Bench(tiny_model, parallel=2, lookup_tokens=6, **common),  # type: ignore[arg-type]
    }
    yield found
    for bench in found.values():
        bench.close()


@pytest.fixture(scope="module")
def exact(tiny_model: Path) -> Iterator[Plain]:
    """A plain loop with keys and values in F32, because rounding adds up over hundreds of tokens."""
    plain = Plain(tiny_model, kv_type="f32")
    yield plain
    plain.close()


def tale(number: int, length: int) -> list[int]:
    """A prompt without a common beginning with any other."""
    return [7 + (number * 31 + place * (number + 3)) % 240 for place in range(length)]


def is_parted(bench: Bench) -> bool:
    return not bench.scheduler.cache.is_unified


REQUESTS = st.lists(
    st.fixed_dictionaries(
        {
            "base": st.integers(0, 3),
            "kept": st.one_of(st.integers(1, 200), st.integers(200, 500)),
            "own": st.integers(1, 30),
            "arrival": st.integers(0, 14),
            "length": st.one_of(st.integers(1, 10), st.integers(20, 90)),
            "patience": st.one_of(st.just(0), st.just(0), st.integers(1, 60)),
        }
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["three", "four in bursts", "two that guess"]), REQUESTS)
def test_short_and_long_requests_in_any_mix_say_what_a_plain_loop_says(
    changing: dict[str, Bench], exact: Plain, kind: str, requests: list[dict[str, int]]
) -> None:
    bench = changing[kind]
    if len(bench.replies) > 60:
        bench.reset()
    todo = sorted(requests, key=lambda request: request["arrival"])
    asked: dict[int, dict[str, object]] = {}
    for moment in range(15):
        while todo and todo[0]["arrival"] == moment:
            request = todo.pop(0)
            prompt = tale(request["base"], request["kept"]) + tale(100 + len(asked), request["own"])
            calls, patience = iter(range(1, 1_000_000)), request["patience"]
            flag = (lambda: False) if not patience else (lambda calls=calls, patience=patience: next(calls) > patience)  # type: ignore[misc]
            asked[bench.ask(prompt, request["length"], flag)] = {**request, "prompt": prompt}
        bench.step()
    bench.run()
    for number, request in asked.items():
        end = bench.end(number)
        assert isinstance(end, Finished), end
        whole = 0 if end.reason == "cancelled" else int(request["length"])  # type: ignore[call-overload]
        exact.compare(request["prompt"], bench.output(number), whole=whole)  # type: ignore[arg-type]
    assert not any(slot.is_busy for slot in bench.scheduler.cache.slots)


def test_a_crowd_that_fits_gets_a_part_for_each_and_a_long_request_gets_everything(bench: Bench, plain: Plain) -> None:
    crowd = [bench.ask(tale(number, 100), 30) for number in range(4)]
    bench.step()
    assert is_parted(bench)
    long = bench.ask(tale(9, 600), 8)
    bench.step()
    bench.run()
    assert not is_parted(bench)
    for number in crowd:
        plain.compare(tale(number, 100), bench.output(number), whole=30)
        assert bench.usage(number).cached_tokens == 0  # type: ignore[attr-defined]
    plain.compare(tale(9, 600), bench.output(long), whole=8)


def test_a_reply_that_outgrows_its_part_goes_on_in_the_whole_cache(bench: Bench, plain: Plain) -> None:
    lengths = [40, 600]
    replies = [bench.ask(tale(number, 150), length) for number, length in enumerate(lengths)]
    bench.step()
    assert is_parted(bench)
    bench.run()
    assert not is_parted(bench)
    for number in replies:
        plain.compare(tale(number, 150), bench.output(number), whole=lengths[number])


def test_two_long_requests_get_the_longer_parts(bench: Bench) -> None:
    for number in range(2):
        bench.ask(tale(number, 400), 20)
    bench.step()
    assert is_parted(bench)
    assert len(bench.scheduler.cache.slots) == 2
    third = bench.ask(tale(5, 50), 4)
    bench.run()
    assert isinstance(bench.end(third), Finished)


def test_one_request_alone_changes_nothing(bench: Bench) -> None:
    for number in range(3):
        bench.ask(tale(number, 100), 10)
        bench.run()
    assert bench.scheduler._layout.changes == 0


def test_where_it_would_not_pay_nothing_changes(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=CONTEXT, batch_size=64, layout_worth=1000.0)
    for number in range(4):
        bench.ask(tale(number, 100), 10)
    bench.run()
    assert bench.scheduler._layout.changes == 0
    bench.close()


def test_what_was_read_before_is_known_in_the_other_layout(bench: Bench) -> None:
    first = bench.ask(tale(0, 120), 6)
    bench.run()
    turn = [*bench.replies[first].tokens, 40, 41, 42]
    for number in range(1, 4):
        bench.ask(tale(number, 120), 30)
    bench.step()
    assert is_parted(bench)
    again = bench.ask(turn, 20)
    bench.run()
    assert bench.usage(again).cached_tokens >= len(turn) - 4  # type: ignore[attr-defined]
    assert is_parted(bench)
    back = bench.ask([*bench.replies[again].tokens, *tale(8, 400)], 3)
    bench.run()
    assert not is_parted(bench)
    assert bench.usage(back).cached_tokens >= len(turn) + 19  # type: ignore[attr-defined]


def test_a_common_beginning_is_read_once_by_parts_too(bench: Bench, plain: Plain) -> None:
    system = tale(3, 150)
    asked = [bench.ask(system + tale(50 + number, 20), 12) for number in range(4)]
    bench.run()
    assert is_parted(bench)
    cached = [bench.usage(number).cached_tokens for number in asked]  # type: ignore[attr-defined]
    assert cached[0] == 0
    assert all(count >= 128 for count in cached[1:])  # for the rest nobody waits
    for number, question in enumerate(asked):
        plain.compare(system + tale(50 + number, 20), bench.output(question), whole=12)


def test_a_full_set_of_parts_makes_room_for_a_new_one_without_losing_the_old(bench: Bench) -> None:
    turns = [bench.ask(tale(number, 100), 12) for number in range(4)]
    bench.run()
    assert is_parted(bench)
    for number in range(4, 8):
        bench.ask(tale(number, 100), 12)
    bench.run()
    for number in turns:
        again = bench.ask([*bench.replies[number].tokens, 60, 61], 2)
        bench.run()
        assert bench.usage(again).cached_tokens >= 111  # type: ignore[attr-defined]


def test_a_sequence_of_a_part_has_the_same_form_as_one_of_the_whole_cache(bench: Bench) -> None:
    bench.ask(tale(0, 100), 4)
    bench.run()
    cache = bench.scheduler.cache
    slot = next(slot for slot in cache.slots if slot.tokens)
    before = bytes(cache.export(slot))
    crowd = [bench.ask(tale(number, 100), 30) for number in range(4)]
    bench.step()
    assert is_parted(bench)
    slot = bench.replies[crowd[2]].slot  # type: ignore[assignment]
    while len(slot.tokens) < 50:
        bench.step()
    tokens, state = list(slot.tokens), cache.export(slot)
    bench.run()
    long = bench.ask(tale(9, 600), 1)
    bench.run()
    assert isinstance(bench.end(long), Finished)
    assert not is_parted(bench)
    restored = cache.restore(tokens, 0, state)
    assert restored is not None
    assert cache.positions(restored) == (0, len(tokens) - 1)
    head = 16 + 12 * len(tokens)  # which says what sequence it was
    assert bytes(cache.export(restored))[head:] == bytes(state)[head:]
    assert before[:4] == bytes(state)[:4]


def test_replies_move_together_when_one_of_them_ends(bench: Bench, plain: Plain) -> None:
    asked = [bench.ask(tale(number, 60), 4 if number < 2 else 60) for number in range(4)]
    while not all(bench.events[number] and isinstance(bench.events[number][-1], Finished) for number in asked[:2]):
        bench.step()
    bench.step()
    bench.step()
    assert sorted(slot.id for slot in bench.scheduler.cache.slots if slot.is_busy) == [0, 1]
    bench.run()
    for number in asked:
        plain.compare(tale(number, 60), bench.output(number), whole=4 if number < 2 else 60)


def test_without_memory_for_copies_nothing_changes_and_nothing_is_read_again(
    bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_memory(monkeypatch)
    old = bench.ask(tale(7, 60), 4)
    bench.run()
    asked = [bench.ask(tale(number, 100), 20) for number in range(3)]
    bench.step()
    bench.step()
    asked.append(bench.ask(tale(3, 100), 20))
    bench.run()
    assert bench.scheduler._layout.changes == 0
    assert any(slot.tokens[:60] == tale(7, 60) for slot in bench.scheduler.cache.slots), old
    for number, question in enumerate(asked):
        plain.compare(tale(number, 100), bench.output(question), whole=20)


def test_what_must_be_united_without_memory_for_copies_is_read_again(
    bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [bench.ask(tale(number, 100), 20) for number in range(3)]
    while not is_parted(bench):
        bench.step()
    take_memory(monkeypatch)
    asked.append(bench.ask(tale(3, 600), 20))
    bench.run()
    assert not is_parted(bench)
    for number, length in zip(asked, (100, 100, 100, 600), strict=True):
        plain.compare(tale(number, length), bench.output(number), whole=20)


def test_pages_that_the_system_refuses_are_no_memory(bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    asked = [bench.ask(tale(number, 100) if number != 2 else tale(0, 90) + tale(5, 20), 20) for number in range(3)]
    while not is_parted(bench):
        bench.step()
    monkeypatch.setattr(state_form.mmap, "mmap", refuse)
    asked.append(bench.ask(tale(0, 100) + tale(6, 10), 20))
    asked.append(bench.ask(tale(3, 600), 20))
    bench.run()
    for number in asked:
        end = bench.end(number)
        assert isinstance(end, Finished), end
        plain.compare(bench.replies[number].tokens[: bench.replies[number].prompt_length], bench.output(number), whole=20)


def test_a_context_longer_than_the_trained_one_has_parts_too(tmp_path: Path) -> None:
    bench = Bench(make_tiny_model(tmp_path / "short.gguf", context=256), context_length=2048, batch_size=64)
    assert bench.model.parts == [2, 3, 4]
    bench.close()


def test_rope_factors_for_long_contexts_stay_the_same_in_every_layout(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = NativeModel.of_architecture
    key = "rope.scaling.original_context_length"
    for original, parts in (("4096", [2, 3, 4]), ("300", [2]), ("512", []), ("100", [2, 3, 4])):
        monkeypatch.setattr(
            NativeModel, "of_architecture", lambda model, name, o=original: o if name == key else usual(model, name)
        )
        bench = Bench(tiny_model, context_length=CONTEXT, batch_size=64)
        assert bench.model.parts == parts, original
        bench.close()


def test_where_there_is_no_memory_for_parts_one_cache_for_all_stays(
    bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = NativeModel.lay_out

    def refuse(model: NativeModel, parts: int) -> None:
        usual(model, parts)
        if parts > 1:
            raise OutOfMemory(model="tiny")

    monkeypatch.setattr(NativeModel, "lay_out", refuse)
    asked = [bench.ask(tale(number, 100), 20) for number in range(4)]
    bench.run()
    assert not is_parted(bench)
    for number in asked:
        plain.compare(tale(number, 100), bench.output(number), whole=20)


def test_a_cancel_in_a_part_leaves_the_others_alone(bench: Bench, plain: Plain) -> None:
    gone = False
    cancelled = bench.ask(tale(0, 150), 60, lambda: gone)
    asked = [bench.ask(tale(number, 150), 40) for number in range(1, 4)]
    for _ in range(8):
        bench.step()
    assert is_parted(bench)
    gone = True
    bench.run()
    assert bench.end(cancelled).reason == "cancelled"  # type: ignore[union-attr]
    for number in asked:
        plain.compare(tale(number, 150), bench.output(number), whole=40)


def test_adapters_stay_with_their_requests_when_the_layout_changes(tiny_model: Path, tmp_path: Path) -> None:
    make_tiny_adapter(tmp_path / "lora.gguf", seed=5)
    said = []
    for worth in (NEVER, 0.0):
        bench = Bench(tiny_model, context_length=CONTEXT, batch_size=64, layout_worth=worth)
        prepared = bench.model.adapters.prepare((Adapter(str(tmp_path / "lora.gguf"), 1.0),))
        asked = [bench.ask(tale(number, 100), 25) for number in range(4)]
        for number in asked[::2]:
            bench.replies[number].adapters = prepared
        bench.run()
        assert is_parted(bench) == (worth == 0.0)
        said.append([bench.output(number)[:10] for number in asked])
        bench.close()
    assert said[0] == said[1]
