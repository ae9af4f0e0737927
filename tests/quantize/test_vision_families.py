"""Every family of models that see: with our two files llama.cpp computes of a picture what transformers computes from the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from models.errors import UserFacingError
from models.gguf_header import read_header
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.convert import convert_here
from quantize.gguf.convert_projector import convert_projector, convert_projector_here
from quantize.quality import log_softmax
from tests.quantize import vision_families as families
from tests.quantize.picture_logits import MARK, Seeing


def quietly(fraction: float, words: str) -> None:
    """No progress."""


def make(kind: str, folder: Path) -> Any:
    """The random model of a family; its two files are ``model.gguf`` and ``mmproj.gguf`` in the folder."""
    model = families.make_family(kind, folder / "checkpoint")
    for convert, name, more in ((convert_here, "model.gguf", (0,)), (convert_projector_here, "mmproj.gguf", ())):
        convert(str(folder / "checkpoint"), str(folder / name), "F32", *more, quietly)  # type: ignore[operator]
    return model


def draw_picture(kind: str, seed: int = 1) -> numpy.ndarray:
    side = families.FAMILIES[kind].side
    return numpy.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(numpy.uint8)


@pytest.mark.parametrize("kind", families.FAMILIES)
def test_the_projector_sees_what_transformers_sees(kind: str, tmp_path: Path) -> None:
    model = make(kind, tmp_path)
    picture = draw_picture(kind)
    expected = families.look(kind, model, picture)
    with Seeing(tmp_path / "model.gguf", tmp_path / "mmproj.gguf", 1024) as seeing:
        found = seeing.embed(picture)
    assert len(found) == (2 if kind in ("idefics 3", "smolvlm") else 1)  # these two see an overview beside the tiles
    for tokens in found:
        if kind in ("llava 1.5", "llava 1.6"):  # llama.cpp leaves out the first patch of a CLIP tower
            tokens, wanted = tokens[:-1], expected[1:]
        else:
            wanted = expected
        assert tokens.shape == wanted.shape
        assert numpy.abs(tokens - wanted).max() < 2e-3 * numpy.abs(wanted).max()


@pytest.mark.parametrize(
    "kind", ["llava 1.5, siglip", "qwen2-vl", "qwen2.5-vl", "qwen3-vl", "qwen3.5", "internvl", "minicpm-v 4.6"]
)
def test_a_picture_with_text_gives_the_logits_of_transformers(kind: str, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    model = make(kind, tmp_path)
    picture = draw_picture(kind)
    tokenizer = Tokenizer.from_file(str(tmp_path / "checkpoint" / "tokenizer.json"))
    before, after = "<bos>Look: ", "What colour? 什么颜色"
    begin, end = families.FAMILIES[kind].marks
    count = len(families.look(kind, model, picture))
    image = getattr(model.config, "image_token_id", None) or model.config.image_token_index
    ids = [*tokenizer.encode(before + begin).ids, *[image] * count, *tokenizer.encode(end + after).ids]
    with Seeing(tmp_path / "model.gguf", tmp_path / "mmproj.gguf", 1024) as seeing:
        logits, position = seeing.read(before + MARK + after, [picture])
        for _ in range(4):
            expected = log_softmax(families.read_logits(kind, model, ids, picture)[None])
            # InternVL's tower has GELU in both halves; where the processor itself computes in 16 bits (AVX512-FP16) it is 0.0105.
            assert numpy.abs(log_softmax(logits[None]) - expected).max() < (1.5e-2 if kind == "internvl" else 1e-2)
            token = int(expected.argmax())
            ids.append(token)
            logits, position = seeing.go_on(token, position), position + 1
        other, _ = seeing.read(before + MARK + after, [draw_picture(kind, 2)])
        first, _ = seeing.read(before + MARK + after, [picture])
    assert numpy.abs(log_softmax(first[None]) - log_softmax(other[None])).max() > 0.05


@pytest.mark.parametrize("kind", families.FAMILIES)
def test_no_tensor_is_lost(kind: str, tmp_path: Path) -> None:
    families.make_family(kind, tmp_path / "m")
    for file_type in ("F16", "Q8_0"):
        made = convert_projector(tmp_path / "m", tmp_path / f"mmproj-{file_type}.gguf", file_type)
        header = read_header(made)
        checkpoint = Checkpoint(tmp_path / "m")
        towers = (
            "vision_tower.",
            "visual.",
            "vision_model.",
            "multi_modal_projector.",
            "connector.",
            "image_newline",
            ".merger.",
        )
        seen = [name for name in checkpoint.names() if any(part in name for part in towers)]
        # LLaVA takes its features before the last norm, and nothing reads SigLIP's head
        dropped = [name for name in seen if ("post_layernorm" in name and kind.startswith("llava")) or ".head." in name]
        parts = 2 * sum(".attn.qkv." in name for name in seen) * (not kind.startswith("qwen3")) + kind.startswith("qwen")
        assert len(header.tensors) == len(seen) - len(dropped) + parts > 40


def test_settings_that_llama_cpp_cannot_have_are_refused_by_name(tmp_path: Path) -> None:
    from tests.quantize.checkpoints import rewrite_config

    families.make_family("llava 1.5", tmp_path / "llava")
    for change, words in (
        ({"vision_feature_layer": -1}, "vision_feature_layer"),
        ({"vision_feature_layer": -2, "vision_feature_select_strategy": "full"}, "vision_feature_select_strategy"),
        ({"vision_config": {"model_type": "pixtral"}}, "pixtral"),
    ):
        rewrite_config(tmp_path / "llava", **change)
        with pytest.raises(UserFacingError, match=words):
            convert_projector(tmp_path / "llava", tmp_path / "mmproj.gguf")
    families.make_family("qwen2.5-vl", tmp_path / "qwen")
    eyes = Checkpoint(tmp_path / "qwen").config["vision_config"]
    for change in ({"fullatt_block_indexes": [0, 3]}, {"window_size": 56}, {"spatial_merge_size": 1}):
        rewrite_config(tmp_path / "qwen", vision_config={**eyes, **change})
        with pytest.raises(UserFacingError, match=next(iter(change))):
            convert_projector(tmp_path / "qwen", tmp_path / "mmproj.gguf")
    assert not (tmp_path / "mmproj.gguf").exists()


_AUTHORS = (
    ("vision_tower.embeddings.cls_token", "vision_model.embeddings.class_embedding"),
    ("vision_tower.embeddings.patch_embeddings.projection.", "vision_model.embeddings.patch_embedding."),
    ("vision_tower.embeddings.position_embeddings", "vision_model.embeddings.position_embedding"),
    ("vision_tower.encoder.layer.", "vision_model.encoder.layers."),
    ("attention.projection_layer", "attn.proj"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
    ("lambda_", "ls"),
    ("multi_modal_projector.layer_norm.", "mlp1.0."),
    ("multi_modal_projector.linear_1.", "mlp1.1."),
    ("multi_modal_projector.linear_2.", "mlp1.3."),
)


def test_internvl_of_its_authors_gives_the_same_files_as_that_of_transformers(tmp_path: Path) -> None:
    import json
    import shutil

    from safetensors.numpy import load_file, save_file

    make("internvl", tmp_path)
    authors = tmp_path / "authors"
    shutil.copytree(tmp_path / "checkpoint", authors)
    tensors = load_file(authors / "model.safetensors")
    for name in [name for name in tensors if name.endswith("attention.q_proj.weight")]:
        parts = [tensors.pop(name.replace("q_proj", f"{letter}_proj")) for letter in "qkv"]
        tensors[name.replace("attention.q_proj", "attn.qkv")] = numpy.concatenate(parts)
    for old, new in _AUTHORS:
        tensors = {name.replace(old, new): values for name, values in tensors.items()}
    save_file(tensors, authors / "model.safetensors")
    config = json.loads((authors / "config.json").read_text())
    text = {**config.pop("text_config"), "architectures": ["Qwen2ForCausalLM"]}
    eyes = {**config["vision_config"], "image_size": 32, "patch_size": 8}
    changed = {**config, "architectures": ["InternVLChatModel"], "llm_config": text, "vision_config": eyes}
    (authors / "config.json").write_text(json.dumps(changed))
    convert_here(str(authors), str(tmp_path / "a.gguf"), "F32", 0, quietly)
    convert_projector_here(str(authors), str(tmp_path / "b.gguf"), "F32", quietly)
    for made, known in (("a.gguf", "model.gguf"), ("b.gguf", "mmproj.gguf")):
        one, two = read_tensors(tmp_path / made), read_tensors(tmp_path / known)
        assert one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)


def read_tensors(path: Path) -> dict[str, numpy.ndarray]:
    """All tensors of an F32 file by name, flat."""
    header, data = read_header(path), path.read_bytes()
    starts = {tensor.name: (header.data_offset + tensor.offset, tensor.element_count) for tensor in header.tensors}
    return {name: numpy.frombuffer(data, numpy.float32, count, start) for name, (start, count) in starts.items()}
