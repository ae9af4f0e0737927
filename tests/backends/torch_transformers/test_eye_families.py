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
from tests.backends.requests import finish_of, make_options, run, text_of
from tests.quantize.vision_families import make_family
from tests.tiny_eyes import draw

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
    "idefics 3": {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}},
    "smolvlm": {"size": {"longest_edge": 32}, "max_image_size": {"longest_edge": 32}},
    "qwen2-vl": {"patch_size": 8, "min_pixels": 256, "max_pixels": 4096},
    "qwen2.5-vl": {"patch_size": 14, "min_pixels": 784, "max_pixels": 28224},
    "internvl": {"size": {"height": 32, "width": 32}},
}  # fmt: skip
LAYOUTS = {
    "llava 1.5": "<image>" * 16,
    "llava 1.5, siglip": "<image>" * 16,
    "idefics 3": "".join(f"{FAKE}<row_{row}_col_1>{TILE}{FAKE}<row_{row}_col_2>{TILE}\n" for row in (1, 2))
    + f"\n{FAKE}<global-img>{TILE}{FAKE}",
    "smolvlm": f"{FAKE}<global-img>{TILE}{FAKE}",
    "qwen2-vl": "<|vision_start|>" + "<|image_pad|>" * 12 + "<|vision_end|>",
    "qwen2.5-vl": "<|vision_start|>" + "<|image_pad|>" * 4 + "<|vision_end|>",
    "internvl": "<img>" + "<IMG_CONTEXT>" * 52 + "</img>",
}
"""How each family's own processor writes out a picture of 64 × 48 pixels, by transformers' documentation."""


@pytest.mark.parametrize("kind", PROCESSORS)
def test_the_next_word_after_a_picture_is_the_one_that_transformers_expects(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    model = make_family(kind, folder)
    settings = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **PROCESSORS[kind]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    picture = draw(tmp_path / "red.png", (230, 20, 20), (64, 48), seed=1)
    backend = TorchBackend()
    facts = backend.load(str(folder), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    assert facts.can_see
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
        **{key: prepared[key] for key in ("pixel_values", "image_grid_thw") if key in prepared},
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


def test_a_shape_that_is_not_known_writes_without_eyes(tmp_path: Path) -> None:
    make_family("llava 1.6", tmp_path / "checkpoint")
    backend = TorchBackend()
    facts = backend.load(str(tmp_path / "checkpoint"), LoadOptions(threads=1, compute_type="f32"), lambda fraction: True)
    assert not facts.can_see
    backend.close()
