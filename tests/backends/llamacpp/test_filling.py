"""How prompts are cut into decodes: the few last rows apart, two of many prompts together, and always the same text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.part import Part
from backends.llamacpp.reply import Reply
from tests.backends.llamacpp.batched import FLASH_CALL, Bench, Plain

Step = tuple[list[int], int]
"""How many tokens each reply had in a step, and how many of all of them came in a decode before the others."""


@pytest.fixture(autouse=True)
def without_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NativeLibrary, "has_amx", False)


@pytest.fixture
def bench(tiny_model: Path) -> Iterator[Bench]:
    bench = Bench(tiny_model, context_length=4096, batch_size=512, parallel=1)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> Iterator[Plain]:
    loop = Plain(tiny_model)
    yield loop
    loop.close()


def watch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Steps in which prompts are read, as they come."""
    filling, steps = bench.scheduler._filling, []
    fill = filling.fill

    def watched(active: list[Reply]) -> list[Part]:
        parts = fill(active)
        if parts and parts[0].reply.is_reading:
            steps.append(([len(part.tokens) for part in parts], filling._batch.cut))
        return parts

    monkeypatch.setattr(filling, "fill", watched)
    return steps


def prompt(length: int, first: int = 3) -> list[int]:
    return [first + (place * 7 + place // 11) % 200 for place in range(length)]


def check_cut(bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch, length: int, cut: int) -> None:
    """One prompt is read in one step, so many of its tokens before the others, and the reply is as ever."""
    steps = watch(bench, monkeypatch)
    number = bench.ask(prompt(length), 6)
    bench.run()
    assert steps == [([length], cut)]
    plain.compare(prompt(length), bench.output(number), whole=6, close=FLASH_CALL)


@pytest.mark.parametrize(("length", "cut"), [(200, 192), (65, 64), (76, 64), (77, 0), (192, 0), (12, 0), (64, 0)])
def test_a_few_rows_after_whole_tiles_are_computed_apart(
    bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch, length: int, cut: int
) -> None:
    check_cut(bench, plain, monkeypatch, length, cut)


@pytest.fixture
def amx_bench(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """One that computes as it would with AMX."""
    monkeypatch.setattr(NativeLibrary, "has_amx", True)
    bench = Bench(tiny_model, context_length=1024, batch_size=512, parallel=2)
    yield bench
    bench.close()


@pytest.mark.parametrize(("length", "cut"), [(200, 8), (65, 1), (76, 12), (77, 0), (192, 0), (12, 0)])
def test_with_amx_the_first_few_rows_are_computed_apart(
    amx_bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch, length: int, cut: int
) -> None:
    check_cut(amx_bench, plain, monkeypatch, length, cut)


def test_with_amx_two_prompts_of_a_crowd_have_their_first_rows_computed_apart(
    tiny_model: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NativeLibrary, "has_amx", True)
    bench = open_crowd(tiny_model)
    steps = watch(bench, monkeypatch)
    prompts = [prompt(200, first=3 + 5 * number) for number in range(3)]
    numbers = [bench.ask(tokens, 6) for tokens in prompts]
    bench.run()
    assert steps[0] == ([200, 200], 16)
    for number, tokens in zip(numbers, prompts, strict=True):
        plain.compare(tokens, bench.output(number), whole=6, close=FLASH_CALL)
    bench.close()


def test_with_amx_nothing_is_cut_where_something_stands_before_or_the_model_is_large(
    amx_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = watch(amx_bench, monkeypatch)
    amx_bench.ask(prompt(200), 2)
    amx_bench.run()
    amx_bench.ask([*prompt(200), *prompt(72, first=90)], 2)
    amx_bench.run()
    amx_bench.scheduler._filling._is_small = False
    amx_bench.ask(prompt(200, first=5), 2)
    amx_bench.run()
    assert [cut for _, cut in steps] == [8, 0, 0]


@pytest.mark.parametrize("options", [{"flash_attention": False}, {"kv_unified": False}])
def test_without_tiles_of_attention_nothing_is_cut(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    bench = Bench(tiny_model, context_length=1024, batch_size=512, parallel=1, **options)
    steps = watch(bench, monkeypatch)
    bench.ask(prompt(200), 2)
    bench.run()
    assert steps == [([200], 0)]
    bench.close()


@pytest.mark.parametrize(("rows", "cut"), [(4, 192), (1, 0)])
def test_after_a_crowd_has_written_it_counts_what_one_row_costs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rows: int, cut: int
) -> None:
    steps = watch(bench, monkeypatch)
    bench.scheduler._pace.note(rows, 0.0025, reads=False)
    bench.ask(prompt(200), 2)
    bench.run()
    assert steps == [([200], cut)]
    bench.scheduler._pace.note(1, 0.0001, reads=False)


def test_a_prompt_whose_likelihoods_are_asked_for_is_not_cut(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = watch(bench, monkeypatch)
    bench.ask(prompt(200), 2, logprobs=0, prompt_logprobs=True)
    bench.run()
    assert {cut for _, cut in steps} == {0}


@pytest.mark.parametrize("code", [1, 2])
def test_where_only_the_first_of_two_decodes_went_well_the_books_are_right(
    bench: Bench, plain: Plain, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    decode, calls = bench.model.api.llama_decode, []

    def refuse_second(context: object, batch: object) -> int:
        calls.append(batch.n_tokens)  # type: ignore[attr-defined]
        return code if len(calls) == 2 else decode(context, batch)

    monkeypatch.setattr(bench.model.api, "llama_decode", refuse_second)
    number = bench.ask(prompt(200), 6)
    bench.run()  # checks the books after every step
    assert calls[:2] == [192, 8]
    plain.compare(prompt(200), bench.output(number), whole=6, close=FLASH_CALL)


def open_crowd(tiny_model: Path) -> Bench:
    """Room for eight, each with a part of the cache for itself."""
    return Bench(tiny_model, context_length=8 * 512, batch_size=2048, parallel=8, layout_worth=0.0)


@pytest.mark.parametrize(
    ("lengths", "first"),
    [
        ([200] * 6, ([200, 200], 384)),
        ([210] * 6, ([210, 210], 0)),
        ([200] * 3, ([200, 200], 384)),
        ([200] * 2, ([200], 192)),
        ([200, 300, 400, 190, 210, 300], ([200, 190], 0)),
    ],
)
def test_of_many_prompts_two_of_about_the_same_length_are_read_at_once(
    tiny_model: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch, lengths: list[int], first: Step
) -> None:
    bench = open_crowd(tiny_model)
    steps = watch(bench, monkeypatch)
    prompts = [prompt(length, first=3 + 5 * number) for number, length in enumerate(lengths)]
    numbers = [bench.ask(tokens, 6) for tokens in prompts]
    bench.run()
    assert steps[0] == first
    for number, tokens in zip(numbers, prompts, strict=True):
        plain.compare(tokens, bench.output(number), whole=6, close=FLASH_CALL)
    bench.close()
