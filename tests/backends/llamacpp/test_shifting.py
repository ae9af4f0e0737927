"""Where the context is full: refused, or the middle is forgotten with a word; never silently, and never as a beginning for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.backend import GenerationRequest
from backends.events import ContextShifted, Finished
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.shifting import find_cut
from backends.messages import make_text_message
from backends.options import GenerationOptions, LoadOptions
from models.errors import ContextOverflow, InvalidOption
from tests.backends.llamacpp.batched import Bench
from tests.backends.requests import complete, finish_of, make_options, run

NEVER_END = {"logit_bias": tuple((token, -1000.0) for token in (261, 262, 263, 264)), "temperature": 0.0}


@pytest.fixture
def small(tiny_model: Path) -> Iterator[LlamaCppBackend]:
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(threads=1, context_length=256), lambda fraction: True)
    yield backend
    backend.close()


def test_without_a_wish_a_long_prompt_is_refused_and_a_long_reply_ends(small: LlamaCppBackend) -> None:
    with pytest.raises(ContextOverflow):
        run(small, complete("x" * 300))
    events = run(small, complete("x" * 200, **NEVER_END))
    assert finish_of(events).reason == "length"
    assert not any(isinstance(event, ContextShifted) for event in events)


def test_a_reply_goes_on_beyond_the_context_and_tells_what_was_forgotten(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=256, parallel=1)
    number = bench.ask([5, 6, 7] * 20, 900, context_policy="shift", **NEVER_END)
    bench.run()
    end = bench.end(number)
    assert isinstance(end, Finished)
    assert end.usage.output_tokens == 900
    shifts = [event for event in bench.events[number] if isinstance(event, ContextShifted)]
    assert len(shifts) == (60 + 900 - 256 - 1) // 64 + 1
    assert all(shift.tokens == 64 and shift.begin and shift.end for shift in shifts)
    assert bench.decodes < 900 + 40  # what stayed was moved, not read anew
    bench.close()


def test_what_stays_is_read_anew_where_another_sequence_shares_it(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=512, parallel=2)
    prompt = [number % 200 for number in range(230)]
    numbers = [bench.ask([*prompt, last], 0 if last == 1 else 40, context_policy="shift", **NEVER_END) for last in (1, 2)]
    for _ in range(700):
        bench.step()
    shifts = [event for event in bench.events[numbers[0]] if isinstance(event, ContextShifted)]
    assert shifts
    assert isinstance(bench.end(numbers[1]), Finished)
    bench.close()


def test_two_that_shift_beside_each_other_keep_the_books(tiny_model: Path) -> None:
    for unified in (True, False):
        bench = Bench(tiny_model, context_length=256, parallel=2, kv_unified=unified)
        numbers = [bench.ask([5 + number] * 40, 300, context_policy="shift", **NEVER_END) for number in range(2)]
        bench.run(4000)
        for number in numbers:
            end = bench.end(number)
            assert isinstance(end, Finished), end
            assert end.usage.output_tokens == 300
        bench.close()


def test_what_was_shifted_is_no_beginning_for_others_and_is_not_kept(tiny_model: Path, tmp_path: Path) -> None:
    backend = LlamaCppBackend()
    options = LoadOptions(threads=1, context_length=256, parallel=1, cache_folder=str(tmp_path / "cache"))
    backend.load(str(tiny_model), options, lambda fraction: True)
    request = GenerationRequest(
        prompt="abcdefgh" * 20, owner="me", options=make_options(max_tokens=200, context_policy="shift", **NEVER_END)
    )
    assert any(isinstance(event, ContextShifted) for event in run(backend, request))
    scheduler = backend._loaded()[1]
    assert not any(slot.is_shifted for slot in scheduler.cache.slots)
    backend.close()
    assert not list((tmp_path / "cache").glob("*.kv"))


def test_a_long_prompt_keeps_its_system_prompt_and_its_newest_words(small: LlamaCppBackend) -> None:
    turns = [
        make_text_message("user" if number % 2 == 0 else "assistant", f"turn {number} " + "word " * 6) for number in range(15)
    ]
    messages = (make_text_message("system", "Keep this."), *turns)
    options = make_options(max_tokens=3, context_policy="shift")
    with pytest.raises(ContextOverflow):
        run(small, GenerationRequest(messages=messages))
    request = GenerationRequest(messages=messages, options=options)
    events = run(small, request)
    shifted = next(event for event in events if isinstance(event, ContextShifted))
    assert "turn 0" in shifted.begin
    assert "turn 14" not in shifted.end
    read = small._loaded()[1].cache.slots
    text = next(
        bytes(b"".join(small._loaded()[0].tokenizer.bytes_of(t) for t in slot.tokens)).decode("utf-8", "replace")
        for slot in read
        if slot.tokens
    )
    assert "Keep this." in text
    assert "turn 14" in text
    assert finish_of(events).usage.prompt_tokens < 256


def test_the_next_turns_are_cut_at_the_same_place(small: LlamaCppBackend) -> None:
    counts, text = [], "abc " * 70
    for number in range(6):
        text += f"more {number} "
        events = run(small, complete(text, max_tokens=1, context_policy="shift"))
        usage = finish_of(events).usage
        counts.append(usage.prompt_tokens - usage.cached_tokens)
    assert sorted(counts)[2] < 20  # most turns read only what is new


@given(st.integers(1, 100_000), st.integers(256, 8192), st.integers(0, 10_000))
def test_a_cut_leaves_enough_and_not_too_much(length: int, room: int, kept: int) -> None:
    start, count = find_cut(length, room, kept)
    if length < room:
        assert count == 0
        return
    assert start >= 4
    assert start + count < length
    assert room // 2 - 1 <= length - count < room


def test_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidOption):
        GenerationOptions(context_policy="forget")
