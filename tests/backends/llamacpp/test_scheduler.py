"""Many requests in one context: the same words as one after another, fair places, and a cache that is what the books say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.events import Failed, Finished, PromptProgress, TextDelta
from backends.llamacpp import pace
from backends.llamacpp.part import Part
from backends.llamacpp.reply import Reply
from models.errors import EngineBusy, GenerationFailed, OutOfMemory
from tests.backends.llamacpp.batched import CLOSE_CALL, FLASH_CALL, Bench, Plain

CONTEXT = 512


@pytest.fixture(scope="module")
def benches(tiny_model: Path) -> Iterator[dict[str, Bench]]:
    """Roomy; too small for all; a context for each; one at a time; writing several tokens in one go."""

    def open_bench(context_length: int, batch_size: int, parallel: int, **options: Any) -> Bench:
        return Bench(
            tiny_model,
            context_length=context_length,
            batch_size=batch_size,
            parallel=parallel,
            **{"flash_attention": False} | options,
        )

    found = {
        "roomy": open_bench(2048, 64, 4, flash_attention=None),
        "crowded": open_bench(256, 32, 4),
        "apart": open_bench(256, 48, 3, kv_unified=False),
        "alone": open_bench(256, 16, 1),
        "guessing": open_bench(512, 32, 2, lookup_tokens=6),
    }
    # Tiny models write hundreds of tokens in the usual time of a burst: these get as long as some steps take.
    found["bursts"] = open_bench(512, 32, 3, burst_seconds=0.0005, flash_attention=None)
    found["bursts in little room"] = open_bench(256, 32, 3, burst_seconds=1.0)
    found["told beside"] = open_bench(512, 32, 3, burst_seconds=1.0, beside=5, flash_attention=None)
    found["in large steps"] = open_bench(2048, 512, 4, flash_attention=None, layout_worth=0.0)
    forgetful = found["forgetful"] = open_bench(512, 32, 3)
    make_forgetful(forgetful)
    yield found
    for bench in found.values():
        bench.close()


@pytest.fixture(scope="module")
def exact(tiny_model: Path) -> Iterator[Plain]:
    """One sequence at a time, without flash attention: nothing is rounded to F16 on the way, so that next to nothing is a close call."""
    loop = Plain(tiny_model, flash_attention=False)
    yield loop
    loop.close()


def make_forgetful(bench: Bench) -> None:
    """Have the engine refuse to forget the end of a sequence, as one with recurrent layers does."""
    cache = bench.scheduler.cache
    cache.can_rewind = False

    class Memory:
        def __getattr__(self, name: str) -> object:
            return getattr(bench.model.api, name)

        def llama_memory_seq_rm(self, memory: object, sequence: int, first: int, last: int) -> bool:
            return first <= 0 and bool(bench.model.api.llama_memory_seq_rm(memory, sequence, first, last))

    cache._api = Memory()


@pytest.fixture
def bench(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=2048, batch_size=64)
    yield bench
    bench.close()


def letters(text: str) -> list[int]:
    """Any small numbers do as tokens: every byte is one."""
    return [ord(letter) % 256 for letter in text]


REQUESTS = st.lists(
    st.fixed_dictionaries(
        {
            "base": st.integers(0, 2),
            "kept": st.integers(0, 110),
            "more": st.text("abcxyz", min_size=1, max_size=60),
            "arrival": st.integers(0, 12),
            "length": st.integers(1, 14),
            "patience": st.one_of(st.just(0), st.just(0), st.integers(1, 40)),
        }
    ),
    min_size=1,
    max_size=9,
)
BASES = ["the hell of it is that nobody ever tells you how it ends " * 2, "abcabcabcx" * 11, "a" * 110]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [
            "roomy",
            "crowded",
            "apart",
            "alone",
            "guessing",
            "forgetful",
            "bursts",
            "bursts in little room",
            "told beside",
            "in large steps",
        ]
    ),
    REQUESTS,
)
def test_any_mix_of_arrivals_branches_and_cancels_says_what_a_plain_loop_says(
    benches: dict[str, Bench], plain: Plain, exact: Plain, kind: str, requests: list[dict[str, object]]
) -> None:
    bench = benches[kind]
    loop, close = (plain, FLASH_CALL) if kind in ("roomy", "bursts", "told beside", "in large steps") else (exact, CLOSE_CALL)
    if len(bench.replies) > 60:
        bench.reset()  # else the cache of one example lives on in the next
    todo = sorted(requests, key=lambda request: int(request["arrival"]))  # type: ignore[call-overload]
    asked: dict[int, dict[str, object]] = {}
    for moment in range(13):
        while todo and todo[0]["arrival"] == moment:
            request = todo.pop(0)
            base, kept = BASES[int(request["base"])], int(request["kept"])  # type: ignore[call-overload]
            request["prompt"] = letters(base[:kept] + str(request["more"]))
            calls = iter(range(1, 1_000_000))
            patience = int(request["patience"])  # type: ignore[call-overload]
            flag = (lambda: False) if not patience else (lambda calls=calls, patience=patience: next(calls) > patience)  # type: ignore[misc]
            asked[bench.ask(request["prompt"], int(request["length"]), flag)] = request  # type: ignore[call-overload, arg-type]
        bench.step()
    bench.run()
    for number, request in asked.items():
        end = bench.end(number)
        assert isinstance(end, Finished), end
        prompt, length = list(request["prompt"]), int(request["length"])  # type: ignore[call-overload]
        if end.reason == "cancelled":
            assert request["patience"]
            loop.compare(prompt, bench.output(number), close=close)
        else:
            loop.compare(prompt, bench.output(number), whole=length, close=close)
    assert not any(slot.is_busy for slot in bench.scheduler.cache.slots)


def test_a_common_beginning_is_read_once(bench: Bench) -> None:
    system = letters("you are a helpful ghost in a small machine " * 5)
    asked = [bench.ask(system + letters(f"question {number}"), 3) for number in range(4)]
    bench.run()
    cached = [bench.usage(number).cached_tokens for number in asked]  # type: ignore[attr-defined]
    assert cached[0] == 0
    assert all(count >= len(system) for count in cached[1:])


def test_a_branch_keeps_what_it_branched_from(bench: Bench) -> None:
    story = letters("once upon a time there was a very long story about a bell " * 4)
    for tokens in (story, story[:60] + letters("another end of it"), story + letters("!")):
        last = bench.ask(tokens, 2)
        bench.run()
    assert bench.usage(last).cached_tokens == len(story)  # type: ignore[attr-defined]


def test_a_model_that_cannot_step_back_reuses_a_sequence_whole_or_not_at_all(bench: Bench) -> None:
    make_forgetful(bench)
    story = letters("once upon a time there was a very long story about a bell " * 2)
    bench.ask(story, 1)
    bench.run()
    longer = bench.ask(story + letters("and then"), 1)
    bench.run()
    again = bench.ask(story, 1)
    bench.run()
    assert bench.usage(longer).cached_tokens == len(story)  # type: ignore[attr-defined]
    assert bench.usage(again).cached_tokens == 0  # type: ignore[attr-defined]


def test_the_sequence_used_least_recently_is_forgotten_first(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=256, parallel=1)
    first, second = letters("first " * 16), letters("second" * 16)
    for tokens in (first, second, first, letters("third!" * 16), letters("fourth" * 16), first):
        last = bench.ask(tokens, 1)
        bench.run()
    assert bench.usage(last).cached_tokens == len(first) - 1  # type: ignore[attr-defined]
    assert bench.scheduler.parking.longest_match(second, ()) == 0
    bench.close()


def test_a_short_question_does_not_wait_for_a_long_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_CROWD_SECONDS", 0.0)  # a fast machine reads the long one in that time
    monkeypatch.setattr(pace, "_WORDS_SHARE", 1.0)
    long, short = bench.ask(letters("long " * 300), 2), bench.ask(letters("hi"), 2)
    while not any(isinstance(event, Finished) for event in bench.events[short]):
        bench.step()
    assert not any(isinstance(event, Finished) for event in bench.events[long])
    bench.run()


def test_replies_go_on_while_a_long_prompt_is_read(bench: Bench) -> None:
    writer = bench.ask(letters("x"), 25)
    bench.step()
    bench.ask(letters("long " * 300), 1)
    before = len(bench.output(writer))
    for _ in range(10):
        bench.step()
    assert len(bench.output(writer)) == before + 5, "in every other step"
    bench.run()


def test_replies_that_outgrow_the_context_take_turns_and_lose_no_word(tiny_model: Path, plain: Plain) -> None:
    bench = Bench(tiny_model, context_length=256, parallel=3)
    prompts = [letters(text * 60) for text in ("q", "zz", "k")]
    asked = [bench.ask(prompt, 60, top_k=1, temperature=1.0) for prompt in prompts]
    bench.run()
    for number, prompt in zip(asked, prompts, strict=True):
        end = bench.end(number)
        assert isinstance(end, Finished)
        assert end.reason in ("length", "stop")
        plain.compare(prompt, bench.output(number), whole=60)
        progress = [event.done for event in bench.events[number] if isinstance(event, PromptProgress)]
        assert progress == sorted(progress)
    bench.close()


def test_one_reply_may_use_the_whole_context(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=256, parallel=2)
    for text in ("ab", "cd"):
        bench.ask(letters(text * 40), 3)
    bench.run()
    last = bench.ask(letters("e" * 250), 100, min_p=0.0, top_k=0, temperature=2.0)
    bench.run()
    end = bench.end(last)
    assert isinstance(end, Finished)
    assert end.usage.prompt_tokens + end.usage.output_tokens <= 257
    bench.close()


def test_a_cancel_in_the_middle_of_a_decode_harms_nobody_else(slow_model: Path) -> None:
    bench, loop = Bench(slow_model, context_length=1024), Plain(slow_model, 1024)
    prompt = letters("the one that stays")
    stays = bench.ask(prompt, 12)
    for _ in range(3):
        bench.step()
    asked_at = time.perf_counter()
    leaves = bench.ask(letters("the one that goes " * 20), 5, lambda: time.perf_counter() - asked_at > 0.08)
    bench.run()
    end = bench.end(leaves)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    loop.compare(prompt, bench.output(stays), whole=12)
    bench.close()
    loop.close()


def test_a_cancel_between_two_parts_of_a_decode_keeps_the_finished_part(slow_model: Path) -> None:
    bench, loop = Bench(slow_model, context_length=2048, batch_size=1024), Plain(slow_model, 2048)
    prompt = letters("the one that stays")
    asked, limit = 0, 1_000_000

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > limit

    was_between = False
    for cancelled in (False, *[True] * 8):  # a busy machine may reach the cancel too early or too late
        stays = bench.ask(prompt, 6)
        for _ in range(3):
            bench.step()
        bench.scheduler._pace._rate = 1e6  # all of the next prompt in one decode, which the engine computes 512 tokens at a time
        goes = bench.ask(letters(f"{time.perf_counter()} the one that goes " * 45)[:900], 1, is_cancelled)
        asked = 0
        bench.step()
        bench.step()
        held = max(len(slot.tokens) for slot in bench.scheduler.cache.slots)
        assert cancelled or held == 900
        bench.run()
        loop.compare(prompt, bench.output(stays), whole=6)
        if not cancelled:
            limit = int(asked * 0.8)
        elif 400 < held < 900:
            was_between = True
            break
        asked = 0
        bench.reset()
    assert was_between
    assert isinstance(bench.end(goes), Finished)
    bench.close()
    loop.close()


def test_a_full_queue_is_an_error_that_says_so(tiny_model: Path) -> None:
    bench = Bench(tiny_model, context_length=256, parallel=1, waiting_limit=2)
    bench.ask([1, 2, 3], 2)
    bench.step()
    bench.ask([1, 2, 3], 2)
    bench.ask([1, 2, 3], 2)
    with pytest.raises(EngineBusy, match="2 requests are waiting"):
        bench.ask([1, 2, 3], 2)
    bench.run()
    assert isinstance(bench.end(bench.ask([1, 2, 3], 2) - 1), Finished)
    bench.close()


def test_an_engine_error_fails_those_who_computed_and_the_next_starts_afresh(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [bench.ask(letters("abc" * 20), 5), bench.ask(letters("xyz" * 20), 5)]
    bench.step()
    with monkeypatch.context() as patch:
        patch.setattr(bench.model.api, "llama_decode", lambda context, batch: -3)
        bench.step()
    bench.run()
    errors = [event.error for number in asked for event in bench.events[number] if isinstance(event, Failed)]
    assert errors
    assert all(isinstance(error, GenerationFailed) for error in errors)
    again = bench.ask(letters("abc" * 20), 2)
    bench.run()
    assert isinstance(bench.end(again), Finished)


def test_an_engine_without_room_is_helped_and_then_believed(bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.ask(letters("an idle one"), 2)
    bench.run()
    prompts = [letters("abc" * 30), letters("xyz" * 30)]
    asked = [bench.ask(prompt, 5) for prompt in prompts]
    bench.step()
    decode = bench.model.api.llama_decode
    refusals = iter([1, 1, 1])
    with monkeypatch.context() as patch:
        patch.setattr(bench.model.api, "llama_decode", lambda context, batch: next(refusals, 0) or decode(context, batch))
        bench.run()
    for number, prompt in zip(asked, prompts, strict=True):
        plain.compare(prompt, bench.output(number), whole=5)
    with monkeypatch.context() as patch:
        patch.setattr(bench.model.api, "llama_decode", lambda context, batch: 1)
        hopeless = bench.ask(letters("abc"), 5)
        bench.run()
    end = bench.end(hopeless)
    assert isinstance(end, Failed)
    assert isinstance(end.error, OutOfMemory)


def test_a_request_cancelled_before_anything_was_read_changes_nothing(bench: Bench) -> None:
    number = bench.ask([1, 2, 3], 3, lambda: True)
    bench.run()
    end = bench.end(number)
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.output_tokens) == ("cancelled", 0)
    assert all(not slot.tokens for slot in bench.scheduler.cache.slots)


@pytest.mark.parametrize("flash_attention", [None, False])
def test_prompts_and_replies_take_turns_where_flash_attention_would_look_at_all_of_them_together(
    tiny_model: Path, flash_attention: bool | None
) -> None:
    bench = Bench(tiny_model, context_length=2048, batch_size=64, parallel=3, flash_attention=flash_attention)
    filling = bench.scheduler._filling
    kinds: list[set[bool]] = []
    fill = filling.fill

    def watched(active: list[Reply]) -> list[Part]:
        parts = fill(active)
        kinds.append({part.reply.is_reading for part in parts})
        return parts

    filling.fill = watched  # type: ignore[method-assign]
    numbers = [bench.ask([5, 6, 7], 40, logit_bias=((264, -1000.0),))]
    for _ in range(3):
        bench.step()
    numbers.append(bench.ask([9 + place % 200 for place in range(400)], 5, logit_bias=((264, -1000.0),)))
    before = len(bench.output(numbers[0]))
    while bench.replies[numbers[1]].is_reading:
        bench.step()
    assert len(bench.output(numbers[0])) - before >= 3, "who writes is not kept waiting until the other prompt is read"
    bench.run()
    together = [kind for kind in kinds if len(kind) == 2]
    assert bool(together) == (flash_attention is False)
    bench.close()


def test_who_asked_hears_that_the_reading_begins_before_the_first_decode(bench: Bench) -> None:
    first = bench.ask(letters("hello"), 3)
    said = bench.scheduler.step()
    assert said == [(first, PromptProgress(0, 5, 0))]
    bench.events[first].extend(event for _, event in said)
    second = bench.ask(letters("world"), 3)
    said = bench.scheduler.step()  # beside others nobody is kept waiting for such a word
    assert any(number == first and isinstance(event, TextDelta | Finished) for number, event in said)
    bench.events[first].extend(event for number, event in said if number == first)
    bench.events[second].extend(event for number, event in said if number == second)
    bench.run()


def test_others_may_run_beside_long_steps_of_writing_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LONG_SECONDS", 0.0)
    assert not bench.scheduler.computes_long, "nobody is there"
    number = bench.ask(letters("hello" * 60), 40, logprobs=0)
    bench._step()
    assert bench.scheduler.computes_long, "it has a place, and the reading begins"
    bench.step()
    assert bench.replies[number].is_reading and not bench.scheduler.computes_long, "its first word may come"
    while bench.replies[number].is_reading:
        bench.step()
    assert bench.scheduler.computes_long
    monkeypatch.setattr(pace, "LONG_SECONDS", 60.0)
    assert not bench.scheduler.computes_long
    bench.run()
    assert isinstance(bench.end(number), Finished)


def test_a_reply_that_may_not_end_goes_on_to_its_limit(bench: Bench) -> None:
    ends = bench.model.tokenizer.ends
    assert ends
    assert all(bench.model.tokenizer.is_end(token) for token in ends)
    sure = ((ends[0], 500.0),)
    numbers = [bench.ask(letters("abc"), 30, logit_bias=sure, ignore_eos=ignored) for ignored in (False, True)]
    bench.run()
    assert [len(bench.output(number)) for number in numbers] == [0, 30]
