"""Every family whose projector Yanmo makes answers in the engine as it does in libmtmd's own reader, and reads a picture once."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from backends.backend import GenerationRequest
from backends.events import TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.messages import ImagePart, Message, TextPart, make_text_message
from backends.options import LoadOptions
from tests.backends.requests import finish_of, make_options, run
from tests.quantize.picture_logits import Seeing
from tests.quantize.vision_families import FAMILIES, make_family
from tests.tiny_eyes import draw

TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_a_family_sees_as_its_own_reader_does(kind: str, tmp_path: Path) -> None:
    from PIL import Image

    from quantize.gguf.convert import convert_here
    from quantize.gguf.convert_projector import convert_projector_here

    checkpoint = tmp_path / "checkpoint"
    make_family(kind, checkpoint)
    model, projector = tmp_path / "tiny-F32.gguf", tmp_path / "mmproj-tiny-F32.gguf"
    convert_here(str(checkpoint), str(model), "F32", 0, lambda fraction, text: None)
    convert_projector_here(str(checkpoint), str(projector), "F32", lambda fraction, text: None)
    pictures = [
        draw(tmp_path / f"{index}.png", colour, (90, 60), seed=index)
        for index, colour in enumerate(((240, 20, 20), (20, 20, 240)))
    ]
    backend = LlamaCppBackend()
    options = LoadOptions(threads=1, kv_type="f32", flash_attention=False, chat_template=TEMPLATE, context_length=1024)
    facts = backend.load(str(model), options, lambda fraction: True)
    assert facts.can_see
    asked = make_options(max_tokens=1, temperature=0.0, logprobs=5)
    with Seeing(model, projector, 1024) as reference:
        for picture in pictures:
            message = Message("user", (ImagePart(str(picture)), TextPart("What?")))
            request = GenerationRequest(messages=(message,), options=asked)
            events = run(backend, request)
            assert finish_of(events).usage.prompt_tokens == backend.count_tokens(request)
            pixels = numpy.asarray(Image.open(picture).convert("RGB"))
            assert backend._model is not None
            tokenizer = backend._model.tokenizer
            begin = tokenizer.text_of(tokenizer.begin) if tokenizer.adds_begin else ""
            logits, _ = reference.read(begin + backend.render(request), [pixels])
            expected = logits - logits.max() - numpy.log(numpy.exp(logits - logits.max()).sum())
            first = next(event for event in events if isinstance(event, TokenChosen))
            for token, _, logprob in first.alternatives:
                assert logprob == pytest.approx(expected[token], abs=5e-3)
            turns = (message, make_text_message("assistant", "Red."), make_text_message("user", "And?"))
            usage = finish_of(run(backend, GenerationRequest(messages=turns, options=asked))).usage
            assert usage.cached_tokens > usage.prompt_tokens // 3
    assert backend._scheduler is not None and backend._scheduler._eyes is not None
    per_picture = backend._scheduler._eyes.encoded / len(pictures)
    assert per_picture == int(per_picture) >= 1  # a family that cuts pictures into slices encodes each slice once
    backend.close()
