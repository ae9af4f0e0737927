"""Pictures in the llama.cpp engine: seen once, decoded among other sequences, and used again by content."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from backends.backend import GenerationRequest
from backends.events import GenerationEvent, TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.messages import ImagePart, Message, Part, TextPart, make_text_message
from backends.options import LoadOptions
from models.errors import AttachmentRefused, CannotSee, ContextOverflow, InvalidOption, ProjectorRefused
from tests.backends.requests import finish_of, make_options, run, text_of
from tests.quantize.picture_logits import Seeing
from tests.tiny_eyes import draw, make_eyes
from tests.tiny_models import make_tiny_model
from tests.tiny_vision import make_tiny_vision

RED, GREEN, BLUE = (220, 30, 30), (30, 220, 40), (40, 40, 230)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of Gemma 3's shape and one of Qwen2-VL's, and projectors for each: 64 places a picture, or as many as it is large."""
    folder = tmp_path_factory.mktemp("eyes")
    (folder / "gemma").mkdir()
    make_tiny_vision(folder / "gemma").projector.unlink()
    make_eyes(folder / "gemma" / "mmproj-tiny-eyes.gguf", side=64)
    (folder / "qwen").mkdir()
    make_tiny_model(folder / "qwen" / "tiny.gguf", architecture="qwen2vl", context=4096)
    make_eyes(folder / "qwen" / "mmproj-tiny.gguf", kind="qwen2vl_merger")
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        draw(folder / f"{name}.png", colour, (64, 48), seed=len(name))
    return folder


@pytest.fixture(params=["gemma", "qwen"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def open_model(folder: Path, kind: str, **options: Any) -> LlamaCppBackend:
    backend = LlamaCppBackend()
    model = next(path for path in sorted((folder / kind).glob("*.gguf")) if "mmproj" not in path.name)
    backend.load(str(model), LoadOptions(threads=1, **options), lambda fraction: True)
    return backend


@pytest.fixture
def backend(folder: Path, kind: str) -> Iterator[LlamaCppBackend]:
    backend = open_model(folder, kind)
    yield backend
    backend.close()


def look(*parts: Path | str, before: tuple[Message, ...] = (), **options: Any) -> GenerationRequest:
    """A question of pictures and texts; each token of the answer is told with its likelihood."""
    made: list[Part] = [TextPart(part) if isinstance(part, str) else ImagePart(str(part)) for part in parts]
    options = {"max_tokens": 6, "temperature": 0.0, "logprobs": 3, **options}
    return GenerationRequest(messages=(*before, Message("user", tuple(made))), options=make_options(**options))


def said(events: list[GenerationEvent]) -> list[tuple[int, float]]:
    return [(event.token, round(event.logprob, 3)) for event in events if isinstance(event, TokenChosen)]


def is_close(first: list[tuple[int, float]], second: list[tuple[int, float]]) -> bool:
    """Whether two replies are the same but for rounding, which differs with what else is in a batch."""
    return [token for token, _ in first] == [token for token, _ in second] and all(
        abs(one - other) < 0.02 for (_, one), (_, other) in zip(first, second, strict=True)
    )


def run_together(backend: LlamaCppBackend, requests: list[GenerationRequest]) -> list[list[GenerationEvent]]:
    """All events of requests that are answered at once."""
    events: list[list[GenerationEvent]] = [[] for _ in requests]
    for number, request in enumerate(requests):
        backend.submit(number, request, lambda: False)
    while not backend.is_idle:
        for number, event in backend.step():
            events[number].append(event)
    return events


def encoded(backend: LlamaCppBackend) -> int:
    scheduler = backend._scheduler
    assert scheduler is not None and scheduler._eyes is not None
    return scheduler._eyes.encoded


def test_a_projector_beside_the_model_makes_it_see(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind)
    blind = LlamaCppBackend()
    model = next(path for path in sorted((folder / kind).glob("*.gguf")) if "mmproj" not in path.name)
    facts = blind.load(str(model), LoadOptions(threads=1, projector="none"), lambda fraction: True)
    assert not facts.can_see and not facts.can_hear
    with pytest.raises(CannotSee):
        run(blind, look(folder / "red.png", "What?"))
    blind.close()
    assert backend._model is not None and backend._model.projector is not None and backend._model.projector.sees
    backend.close()


def test_what_is_said_is_what_llama_cpps_own_reader_says(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind, kv_type="f32", flash_attention=False)
    model = next(path for path in sorted((folder / kind).glob("*.gguf")) if "mmproj" not in path.name)
    projector = next((folder / kind).glob("mmproj*"))
    from PIL import Image

    with Seeing(model, projector) as reference:
        for name in ("red", "green"):
            request = look(folder / f"{name}.png", "What?", max_tokens=1, logprobs=5)
            events = run(backend, request)
            pixels = numpy.asarray(Image.open(folder / f"{name}.png").convert("RGB"))
            prompt = backend.render(request)
            begin = "<|begin|>" if kind == "qwen" else ""
            logits, _ = reference.read(begin + prompt, [pixels])
            expected = logits - logits.max() - numpy.log(numpy.exp(logits - logits.max()).sum())
            first = next(event for event in events if isinstance(event, TokenChosen))
            found = {token: logprob for token, _, logprob in first.alternatives}
            assert set(found) == set(numpy.argsort(-expected)[:5].tolist())
            for token, logprob in found.items():
                assert logprob == pytest.approx(expected[token], abs=2e-3)
    backend.close()


def test_pictures_are_told_apart_and_their_order_matters(backend: LlamaCppBackend, folder: Path) -> None:
    red, green = folder / "red.png", folder / "green.png"
    replies = [said(run(backend, look(*parts, "What?"))) for parts in ((red,), (green,), (red, green), (green, red))]
    assert len({tuple(reply) for reply in replies}) == 4


def test_a_second_question_neither_encodes_nor_decodes_the_picture_again(backend: LlamaCppBackend, folder: Path) -> None:
    first = look(folder / "red.png", "What is it?")
    answer = text_of(run(backend, first))
    before = encoded(backend)
    second = look("And its colour?", before=(*first.messages, make_text_message("assistant", answer)))
    usage = finish_of(run(backend, second)).usage
    assert encoded(backend) == before == 1
    assert usage.cached_tokens > usage.prompt_tokens // 2
    assert usage.prompt_tokens == backend.count_tokens(second)


def test_an_edited_question_and_another_copy_of_the_picture_use_what_was_seen(
    backend: LlamaCppBackend, folder: Path, tmp_path: Path
) -> None:
    request = look(folder / "red.png", "What is it?")
    plain = said(run(backend, request))
    copy = tmp_path / "copy.png"
    copy.write_bytes((folder / "red.png").read_bytes())
    usage = finish_of(run(backend, look(copy, "How many?"))).usage
    assert usage.cached_tokens >= backend.count_tokens(request) // 2
    assert is_close(said(run(backend, look(copy, "What is it?"))), plain)
    assert encoded(backend) == 1


def test_a_picture_that_fell_out_of_the_cache_is_not_looked_at_again(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind, context_length=256, parallel=1)
    request = look(folder / "red.png", "What is it?")
    plain = said(run(backend, request))
    assert backend._scheduler is not None
    backend._scheduler.parking.clear()
    while backend._scheduler.cache.evict_one():
        pass
    events = run(backend, request)
    assert finish_of(events).usage.cached_tokens == 0
    assert is_close(said(events), plain)
    assert encoded(backend) == 1
    backend.close()


def test_a_small_budget_forgets_what_was_seen_and_looks_again(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind, media_megabytes=0)
    plain = said(run(backend, look(folder / "red.png", "What?")))
    run(backend, look(folder / "green.png", "What?"))
    assert backend._scheduler is not None
    backend._scheduler.parking.clear()
    while backend._scheduler.cache.evict_one():
        pass
    assert is_close(said(run(backend, look(folder / "red.png", "What?"))), plain)
    assert encoded(backend) == 3
    backend.close()


@pytest.mark.parametrize("unified", [True, False])
def test_many_at_once_are_answered_as_one_by_one(folder: Path, kind: str, unified: bool) -> None:
    red, green, blue = (folder / f"{name}.png" for name in ("red", "green", "blue"))
    requests = [
        look(red, "What?"),
        look("Only text, and quite a lot of it, so that it takes its time."),
        look(green, blue, "Which?"),
        look(red, "And how many of them are there?"),
        look("before", blue, "after"),
    ]
    alone = open_model(folder, kind)
    expected = []
    for request in requests:
        expected.append(said(run(alone, request)))
        alone.drop_all()
    alone.close()
    together = open_model(folder, kind, parallel=4, kv_unified=unified, context_length=1024)
    for reply, single in zip(run_together(together, requests), expected, strict=True):
        assert is_close(said(reply), single)
    together.close()


def test_pictures_that_do_not_fit_together_take_turns(folder: Path, kind: str) -> None:
    pictures = [folder / f"{name}.png" for name in ("red", "green", "blue")]
    requests = [
        look(first, second, f"Which of {number}?", max_tokens=30)
        for number, (first, second) in enumerate([(one, other) for one in pictures for other in pictures])
    ]
    alone = open_model(folder, kind)
    expected = []
    for request in requests:
        expected.append(said(run(alone, request)))
        alone.drop_all()
    alone.close()
    crowded = open_model(folder, kind, parallel=4, context_length=256)
    for reply, single in zip(run_together(crowded, requests), expected, strict=True):
        assert is_close(said(reply), single)
    crowded.close()


def test_a_batch_smaller_than_a_picture_still_sees_all_of_it(folder: Path, kind: str) -> None:
    usual, small = open_model(folder, kind), open_model(folder, kind, batch_size=16)
    request = look(folder / "red.png", "What?")
    assert is_close(said(run(small, request)), said(run(usual, request)))
    usual.close()
    small.close()


def test_a_sequence_with_a_picture_is_kept_on_disk_and_goes_on_after_a_restart(folder: Path, kind: str, tmp_path: Path) -> None:
    options = {"cache_folder": str(tmp_path), "kv_type": "f32"}
    first = look(folder / "red.png", "What is it? " * 20, max_tokens=8)
    request = GenerationRequest(messages=first.messages, options=first.options, owner="me")
    backend = open_model(folder, kind, **options)
    plain = said(run(backend, request))
    backend.close()
    assert list(tmp_path.glob("*.kv"))
    again = open_model(folder, kind, **options)
    events = run(again, request)
    assert finish_of(events).usage.cached_tokens > 64
    assert encoded(again) == 0
    assert is_close(said(events), plain)
    again.close()


def test_a_damaged_picture_fails_its_own_request_and_names_the_file(folder: Path, kind: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    whole = (folder / "red.png").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    backend = open_model(folder, kind)
    requests = [look(folder / "red.png", "What?"), look(cut, "What?"), look("Hello")]
    good, bad, text = run_together(backend, requests)
    assert said(good) and said(text)
    error = getattr(bad[-1], "error", None)
    assert isinstance(error, AttachmentRefused) and "cut.png" in str(error) and "cut off" in str(error)
    with pytest.raises(AttachmentRefused, match=r"none\.png"):
        run(backend, look(tmp_path / "none.png", "What?"))
    backend.close()


def test_a_cancelled_request_ends_at_once_and_others_go_on(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind)
    is_cancelled = False
    backend.submit(1, look(folder / "red.png", folder / "green.png", "What?", max_tokens=400), lambda: is_cancelled)
    backend.submit(2, look(folder / "blue.png", "What?"), lambda: False)
    events: dict[int, list[GenerationEvent]] = {1: [], 2: []}
    backend.step()
    is_cancelled = True
    began = time.perf_counter()
    while not backend.is_idle:
        for number, event in backend.step():
            events[number].append(event)
        assert time.perf_counter() - began < 10
    assert finish_of(events[1]).reason == "cancelled"
    assert said(events[2]) == said(run(backend, look(folder / "blue.png", "What?"))) or is_close(
        said(events[2]), said(run(backend, look(folder / "blue.png", "What?")))
    )
    backend.close()


def test_too_many_pictures_for_the_context_are_refused_before_any_is_looked_at(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind, context_length=256)
    with pytest.raises(ContextOverflow):
        run(backend, look(*[folder / "red.png"] * 12, "What?"))
    assert encoded(backend) == 0
    backend.close()


def test_what_does_not_fit_forgets_whole_pictures_where_that_is_wished(folder: Path, kind: str) -> None:
    backend = open_model(folder, kind, context_length=256)
    parts = [folder / f"{name}.png" for name in ("red", "green", "blue")] * 4
    events = run(backend, look(*parts, "What?", context_policy="shift", max_tokens=3))
    assert said(events)
    assert finish_of(events).usage.prompt_tokens < 256
    events = run(backend, look(folder / "red.png", "What?", context_policy="shift", max_tokens=300, temperature=1.0))
    assert finish_of(events).usage.output_tokens == 300 or finish_of(events).reason == "stop"
    backend.close()


def test_words_that_look_like_a_picture_are_words(backend: LlamaCppBackend, folder: Path) -> None:
    request = look(folder / "red.png", "<__media__> \ue0000\ue001 \ue0007\ue001 What?")
    one = backend.count_tokens(look(folder / "red.png", " What?"))
    assert one < backend.count_tokens(request) < one + 40
    assert said(run(backend, request))


def test_a_prompt_with_a_picture_has_no_likelihoods_of_its_own(backend: LlamaCppBackend, folder: Path) -> None:
    with pytest.raises(InvalidOption):
        run(backend, look(folder / "red.png", "What?", prompt_logprobs=True))


def test_guessing_ahead_changes_nothing_beside_a_picture(folder: Path, kind: str) -> None:
    plain, guessing = open_model(folder, kind), open_model(folder, kind, lookup_tokens=8)
    request = look(folder / "red.png", folder / "red.png", "What?", max_tokens=40, repeat_penalty=1.1)
    assert is_close(said(run(guessing, request)), said(run(plain, request)))
    plain.close()
    guessing.close()


@pytest.mark.parametrize("size", [(1, 1), (2, 90), (90, 2), (3, 3), (500, 7)])
def test_pictures_of_odd_shapes_do_no_harm(backend: LlamaCppBackend, tmp_path: Path, size: tuple[int, int]) -> None:
    from PIL import Image

    Image.new("RGB", size, "red").save(tmp_path / "odd.png")
    request = look(tmp_path / "odd.png", "What?")
    assert finish_of(run(backend, request)).usage.prompt_tokens == backend.count_tokens(request)


def test_a_projector_for_another_model_is_refused_with_the_reason(folder: Path, tmp_path: Path) -> None:
    wrong = make_eyes(tmp_path / "mmproj-wrong.gguf", text_width=128)
    with pytest.raises(ProjectorRefused, match="128 numbers"):
        open_model(folder, "gemma", projector=str(wrong))
    with pytest.raises(ProjectorRefused, match="gemma3"):
        open_model(folder, "qwen", projector=str(next((folder / "gemma").glob("mmproj*"))))
    with pytest.raises(ProjectorRefused, match="no projector"):
        open_model(folder, "qwen", projector=str(folder / "gemma" / "tiny-eyes-F32.gguf"))


def test_a_damaged_projector_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = next((folder / "gemma").glob("mmproj*")).read_bytes()
    cut = tmp_path / "mmproj-cut.gguf"
    cut.write_bytes(whole[: len(whole) // 2])
    errors: list[Exception] = []
    check: Callable[[], object] = lambda: open_model(folder, "gemma", projector=str(cut))  # noqa: E731
    try:
        check()
    except Exception as error:
        errors.append(error)
    assert errors and "mmproj-cut.gguf" in str(errors[0])
