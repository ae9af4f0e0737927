"""MiniCPM-V: through libmtmd our two files compute what the parts of the checkpoint compute; what cannot be done is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from models.errors import UserFacingError
from models.gguf_header import read_header
from models.projectors import find_projector
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.convert import convert_here
from quantize.gguf.convert_projector import convert_projector, convert_projector_here
from quantize.quality import log_softmax
from tests.quantize import minicpmv
from tests.quantize.checkpoints import rewrite_config
from tests.quantize.picture_logits import MARK, Seeing


def make(version: str, folder: Path) -> minicpmv.MiniCPMV:
    """A random model; its two files are ``model.gguf`` and ``mmproj.gguf`` in the folder."""
    model = minicpmv.make_minicpmv(version, folder / "checkpoint")
    convert_here(str(folder / "checkpoint"), str(folder / "model.gguf"), "F32", 0, lambda fraction, words: None)
    convert_projector_here(str(folder / "checkpoint"), str(folder / "mmproj.gguf"), "F32", lambda fraction, words: None)
    return model


def draw_picture(high: int, wide: int, seed: int = 1) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(0, 256, (high, wide, 3)).astype(numpy.uint8)


def same(found: numpy.ndarray, expected: Any) -> bool:
    wanted = numpy.asarray(expected)
    return found.shape == wanted.shape and bool(numpy.abs(found - wanted).max() < 2e-3 * numpy.abs(wanted).max())


@pytest.mark.parametrize("version", minicpmv.VERSIONS)
def test_a_picture_its_slices_and_the_text_after_it_give_what_the_parts_of_the_checkpoint_give(
    version: str, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer

    model = make(version, tmp_path)
    picture, other, high = draw_picture(32, 32), draw_picture(32, 32, 2), draw_picture(48, 40)
    tokenizer = Tokenizer.from_file(str(tmp_path / "checkpoint" / "tokenizer.json"))
    before, after = tokenizer.encode("<bos>Look: <image>").ids, tokenizer.encode("</image>What colour? 什么颜色").ids
    with Seeing(tmp_path / "model.gguf", tmp_path / "mmproj.gguf") as seeing:
        whole, slices = seeing.embed(picture), seeing.embed(high)
        logits, position = seeing.read(f"<bos>Look: {MARK}What colour? 什么颜色", [picture])
        for _ in range(3):
            expected = log_softmax(model.read(before, picture, after)[None])
            assert numpy.abs(log_softmax(logits[None]) - expected).max() < 1e-2
            token = int(expected.argmax())
            after.append(token)
            logits, position = seeing.go_on(token, position), position + 1
        first, second = (seeing.read(f"<bos>Look: {MARK}", [one])[0] for one in (picture, other))
    assert numpy.abs(log_softmax(first[None]) - log_softmax(second[None])).max() > 0.05
    assert len(whole) == 1 and same(whole[0], model.look(picture))
    # an overview that is scaled, then the two halves as they are: 40 × 24 pixels lie in no square
    assert len(slices) == 3 and same(slices[1], model.look(high[:24])) and same(slices[2], model.look(high[24:]))
    assert not same(slices[2], model.look(high[:24]))


def test_every_tensor_is_in_one_of_the_two_files_and_they_are_found_as_a_pair(tmp_path: Path) -> None:
    make("2.6", tmp_path)
    model, projector = read_header(tmp_path / "model.gguf"), read_header(tmp_path / "mmproj.gguf")
    names = Checkpoint(tmp_path / "checkpoint").names()
    # queries, keys and values apart, twice; and a tensor that llama.cpp wants and does not use
    assert len(model.tensors) + len(projector.tensors) == len(names) + 2 * 2 + 1
    assert model.architecture == "qwen2" and projector.text("clip.projector_type") == "resampler"
    assert find_projector(tmp_path / "model.gguf", model) == tmp_path / "mmproj.gguf"
    made = convert_projector(tmp_path / "checkpoint", tmp_path / "mmproj-Q8_0.gguf", "Q8_0")
    with Seeing(tmp_path / "model.gguf", tmp_path / "mmproj.gguf") as exact, Seeing(tmp_path / "model.gguf", made) as small:
        one, two = exact.embed(draw_picture(32, 32))[0], small.embed(draw_picture(32, 32))[0]
    assert 0 < numpy.abs(one - two).max() < 0.05 * numpy.abs(one).max()


def test_a_layer_that_the_checkpoint_says_to_drop_is_dropped(tmp_path: Path) -> None:
    minicpmv.make_minicpmv("2.5", tmp_path / "m", drop_vision_last_layer=True)
    made = read_header(convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf", "F16"))
    assert made.whole("clip.vision.block_count") == 1
    assert not any(tensor.name.startswith("v.blk.1.") for tensor in made.tensors)


def test_versions_and_settings_that_llama_cpp_cannot_have_are_refused_by_name(tmp_path: Path) -> None:
    minicpmv.make_minicpmv("2.6", tmp_path / "m")
    eyes = Checkpoint(tmp_path / "m").config["vision_config"]
    for change, words in (
        ({"vision_config": {**eyes, "image_size": 224}}, "vision_config.image_size"),
        ({"vision_config": {**eyes, "layer_norm_eps": 1e-5}}, "layer_norm_eps"),
        ({"vision_config": eyes, "version": "3.0"}, "MiniCPM-V 3.0"),
        ({"version": None, "hidden_size": 2304}, "MiniCPM-V 2.0"),
        ({"version": "new"}, "MiniCPM-V new"),
    ):
        rewrite_config(tmp_path / "m", **change)
        with pytest.raises(UserFacingError, match=words):
            convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf")
    with pytest.raises(UserFacingError, match="MiniCPM-V new"):
        convert_here(str(tmp_path / "m"), str(tmp_path / "model.gguf"), "F32", 0, lambda fraction, words: None)
    assert not list(tmp_path.glob("*.gguf"))
