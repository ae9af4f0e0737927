"""Sounds in the llama.cpp engine, by a random projector of Qwen2-Audio's shape: heard once, and used again by content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.backend import GenerationRequest
from backends.events import GenerationEvent, TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.messages import AudioPart, ImagePart, Message, TextPart, make_text_message
from backends.options import LoadOptions
from models.errors import AttachmentRefused, CannotHear, CannotSee
from tests.backends.requests import finish_of, make_options, run, text_of
from tests.tiny_eyes import draw, make_ears, sing
from tests.tiny_models import make_tiny_model


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppBackend]:
    folder = tmp_path_factory.mktemp("ears")
    make_tiny_model(folder / "tiny.gguf", context=4096)
    make_ears(folder / "mmproj-tiny.gguf")
    backend = LlamaCppBackend()
    facts = backend.load(str(folder / "tiny.gguf"), LoadOptions(threads=1), lambda fraction: True)
    assert facts.can_hear and not facts.can_see
    yield backend
    backend.close()


def listen(path: Path, text: str = "What?", before: tuple[Message, ...] = ()) -> GenerationRequest:
    options = make_options(max_tokens=6, temperature=0.0, logprobs=3)
    return GenerationRequest(messages=(*before, Message("user", (AudioPart(str(path)), TextPart(text)))), options=options)


def said(events: list[GenerationEvent]) -> list[tuple[int, float]]:
    return [(event.token, round(event.logprob, 2)) for event in events if isinstance(event, TokenChosen)]


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_each_kind_of_file_is_heard(backend: LlamaCppBackend, tmp_path: Path, suffix: str) -> None:
    low = sing(tmp_path / f"low.{suffix}", 200.0, rate=44_100)
    high = sing(tmp_path / f"high.{suffix}", 2000.0, rate=44_100)
    heard = [run(backend, listen(path)) for path in (low, high)]
    assert said(heard[0]) != said(heard[1])
    assert finish_of(heard[0]).usage.prompt_tokens == backend.count_tokens(listen(low))


def test_a_sound_is_heard_once(backend: LlamaCppBackend, tmp_path: Path) -> None:
    assert backend._scheduler is not None and backend._scheduler._eyes is not None
    song = sing(tmp_path / "song.wav", 330.0, seconds=3)
    first = listen(song)
    answer = text_of(run(backend, first))
    before = backend._scheduler._eyes.encoded
    assert before > 0
    options = make_options(max_tokens=4, temperature=0.0)
    history = (*first.messages, make_text_message("assistant", answer), make_text_message("user", "And?"))
    usage = finish_of(run(backend, GenerationRequest(messages=history, options=options))).usage
    assert backend._scheduler._eyes.encoded == before
    assert usage.cached_tokens > usage.prompt_tokens // 2


def test_damaged_and_silent_files_are_refused_by_name(backend: LlamaCppBackend, tmp_path: Path) -> None:
    whole = sing(tmp_path / "whole.wav", seconds=2).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "none.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is no sound")
    sing(tmp_path / "short.wav", seconds=0.001)
    for name in ("none.wav", "text.wav", "short.wav", "missing.wav"):
        with pytest.raises(AttachmentRefused, match=name):
            run(backend, listen(tmp_path / name))


def test_a_model_with_ears_alone_does_not_see_and_one_without_does_not_hear(backend: LlamaCppBackend, tmp_path: Path) -> None:
    picture = draw(tmp_path / "red.png")
    with pytest.raises(CannotSee):
        run(backend, GenerationRequest(messages=(Message("user", (ImagePart(str(picture)),)),), options=make_options()))
    deaf = LlamaCppBackend()
    deaf.load(str(make_tiny_model(tmp_path / "deaf.gguf")), LoadOptions(threads=1), lambda fraction: True)
    with pytest.raises(CannotHear):
        run(deaf, listen(sing(tmp_path / "song.wav")))
    deaf.close()
