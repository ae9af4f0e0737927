"""Pictures in the torch engine: what transformers itself says of them, seen once and used again, one by one or many at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from backends.backend import GenerationRequest
from backends.events import GenerationEvent, TokenChosen
from backends.messages import AudioPart, ImagePart, Message, Part, TextPart, make_text_message
from backends.options import LoadOptions
from backends.torch_transformers.backend import TorchBackend
from models.errors import AttachmentRefused, CannotHear, InvalidOption
from tests.backends.requests import finish_of, make_options, run, text_of
from tests.tiny_eyes import draw, sing
from tests.tiny_vision import TEMPLATE, make_tiny_vision


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch-eyes")
    make_tiny_vision(folder)
    for index, (name, colour) in enumerate({"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}.items()):
        draw(folder / f"{name}.png", colour, (48, 48), seed=index)
    return folder


@pytest.fixture
def backend(folder: Path) -> Iterator[TorchBackend]:
    backend = TorchBackend()
    facts = backend.load(str(folder / "checkpoint"), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    assert facts.can_see and not facts.can_hear
    yield backend
    backend.close()


def look(*parts: Path | str, before: tuple[Message, ...] = (), **options: Any) -> GenerationRequest:
    made: list[Part] = [TextPart(part) if isinstance(part, str) else ImagePart(str(part)) for part in parts]
    options = {"max_tokens": 6, "temperature": 0.0, "logprobs": 5, **options}
    return GenerationRequest(messages=(*before, Message("user", tuple(made))), options=make_options(**options))


def said(events: list[GenerationEvent]) -> list[tuple[int, float]]:
    return [(event.token, round(event.logprob, 3)) for event in events if isinstance(event, TokenChosen)]


def is_close(first: list[tuple[int, float]], second: list[tuple[int, float]]) -> bool:
    return [token for token, _ in first] == [token for token, _ in second] and all(
        abs(one - other) < 0.01 for (_, one), (_, other) in zip(first, second, strict=True)
    )


def test_what_is_said_is_what_transformers_says(backend: TorchBackend, folder: Path) -> None:
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(folder / "checkpoint")
    kind: Any = AutoModelForImageTextToText
    model = kind.from_pretrained(folder / "checkpoint", dtype=torch.float32).eval()
    for names in (("red",), ("green",), ("blue", "red")):
        pictures = [Image.open(folder / f"{name}.png").convert("RGB") for name in names]
        content = [*({"type": "image"} for _ in names), {"type": "text", "text": "What is it?"}]
        asked = [{"role": "user", "content": content}]
        prompt = processor.apply_chat_template(asked, add_generation_prompt=True, chat_template=TEMPLATE)
        given = processor(images=pictures, text=prompt, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            logits = model(**given).logits[0, -1].numpy()
        expected = logits - logits.max() - numpy.log(numpy.exp(logits - logits.max()).sum())
        events = run(backend, look(*(folder / f"{name}.png" for name in names), "What is it?", max_tokens=1))
        assert finish_of(events).usage.prompt_tokens == given["input_ids"].shape[1]
        first = next(event for event in events if isinstance(event, TokenChosen))
        found = {token: logprob for token, _, logprob in first.alternatives}
        assert set(found) == set(numpy.argsort(-expected)[:5].tolist())
        for token, logprob in found.items():
            assert logprob == pytest.approx(expected[token], abs=1e-3)


def test_a_picture_is_seen_once_and_read_from_the_cache_afterwards(backend: TorchBackend, folder: Path) -> None:
    first = look(folder / "red.png", "What is it?")
    answer = text_of(run(backend, first))
    assert backend._eyes is not None and backend._eyes.encoded == 1
    second = look("And its colour?", before=(*first.messages, make_text_message("assistant", answer)))
    usage = finish_of(run(backend, second)).usage
    assert backend._eyes.encoded == 1
    assert usage.cached_tokens > 10 and usage.prompt_tokens == backend.count_tokens(second)
    while backend._scheduler is not None and backend._scheduler.cache.evict_one():
        pass
    assert finish_of(run(backend, first)).usage.cached_tokens == 0
    assert backend._eyes.encoded == 1


def test_many_at_once_are_answered_as_one_by_one(backend: TorchBackend, folder: Path) -> None:
    red, green, blue = (folder / f"{name}.png" for name in ("red", "green", "blue"))
    requests = [look(red, "What?"), look("Only words."), look(green, blue, "Which?"), look("a", blue, "b")]
    alone = []
    for request in requests:
        alone.append(said(run(backend, request)))
        backend.drop_all()
    assert len({tuple(reply) for reply in alone}) == 4
    events: list[list[GenerationEvent]] = [[] for _ in requests]
    for number, request in enumerate(requests):
        backend.submit(number, request, lambda: False)
    while not backend.is_idle:
        for number, event in backend.step():
            events[number].append(event)
    assert all(is_close(said(together), single) for together, single in zip(events, alone, strict=True))


def test_damaged_pictures_sounds_and_likelihoods_of_the_prompt_are_refused(
    backend: TorchBackend, folder: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes((folder / "red.png").read_bytes()[:300])
    with pytest.raises(AttachmentRefused, match=r"cut\.png"):
        run(backend, look(cut, "What?"))
    with pytest.raises(InvalidOption):
        run(backend, look(folder / "red.png", "What?", prompt_logprobs=True))
    song = Message("user", (AudioPart(str(sing(tmp_path / "song.wav"))),))
    with pytest.raises(CannotHear):
        run(backend, GenerationRequest(messages=(song,), options=make_options()))
    assert said(run(backend, look(folder / "red.png", "What?")))
