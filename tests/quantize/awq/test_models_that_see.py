"""Models that see in four bits: their text model is quantized, what they see with stays as it is, and they still see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from backends.backend import GenerationRequest
from backends.events import TokenChosen
from backends.messages import AudioPart, ImagePart, Message, TextPart
from backends.options import LoadOptions
from backends.torch_transformers.backend import TorchBackend
from backends.torch_transformers.loading import is_of_eyes
from quantize.awq.recipe import AwqRecipe
from quantize.awq.run import quantize_here
from quantize.awq.size_prediction import predict_bytes
from quantize.calibration import builtin_text
from quantize.folder_card import folder_size
from tests.backends.requests import make_options, run
from tests.backends.torch_transformers.test_eye_families import write_settings
from tests.quantize.vision_families import make_family
from tests.tiny_ears import make_hearing, make_speaking
from tests.tiny_eyes import draw, sing


@pytest.mark.parametrize(
    ("kind", "layout"),
    [("llava 1.5", "autoawq"), ("llava 1.6", "compressed-tensors"), ("qwen2-vl", "compressed-tensors"), ("qwen3-vl", "autoawq")],
)
def test_a_model_that_sees_keeps_its_eyes(kind: str, layout: str, tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    make_family(kind, source)
    write_settings(kind, source)
    recipe = AwqRecipe(group_size=32, windows=1, rounding="nearest", layout=layout)
    quantize_here(str(source), str(made), recipe.to_json(), builtin_text(), 1, lambda fraction, words: None)
    before, after = load_file(source / "model.safetensors"), load_file(made / "model.safetensors")
    eyes = [name for name in before if is_of_eyes(name)]
    assert eyes and all(torch.equal(before[name], after[name]) for name in eyes)
    packed = [name for name in after if name.endswith((".qweight", ".weight_packed"))]
    assert len(packed) == (3 if kind == "qwen3-vl" else 2) * 7 and not any(map(is_of_eyes, packed))
    described = json.loads((made / "config.json").read_text())["quantization_config"]
    spared = described.get("modules_to_not_convert") or described["ignore"]
    assert any(is_of_eyes(name) for name in spared)
    assert predict_bytes(source, recipe) == pytest.approx(folder_size(made), rel=0.05)
    draw(tmp_path / "red.png", (230, 20, 20), (64, 48), seed=1)
    said = []
    for folder in (source, made):
        backend = TorchBackend()
        assert backend.load(str(folder), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True).can_see
        asked = Message("user", (ImagePart(str(tmp_path / "red.png")), TextPart("What?")))
        events = run(
            backend, GenerationRequest(messages=(asked,), options=make_options(max_tokens=1, temperature=0.0, logprobs=40))
        )
        said.append({token: value for token, _, value in next(e for e in events if isinstance(e, TokenChosen)).alternatives})
        backend.close()
    common = set(said[0]) & set(said[1])
    assert len(common) > 10 and said[0] != said[1]


@pytest.mark.parametrize("kind", ["qwen2-audio", "qwen2.5-omni"])
def test_a_model_that_hears_keeps_its_ears_and_its_voice(kind: str, tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    make_hearing(kind, source)
    if kind == "qwen2.5-omni":
        source = make_speaking(source, tmp_path / "whole")
    recipe = AwqRecipe(group_size=32, windows=1, rounding="nearest")
    quantize_here(str(source), str(made), recipe.to_json(), builtin_text(), 1, lambda fraction, words: None)
    before, after = load_file(source / "model.safetensors"), load_file(made / "model.safetensors")
    ears = [name for name in before if is_of_eyes(name) or name.startswith("talker")]
    spared = json.loads((made / "config.json").read_text())["quantization_config"]["modules_to_not_convert"]
    assert all(any(part in name for part in spared) for name in ears)
    assert any("audio_tower" in name for name in ears) and all(torch.equal(before[name], after[name]) for name in ears)
    assert sum(name.endswith(".qweight") for name in after) == 2 * 7
    song = sing(tmp_path / "song.wav")
    backend = TorchBackend()
    assert backend.load(str(made), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True).can_hear
    asked = Message("user", (AudioPart(str(song)), TextPart("What?")))
    assert run(backend, GenerationRequest(messages=(asked,), options=make_options(max_tokens=2)))
    backend.close()
