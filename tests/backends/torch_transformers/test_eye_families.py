"""Families of models that see, on torch: places, positions and features are those of transformers, so the next word is too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from backends.backend import GenerationRequest
from backends.events import TokenChosen
from backends.messages import ImagePart, Message, TextPart, make_text_message
from backends.options import LoadOptions
from backends.torch_transformers.backend import TorchBackend
from backends.torch_transformers.eye_families import SHAPES
from models.errors import CannotCompute
from tests.backends.requests import finish_of, make_options, run, text_of
from tests.quantize.vision_families import MARKS, make_config, make_family
from tests.tiny_eyes import draw
from tests.tiny_vision import write_tokenizer

TEMPLATE = (
    "{{ bos_token }}{%- for message in messages -%}{{ message['role'] }}: "
    "{%- if message['content'] is string -%}{{ message['content'] }}"
    "{%- else -%}{%- for part in message['content'] if part['type'] == 'text' -%}{{ part['text'] }}{%- endfor -%}{%- endif -%}"
    "{{ '\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}"
)
MARK = "<__media__>"
FAKE = "<fake_token_around_image>"
TILE = "<image>" * 4
PROCESSORS: dict[str, dict[str, Any]] = {
    "llava 1.5": {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
    "llava 1.5, siglip": {
        "image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32},
    },
    "llava 1.6": {
        "image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32},
        "image_grid_pinpoints": [[32, 64], [64, 32], [64, 64]],
    },
    "idefics 3": {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}},
    "smolvlm": {"size": {"longest_edge": 32}, "max_image_size": {"longest_edge": 32}},
    "qwen2-vl": {"patch_size": 8, "min_pixels": 256, "max_pixels": 4096},
    "qwen2.5-vl": {"patch_size": 14, "min_pixels": 784, "max_pixels": 28224},
    "qwen3-vl": {
        "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 8, "size": {"shortest_edge": 256, "longest_edge": 4096},
    },
    "internvl": {"size": {"height": 32, "width": 32}},
}  # fmt: skip
LAYOUTS = {
    "llava 1.5": "<image>" * 16,
    "llava 1.5, siglip": "<image>" * 16,
    "llava 1.6": "<image>" * (16 + 6 * (8 + 1)),
    "idefics 3": "".join(f"{FAKE}<row_{row}_col_1>{TILE}{FAKE}<row_{row}_col_2>{TILE}\n" for row in (1, 2))
    + f"\n{FAKE}<global-img>{TILE}{FAKE}",
    "smolvlm": f"{FAKE}<global-img>{TILE}{FAKE}",
    "qwen2-vl": "<|vision_start|>" + "<|image_pad|>" * 12 + "<|vision_end|>",
    "qwen2.5-vl": "<|vision_start|>" + "<|image_pad|>" * 4 + "<|vision_end|>",
    "qwen3-vl": "<|vision_start|>" + "<|image_pad|>" * 12 + "<|vision_end|>",
    "internvl": "<img>" + "<IMG_CONTEXT>" * 52 + "</img>",
}
"""How each family's own processor writes out a picture of 64 × 48 pixels, by transformers' documentation."""


@pytest.mark.parametrize("kind", PROCESSORS)
def test_the_next_word_after_a_picture_is_the_one_that_transformers_expects(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    compare(kind, make_family(kind, folder), folder, tmp_path)


def test_a_mixture_of_experts_sees_as_well(tmp_path: Path) -> None:
    import transformers

    folder = tmp_path / "checkpoint"
    folder.mkdir()
    values = make_config("qwen3-vl", write_tokenizer(folder, MARKS)).to_dict()
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "decoder_sparse_step": 1}
    values["text_config"] |= {"model_type": "qwen3_vl_moe_text", **experts}
    values["vision_config"]["model_type"] = "qwen3_vl_moe_vision"
    del values["model_type"]
    torch.manual_seed(3)
    model = transformers.Qwen3VLMoeForConditionalGeneration(transformers.Qwen3VLMoeConfig(**values)).eval().float()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    model.save_pretrained(folder)
    compare("qwen3-vl", model, folder, tmp_path)


@pytest.mark.parametrize("kind", ["llava 1.6", "qwen3-vl"])
def test_pictures_and_words_at_once_are_answered_as_one_by_one(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    make_family(kind, folder)
    write_settings(kind, folder)
    backend = TorchBackend()
    backend.load(str(folder), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    tall, wide = draw(tmp_path / "tall.png", size=(40, 64), seed=2), draw(tmp_path / "wide.png", (9, 9, 230), (64, 48), seed=3)
    contents: list[tuple[Any, ...]] = [
        (ImagePart(str(tall)), TextPart("What?")), (TextPart("Only words."),),
        (TextPart("a"), ImagePart(str(wide)), ImagePart(str(tall)), TextPart("b")),
    ]  # fmt: skip
    options = make_options(max_tokens=5, temperature=0.0, logprobs=1)
    requests = [GenerationRequest(messages=(Message("user", parts),), options=options) for parts in contents]
    alone = []
    for request in requests:
        alone.append([event.token for event in run(backend, request) if isinstance(event, TokenChosen)])
        backend.drop_all()
    together: list[list[int]] = [[] for _ in requests]
    for number, request in enumerate(requests):
        backend.submit(number, request, lambda: False)
    while not backend.is_idle:
        for number, event in backend.step():
            if isinstance(event, TokenChosen):
                together[number].append(event.token)
    assert together == alone
    backend.close()


def write_settings(kind: str, folder: Path) -> None:
    """What the family's image processor is told, and a plain template."""
    settings = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **PROCESSORS[kind]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def compare(kind: str, model: Any, folder: Path, tmp_path: Path) -> None:
    """Hold the next words after a picture against transformers', and a second turn from the cache against one without."""
    write_settings(kind, folder)
    picture = draw(tmp_path / "red.png", (230, 20, 20), (64, 48), seed=1)
    backend = TorchBackend()
    facts = backend.load(str(folder), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    assert facts.can_see and not facts.notice
    asked = Message("user", (TextPart("Look: "), ImagePart(str(picture)), TextPart(" what is it?")))
    options = make_options(max_tokens=3, temperature=0.0, logprobs=5)
    request = GenerationRequest(messages=(asked,), options=options)
    text = backend.render(request)
    assert text.count(MARK) == 1
    text = text.replace(MARK, LAYOUTS[kind])
    ids = backend.tokenize(text, add_special=False, parse_special=True)
    events = run(backend, request)
    chosen = [event for event in events if isinstance(event, TokenChosen)]
    assert finish_of(events).usage.prompt_tokens == len(ids)
    for number, event in enumerate(chosen):
        expected = next_logprobs(kind, model, folder, [*ids, *(one.token for one in chosen[:number])], picture)
        found = {token: logprob for token, _, logprob in event.alternatives}
        assert set(found) == set(numpy.argsort(-expected)[:5].tolist())
        assert all(logprob == pytest.approx(expected[token], abs=1e-3) for token, logprob in found.items())
    # a second turn goes on from the cache, behind a picture whose places may be more than its positions
    answer = make_text_message("assistant", text_of(events))
    again = GenerationRequest(messages=(asked, answer, make_text_message("user", "And?")), options=options)
    warm = [event.token for event in run(backend, again) if isinstance(event, TokenChosen)]
    assert finish_of(run(backend, again)).usage.cached_tokens > 4
    backend.drop_all()
    assert [event.token for event in run(backend, again) if isinstance(event, TokenChosen)] == warm
    backend.close()


def next_logprobs(kind: str, model: Any, folder: Path, ids: list[int], picture: Path) -> numpy.ndarray:
    """What transformers expects next, all of it computed by transformers."""
    from transformers import AutoImageProcessor

    maker: Any = AutoImageProcessor
    more = {"crop_to_patches": True} if kind == "internvl" else {}
    prepared = maker.from_pretrained(folder)(images=[Image.open(picture).convert("RGB")], return_tensors="pt", **more)
    given = {
        "input_ids": torch.tensor([ids]),
        **{key: prepared[key] for key in ("pixel_values", "image_grid_thw", "image_sizes") if key in prepared},
    }
    if "image_grid_thw" in prepared:
        given["mm_token_type_ids"] = (given["input_ids"] == model.config.image_token_id).int()
        model.model.rope_deltas = None
    if "pixel_attention_mask" in prepared:
        given["pixel_attention_mask"] = prepared["pixel_attention_mask"]
    with torch.no_grad():
        logits = model(**given).logits[0, -1].numpy().astype(numpy.float64)
    shifted = logits - logits.max()
    found: numpy.ndarray = shifted - numpy.log(numpy.exp(shifted).sum())
    return found


def test_a_shape_that_is_not_known_writes_without_eyes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(SHAPES, "llava_next")
    make_family("llava 1.6", tmp_path / "checkpoint")
    write_settings("llava 1.6", tmp_path / "checkpoint")
    backend = TorchBackend()
    facts = backend.load(str(tmp_path / "checkpoint"), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    assert not facts.can_see and "cannot be shown pictures" in facts.notice
    backend.close()


def test_a_model_that_sees_but_remembers_by_a_state_is_refused_with_the_reason(tmp_path: Path) -> None:
    make_family("minicpm-v 4.6", tmp_path / "checkpoint")
    with pytest.raises(CannotCompute, match=r"minicpmv4_6.*by a state.*GGUF"):
        TorchBackend().load(str(tmp_path / "checkpoint"), LoadOptions(threads=1), lambda fraction: True)
