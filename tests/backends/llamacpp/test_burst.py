"""Replies that only write go on for some tokens in one go: the same words, and nobody waits longer for a place or an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.events import Failed, Finished, TextDelta, TokenChosen
from models.errors import GenerationFailed
from tests.backends.llamacpp.batched import Bench, Plain
from tests.tiny_models import make_tiny_model


@pytest.fixture(scope="module")
def bench(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=1024, parallel=2, burst_seconds=10.0)
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def afresh(bench: Bench) -> None:
    bench.reset()


def test_a_reply_alone_is_written_in_few_steps_and_tells_how_many_tokens_each_piece_has(bench: Bench, plain: Plain) -> None:
    number = bench.ask([5, 6, 7], 50, logit_bias=((264, -1000.0),))
    bench.run()
    assert bench.decodes <= 3
    end = bench.end(number)
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.output_tokens, len(bench.output(number))) == ("length", 50, 50)
    pieces = sum(event.pieces for event in bench.events[number] if isinstance(event, TextDelta))
    assert 2 <= pieces <= 50


def test_two_replies_of_different_lengths_say_what_each_says_alone(bench: Bench, plain: Plain) -> None:
    numbers = {bench.ask(prompt, length): (prompt, length) for prompt, length in (([1, 2], 9), ([3, 4, 5], 40))}
    bench.run()
    for number, (prompt, length) in numbers.items():
        plain.compare(prompt, bench.output(number), whole=length)
    assert bench.decodes <= 6


def test_whoever_waits_for_a_free_place_is_let_in_at_once(bench: Bench) -> None:
    bench.ask([1, 2, 3], 400, logit_bias=((264, -1000.0),))
    bench.step()
    bench.ask([9, 8], 3)
    bench.step()
    assert bench.scheduler.active_count == 2, "nobody wrote on for ten seconds while another waited"
    bench.run()


def test_who_waits_where_all_places_are_taken_stops_nobody_from_writing_on(bench: Bench) -> None:
    numbers = [bench.ask([10 + index, 3], 30, logit_bias=((264, -1000.0),)) for index in range(4)]
    bench.run()
    assert all(isinstance(bench.end(number), Finished) for number in numbers)
    assert bench.decodes <= 12


@pytest.mark.parametrize("watched", [{"logprobs": 0}, {"stop": ("zzz",)}])
def test_what_must_be_looked_at_is_written_token_by_token(bench: Bench, watched: dict[str, object]) -> None:
    number = bench.ask([5, 6, 7], 20, logit_bias=((264, -1000.0),), **watched)
    if "stop" in watched:
        bench.replies[number]._prompt = type(bench.replies[number]._prompt)([5, 6, 7], ("zzz",), None)
    bench.run()
    assert bench.decodes >= 20
    if "logprobs" in watched:
        assert sum(isinstance(event, TokenChosen) for event in bench.events[number]) == 20


def test_a_decode_that_fails_in_the_middle_keeps_what_came_before(bench: Bench, plain: Plain) -> None:
    number = bench.ask([7, 7, 1], 30, logit_bias=((264, -1000.0),))
    while not any(isinstance(event, TextDelta) for event in bench.events[number]):
        bench.step()
    before = len(bench.output(number))
    real = bench.model.api
    calls = iter(range(1000))

    class Failing:
        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def llama_decode(self, context: object, batch: object) -> int:
            return 2 if next(calls) == 5 else int(real.llama_decode(context, batch))

    bench.scheduler.burst._api = Failing()
    bench.step()
    assert len(bench.output(number)) == before + 5
    bench.scheduler.burst._api = real
    bench.run()
    end = bench.end(number)
    assert isinstance(end, Finished)
    assert end.usage.output_tokens == 30
    again = bench.ask([7, 7, 1], 30, logit_bias=((264, -1000.0),))
    bench.run()
    assert bench.output(again) == bench.output(number)


def test_prompt_lookup_writes_on_where_it_finds_nothing_and_guesses_where_it_does(tiny_model: Path, plain: Plain) -> None:
    # Between bursts of a few tokens on any machine: a fast one writes all of it in a usual one.
    guessing = Bench(tiny_model, context_length=1024, parallel=1, lookup_tokens=8, burst_seconds=0.00002)
    prompt = [*range(40, 80)] * 3
    number = guessing.ask(prompt, 120, logit_bias=((264, -1000.0),))
    guessing.run()
    end = guessing.end(number)
    assert isinstance(end, Finished)
    assert guessing.decodes < end.usage.output_tokens, "bursts, and guesses that were right"
    assert end.usage.drafted_tokens > 0
    twice = guessing.ask(prompt, 120, logit_bias=((264, -1000.0),))
    guessing.run()
    assert guessing.output(twice) == guessing.output(number)
    guessing.close()


def test_where_a_draft_rests_replies_write_on_and_the_draft_is_asked_again_later(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_tiny_model(tmp_path / "other.gguf", context=4096, seed=9, scale=2.0, layers=1)
    monkeypatch.setattr("backends.llamacpp.draft.SURE_ENOUGH", 0.0)
    bench = Bench(tiny_model, context_length=1024, parallel=1, draft_model=str(other), burst_seconds=0.01)
    number = bench.ask([1, 2, 3], 400, logit_bias=((264, -1000.0),))
    bench.run()
    end = bench.end(number)
    assert isinstance(end, Finished)
    assert end.usage.drafted_tokens > 0, "it was asked"
    assert bench.decodes < 250, "and then rested"
    alone = Bench(tiny_model, context_length=1024, parallel=1)
    said = alone.ask([1, 2, 3], 400, logit_bias=((264, -1000.0),))
    alone.run()
    assert bench.output(number) == alone.output(said)
    bench.close()
    alone.close()


def test_a_reply_that_can_choose_nothing_fails_alone(bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    fine, broken = bench.ask([5, 6, 7], 30), bench.ask([40, 41, 42], 30, logit_bias=((264, -1000.0),))
    while not all(reply.writes_freely for reply in bench.replies.values()):
        bench.step()
    sampler = bench.replies[broken]._sampler
    assert sampler is not None
    choose, picks = sampler.choose, 0

    def choose_some(context: object, row: int) -> int:
        nonlocal picks
        picks += 1
        if picks > 4:
            raise GenerationFailed(reason="The engine gave no numbers for the next token.")
        return choose(context, row)

    monkeypatch.setattr(sampler, "choose", choose_some)
    bench.run()
    assert isinstance(bench.end(broken), Failed)
    plain.compare([5, 6, 7], bench.output(fine), whole=30)


def first_word(bench: Bench, token: int) -> tuple[int, int]:
    """A reply that repeats a token: how many it had written when it said something, or ended, and in how many steps."""
    number = bench.ask([5, 6, 7], 40, logit_bias=((token, 1000.0),))
    while not any(isinstance(event, TextDelta | Finished) for event in bench.events[number]):
        bench.step()
    written = len(bench.output(number))
    bench.run()
    assert len(bench.output(number)) == 40
    return written, bench.decodes


def test_nobody_waits_for_a_first_word_until_others_were_written(bench: Bench) -> None:
    half = next(token for token in range(256) if bench.model.tokenizer.bytes_of(token) == b"\xe4")
    written, decodes = first_word(bench, half)
    assert written == 2, "the first one alone is no character"
    assert decodes < 10


def test_a_reply_without_any_text_is_written_on_all_the_same(bench: Bench) -> None:
    mark = next(
        token for token in range(256, bench.model.tokenizer.size) if bench.model.tokenizer.bytes_of(token) == b"<|im_start|>"
    )
    written, decodes = first_word(bench, mark)
    assert (written, bench.model.tokenizer.text_of(mark)) == (40, "<|im_start|>")
    assert decodes < 25


@pytest.fixture(scope="module")
def telling(tiny_model: Path) -> Iterator[Bench]:
    """Somebody listens, every step is long enough, and nobody comes."""
    bench = Bench(tiny_model, context_length=1024, parallel=3, burst_seconds=10.0, beside=10**8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backends.llamacpp.burst._LONGEST", 60.0)
        yield bench
    bench.close()


@pytest.fixture
def quiet(telling: Bench) -> Bench:
    telling.reset()
    telling.scheduler.burst.has_news = bool
    return telling


def text_of(bench: Bench, number: int) -> str:
    return "".join(event.text for event in bench.events[number] if isinstance(event, TextDelta))


def test_words_are_told_step_by_step_beside_and_are_the_same(quiet: Bench, bench: Bench) -> None:
    prompts = ([5, 6, 7], [1, 2], [3, 4, 5])
    told = [quiet.ask(prompt, 60, logit_bias=((264, -1000.0),)) for prompt in prompts]
    quiet.run()
    assert quiet.decodes <= 6, "one step goes on until a reply ends"
    assert quiet.told >= 40
    for number, prompt in zip(told, prompts, strict=True):
        plain = bench.ask(prompt, 60, logit_bias=((264, -1000.0),))
        bench.run()
        assert quiet.output(number) == bench.output(plain)
        assert text_of(quiet, number) == text_of(bench, plain)
        end = quiet.end(number)
        assert isinstance(end, Finished)
        assert (end.reason, end.usage.output_tokens) == ("length", 60)


def test_a_reply_that_ends_by_itself_is_told_whole(quiet: Bench) -> None:
    number = quiet.ask([5, 6, 7], 0, logit_bias=((264, 2.0),), temperature=1.0, seed=3)
    quiet.run()
    end = quiet.end(number)
    assert isinstance(end, Finished)
    pieces = sum(event.pieces for event in quiet.events[number] if isinstance(event, TextDelta))
    assert pieces <= end.usage.output_tokens == len(quiet.output(number))


def test_who_comes_ends_it_after_the_step_that_is_computed(quiet: Bench) -> None:
    quiet.ask([5, 6, 7], 500, logit_bias=((264, -1000.0),))
    while not quiet.told:
        quiet.scheduler.burst.has_news = lambda: quiet.told >= 7
        quiet.step()
    assert 7 <= quiet.told <= 8
    assert quiet.scheduler.active_count == 1


def test_after_half_a_second_it_ends_although_nobody_comes(quiet: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.llamacpp.burst._LONGEST", 0.0)
    number = quiet.ask([5, 6, 7], 30, logit_bias=((264, -1000.0),))
    quiet.run()
    assert quiet.decodes >= 25
    assert not quiet.told
    assert len(quiet.output(number)) == 30


def test_what_goes_wrong_beside_is_not_lost(quiet: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = quiet.ask([5, 6, 7], 100, logit_bias=((264, -1000.0),))
    while not any(isinstance(event, TextDelta) for event in quiet.events[number]):
        quiet.step()
    monkeypatch.setattr(quiet.replies[number], "write", lambda tokens, is_ended: {}["a bug"])
    with pytest.raises(KeyError, match="a bug"):
        quiet.step()


def test_a_reply_cancelled_while_words_are_told_beside_ends_soon_and_the_others_go_on(quiet: Bench, bench: Bench) -> None:
    goes = quiet.ask([9, 9, 9], 400, lambda: quiet.told >= 5, logit_bias=((264, -1000.0),))
    stays = quiet.ask([5, 6, 7], 60, logit_bias=((264, -1000.0),))
    # Somebody tells the engine of it, as the worker does, until it has heard.
    quiet.scheduler.burst.has_news = lambda: (
        quiet.told >= 5 and not any(isinstance(event, Finished) for event in quiet.events[goes])
    )
    quiet.run()
    end = quiet.end(goes)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert 5 <= len(quiet.output(goes)) < 60
    plain = bench.ask([5, 6, 7], 60, logit_bias=((264, -1000.0),))
    bench.run()
    assert quiet.output(stays) == bench.output(plain)


def test_one_who_guesses_ahead_is_not_written_on_without_an_end(tiny_model: Path) -> None:
    guessing = Bench(tiny_model, context_length=1024, parallel=1, lookup_tokens=8, burst_seconds=0.00002, beside=10**8)
    number = guessing.ask([*range(40, 80)] * 3, 120, logit_bias=((264, -1000.0),))
    guessing.run()
    end = guessing.end(number)
    assert isinstance(end, Finished)
    assert end.usage.drafted_tokens > 0
    assert not guessing.told
    guessing.close()
