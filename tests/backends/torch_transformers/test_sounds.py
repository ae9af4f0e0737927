"""Sounds in the torch engine: places and features are transformers' own, heard once and used again, beside others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from backends.backend import GenerationRequest
from backends.events import GenerationEvent, TokenChosen
from backends.messages import AudioPart, ImagePart, Message, TextPart, make_text_message
from backends.options import LoadOptions
from backends.sounds import read_sound
from backends.torch_transformers.backend import TorchBackend
from models.errors import AttachmentRefused, CannotHear, CannotSee
from tests.backends.requests import finish_of, make_options, run, text_of
from tests.tiny_ears import SECONDS, make_hearing, make_speaking
from tests.tiny_eyes import draw, sing

MARK = "<__media__>"
KINDS = ("qwen2-audio", "voxtral", "qwen2.5-omni")


def load(folder: Path) -> TorchBackend:
    backend = TorchBackend()
    facts = backend.load(str(folder), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    assert facts.can_hear
    return backend


def listen(*parts: str | Path, before: tuple[Message, ...] = (), **options: Any) -> GenerationRequest:
    made = tuple(TextPart(part) if isinstance(part, str) else AudioPart(str(part)) for part in parts)
    options = {"max_tokens": 3, "temperature": 0.0, "logprobs": 5, **options}
    return GenerationRequest(messages=(*before, Message("user", made)), options=make_options(**options))


def said(events: list[GenerationEvent]) -> list[tuple[int, float]]:
    return [(event.token, round(event.logprob, 2)) for event in events if isinstance(event, TokenChosen)]


def prepare(kind: str, folder: Path, sound: Path) -> tuple[dict[str, Any], str]:
    """What transformers is given for a sound, and what stands in its prompt, by transformers' own processors."""
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(folder)
    samples = read_sound(sound, 16_000)
    if kind == "voxtral":
        heard = extractor(
            samples,
            sampling_rate=16_000,
            return_tensors="pt",
            padding=True,
            truncation=False,
            pad_to_multiple_of=SECONDS * 16_000,
        )
        windows = heard["input_features"].reshape(80, -1, 100 * SECONDS).transpose(0, 1)
        return {"input_features": windows}, "[BEGIN_AUDIO]" + "[AUDIO]" * (25 * SECONDS * len(windows))
    heard = extractor(samples, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True)
    length = int(heard["attention_mask"].sum())
    count = ((length - 1) // 2 + 1 - 2) // 2 + 1
    given = {"input_features": heard["input_features"], "feature_attention_mask": heard["attention_mask"]}
    return given, "<|audio_bos|>" + "<|AUDIO|>" * count + "<|audio_eos|>"


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("qwen2-audio", 1.3),
        ("qwen2-audio", SECONDS),
        ("qwen2.5-omni", 1.3),
        ("qwen2.5-omni", SECONDS),
        ("voxtral", 1.3),
        ("voxtral", SECONDS),
        ("voxtral", 2.25 * SECONDS),
    ],
)  # transformers cuts off what of a sound is longer than Qwen2-Audio's window
def test_the_next_word_after_a_sound_is_the_one_that_transformers_expects(kind: str, seconds: float, tmp_path: Path) -> None:
    model = make_hearing(kind, tmp_path / "checkpoint")
    song = sing(tmp_path / "song.wav", 500.0, seconds=seconds)
    given, places = prepare(kind, tmp_path / "checkpoint", song)
    backend = load(tmp_path / "checkpoint")
    request = listen("Hear: ", song, " what is it?")
    ids = backend.tokenize(backend.render(request).replace(MARK, places), add_special=False, parse_special=True)
    events = run(backend, request)
    assert finish_of(events).usage.prompt_tokens == len(ids) == backend.count_tokens(request)
    for event in [event for event in events if isinstance(event, TokenChosen)]:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), **given).logits[0, -1]
        expected = torch.log_softmax(logits.double(), dim=0).numpy()
        found = {token: logprob for token, _, logprob in event.alternatives}
        assert set(found) == set(numpy.argsort(-expected)[:5].tolist())
        assert all(logprob == pytest.approx(expected[token], abs=1e-3) for token, logprob in found.items())
        ids.append(event.token)
    backend.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_is_heard_once_and_read_from_the_cache_afterwards(kind: str, tmp_path: Path) -> None:
    make_hearing(kind, tmp_path / "checkpoint")
    backend = load(tmp_path / "checkpoint")
    song = sing(tmp_path / "song.flac", 300.0, seconds=2 * SECONDS + 0.5)
    first = listen(song, "What?")
    answer = text_of(run(backend, first))
    assert backend._eyes is not None and backend._eyes.encoded == 3
    again = listen("And now?", before=(*first.messages, make_text_message("assistant", answer)))
    warm = run(backend, again)
    assert finish_of(warm).usage.cached_tokens > 50 and backend._eyes.encoded == 3
    backend.drop_all()
    assert said(run(backend, again)) == said(warm)
    other = sing(tmp_path / "other.wav", 2000.0, seconds=2 * SECONDS + 0.5)
    assert said(run(backend, listen(other, "What?"))) != said(run(backend, first))
    backend.close()


def test_sounds_and_words_at_once_are_answered_as_one_by_one(tmp_path: Path) -> None:
    make_hearing("qwen2-audio", tmp_path / "checkpoint")
    backend = load(tmp_path / "checkpoint")
    low, high = sing(tmp_path / "low.wav", 200.0), sing(tmp_path / "high.mp3", 2500.0)
    requests = [listen(low, "What?"), listen("Only words."), listen(high, low, "Which?")]
    alone = []
    for request in requests:
        alone.append(said(run(backend, request)))
        backend.drop_all()
    together: list[list[GenerationEvent]] = [[] for _ in requests]
    for number, request in enumerate(requests):
        backend.submit(number, request, lambda: False)
    while not backend.is_idle:
        for number, event in backend.step():
            together[number].append(event)
    assert [[token for token, _ in said(events)] for events in together] == [[token for token, _ in reply] for reply in alone]
    backend.close()


def test_a_model_that_sees_hears_and_speaks_is_loaded_without_its_voice(tmp_path: Path) -> None:
    """Qwen2.5-Omni as it is published: the part that writes is one of three. What it makes of a picture is transformers' too."""
    from transformers import AutoImageProcessor

    folder, whole = tmp_path / "thinker", tmp_path / "whole"
    model = make_hearing("qwen2.5-omni", folder)
    make_speaking(folder, whole)
    images = {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "min_pixels": 784, "max_pixels": 28224}
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    for place in (folder, whole):
        (place / "preprocessor_config.json").write_text(json.dumps({**settings, **images}))
    picture, song = draw(tmp_path / "red.png", size=(64, 48)), sing(tmp_path / "song.wav", seconds=1.5)
    asked = (TextPart("a"), ImagePart(str(picture)), TextPart("b"), AudioPart(str(song)), TextPart("c"))
    answers = []
    for place in (folder, whole):
        backend = TorchBackend()
        facts = backend.load(str(place), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
        assert facts.can_see and facts.can_hear
        options = make_options(max_tokens=2, temperature=0.0, logprobs=5)
        request = GenerationRequest(messages=(Message("user", asked),), options=options)
        events = run(backend, request)
        answers.append(said(events))
        text = backend.render(request).replace(MARK, "<|vision_bos|>" + "<|IMAGE|>" * 4 + "<|vision_eos|>", 1)
        given, places = prepare("qwen2.5-omni", folder, song)
        ids = backend.tokenize(text.replace(MARK, places), add_special=False, parse_special=True)
        backend.close()
    assert answers[0] == answers[1]
    maker: Any = AutoImageProcessor
    seen = maker.from_pretrained(folder)(images=[Image.open(picture).convert("RGB")], return_tensors="pt")
    with torch.no_grad():
        row = torch.tensor([ids])
        logits = model(input_ids=row, attention_mask=torch.ones_like(row), **given, **seen).logits[0, -1]
    first = next(event for event in events if isinstance(event, TokenChosen))
    expected = torch.log_softmax(logits.double(), dim=0).numpy()
    assert all(logprob == pytest.approx(expected[token], abs=1e-3) for token, _, logprob in first.alternatives)


def test_a_model_whose_ears_cannot_be_opened_says_so(tmp_path: Path) -> None:
    make_hearing("qwen2.5-omni", tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "preprocessor_config.json").unlink()
    song = sing(tmp_path / "song.wav")
    backend = TorchBackend()
    facts = backend.load(str(tmp_path / "checkpoint"), LoadOptions(threads=1), lambda fraction: True)
    assert not facts.can_hear and not facts.can_see and "sees and hears in a way that is not known" in facts.notice
    with pytest.raises(CannotHear):
        run(backend, listen(song, "What?"))
    backend.close()


def test_damaged_sounds_and_pictures_are_refused(tmp_path: Path) -> None:
    make_hearing("qwen2-audio", tmp_path / "checkpoint")
    backend = load(tmp_path / "checkpoint")
    song = sing(tmp_path / "song.wav")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(song.read_bytes()[:500])
    with pytest.raises(AttachmentRefused, match=r"cut\.wav"):
        run(backend, listen(cut, "What?"))
    picture = Message("user", (ImagePart(str(draw(tmp_path / "red.png"))), TextPart("What?")))
    with pytest.raises(CannotSee):
        run(backend, GenerationRequest(messages=(picture,), options=make_options()))
    assert said(run(backend, listen(song, "What?")))
    backend.close()
