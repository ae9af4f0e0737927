"""Projectors: what llama.cpp computes of a picture with our files is what transformers computes from the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from models.errors import UserFacingError
from models.gguf_header import read_header
from quantize.gguf.convert_projector import convert_projector
from quantize.quality import log_softmax
from tests import tiny_vision
from tests.quantize.picture_logits import MARK, Seeing


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tiny_vision.TinyVision:
    return tiny_vision.make_tiny_vision(tmp_path_factory.mktemp("看"))


def random_picture(seed: int, height: int = tiny_vision.SIDE, width: int = tiny_vision.SIDE) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(numpy.uint8)


def as_pixels(picture: numpy.ndarray) -> Any:
    """As processors with mean and deviation 0.5 prepare a picture of the right size."""
    import torch

    return torch.from_numpy(picture.astype(numpy.float32) / 127.5 - 1).permute(2, 0, 1)[None]


def test_a_picture_with_text_gives_the_logits_of_transformers(tiny: tiny_vision.TinyVision) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import Gemma3ForConditionalGeneration

    model = Gemma3ForConditionalGeneration.from_pretrained(
        tiny.checkpoint, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = Tokenizer.from_file(str(tiny.checkpoint / "tokenizer.json"))
    picture = random_picture(1)
    before, after = "<bos><start_of_turn>user\nLook: ", "What colour? 什么颜色<end_of_turn>\n<start_of_turn>model\n"
    soft = "<start_of_image>" + "<image_soft_token>" * tiny_vision.PICTURE_TOKENS + "<end_of_image>"
    tokens = [number for part in (before, soft, after) for number in tokenizer.encode(part).ids]
    kinds = [int(number == model.config.image_token_id) for number in tokens]
    with torch.no_grad(), Seeing(tiny.model, tiny.projector) as seeing:
        logits, position = seeing.read(before + MARK + after, [picture])
        assert position == len(tokens)
        for _ in range(12):
            found = log_softmax(logits[None])[0]
            given = {"input_ids": torch.tensor([tokens]), "token_type_ids": torch.tensor([kinds])}
            expected = log_softmax(model(**given, pixel_values=as_pixels(picture)).logits[0, -1:].numpy())[0]
            assert numpy.abs(found - expected).max() < 2e-3
            token = int(expected.argmax())
            logits = seeing.go_on(token, position)
            tokens, kinds, position = [*tokens, token], [*kinds, 0], position + 1
        other = log_softmax(seeing.read(before + MARK + after, [random_picture(2)])[0][None])[0]
    first = log_softmax(seeing_again(tiny, before + MARK + after, picture)[None])[0]
    assert numpy.abs(first - other).max() > 0.1, "the picture decides nothing: the comparison would prove nothing"


def seeing_again(tiny: tiny_vision.TinyVision, text: str, picture: numpy.ndarray) -> numpy.ndarray:
    with Seeing(tiny.model, tiny.projector) as seeing:
        return seeing.read(text, [picture])[0]


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0"])
def test_smaller_projectors_see_nearly_the_same(kind: str, tiny: tiny_vision.TinyVision, tmp_path: Path) -> None:
    made = convert_projector(tiny.checkpoint, tmp_path / f"mmproj-{kind}.gguf", kind)
    with Seeing(tiny.model, tiny.projector) as seeing:
        exact = seeing.embed(random_picture(1))[0]
    with Seeing(tiny.model, made) as seeing:
        found = seeing.embed(random_picture(1))[0]
    assert exact.shape == found.shape == (tiny_vision.PICTURE_TOKENS, tiny_vision.WIDTH)
    assert numpy.abs(found - exact).max() < 0.05 * numpy.abs(exact).max()


def test_every_tensor_of_the_checkpoint_is_in_one_of_the_two_files(tiny: tiny_vision.TinyVision) -> None:
    from quantize.gguf.checkpoint import Checkpoint

    model, projector = read_header(tiny.model), read_header(tiny.projector)
    assert len(model.tensors) + len(projector.tensors) == len(Checkpoint(tiny.checkpoint).names())
    assert projector.text("general.type") == "mmproj" and projector.text("clip.projector_type") == "gemma3"
    assert projector.text("yanmo.source") == model.text("yanmo.source")


def test_a_checkpoint_without_eyes_or_with_unknown_ones_is_refused_by_name(tmp_path: Path) -> None:
    from resources import resource_folder

    with pytest.raises(UserFacingError, match="no part that sees"):
        convert_projector(resource_folder() / "starter" / "checkpoint", tmp_path / "mmproj.gguf")
    tiny_vision.write_checkpoint(tmp_path / "m", architectures=["UnknownForConditionalGeneration"])
    with pytest.raises(UserFacingError, match="UnknownForConditionalGeneration"):
        convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf")
    with pytest.raises(UserFacingError, match="Q4_K_M"):
        convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf", "Q4_K_M")
    assert not list(tmp_path.glob("*.gguf"))


def test_a_tower_that_llama_cpp_would_read_wrongly_is_refused(tmp_path: Path) -> None:
    config = tiny_vision.make_config(10)
    for change, words in (
        ({"intermediate_size": tiny_vision.EYE_WIDTH}, "wrong way round"),
        ({"hidden_act": "relu"}, "relu"),
        ({"image_size": 24}, "cannot be averaged"),
    ):
        tiny_vision.write_checkpoint(tmp_path / "m", vision_config={**config["vision_config"], **change})
        with pytest.raises(UserFacingError, match=words):
            convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf")
    (tmp_path / "m" / "preprocessor_config.json").unlink()
    with pytest.raises(UserFacingError, match="preprocessor_config"):
        convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf")


def test_a_tensor_that_nobody_knows_stops_the_conversion(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tiny_vision.write_checkpoint(tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    save_file({**load_file(path), "model.vision_tower.strange.weight": numpy.ones(4, numpy.float32)}, path)
    with pytest.raises(UserFacingError, match="strange"):
        convert_projector(tmp_path / "m", tmp_path / "mmproj.gguf")


_OLDER = (
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.language_model.", "language_model.model."),
)


def test_checkpoints_of_older_and_newer_transformers_give_the_same_files(tiny: tiny_vision.TinyVision, tmp_path: Path) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file
    from transformers import Gemma3ForConditionalGeneration

    from quantize.gguf.convert import convert_checkpoint

    for name in ("older", "newer"):
        shutil.copytree(tiny.checkpoint, tmp_path / name / "checkpoint")
    path = tmp_path / "older" / "checkpoint" / "model.safetensors"
    tensors = load_file(path)
    for new, old in _OLDER:
        tensors = {name.replace(new, old): values for name, values in tensors.items()}
    save_file(tensors, path)
    Gemma3ForConditionalGeneration.from_pretrained(tiny.checkpoint).save_pretrained(tmp_path / "newer" / "checkpoint")
    for name in ("older", "newer"):
        model = convert_checkpoint(tmp_path / name / "checkpoint", tmp_path / f"{name}.gguf", "F32")
        eyes = convert_projector(tmp_path / name / "checkpoint", tmp_path / f"mmproj-{name}.gguf", "F32")
        for made, known in ((model, tiny.model), (eyes, tiny.projector)):
            one, two = read_header(made), read_header(known)
            places = {tensor.name: tensor for tensor in two.tensors}
            assert {tensor.name for tensor in one.tensors} == set(places)
            for tensor in one.tensors:
                assert read_bytes(made, one, tensor) == read_bytes(known, two, places[tensor.name])


def read_bytes(path: Path, header: Any, tensor: Any) -> bytes:
    """A tensor of an F32 file."""
    data = path.read_bytes()
    start = header.data_offset + tensor.offset
    return data[start : start + 4 * tensor.element_count]
