"""Conversion without torch: what llama.cpp computes from our GGUF is what transformers computes from the checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest

from models.errors import UnsupportedArchitecture, UserFacingError
from models.gguf_header import read_header
from quantize.gguf.convert import convert_checkpoint, read_model_card
from quantize.quality import log_softmax
from resources import resource_folder

CHECKPOINT = resource_folder() / "starter" / "checkpoint"
TEXT = "Hello 你好 wörld 123 — def f(x): return x\n\n  <|im_start|>user 😀 it's"
SHAPE: dict[str, Any] = {
    "vocab_size": 4096, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "tie_word_embeddings": False,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
KINDS = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", {}),
    "llama-3": ("LlamaConfig", "LlamaForCausalLM", {"rope_parameters": LLAMA3, "attention_bias": True}),
    "mistral": ("MistralConfig", "MistralForCausalLM", {"sliding_window": None, "head_dim": 32}),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", {"head_dim": 32}),
}


def make_checkpoint(folder: Path, kind: str) -> Any:
    import torch
    import transformers

    config_class, model_class, fields = KINDS[kind]
    torch.manual_seed(5)
    config = getattr(transformers, config_class)(**{**SHAPE, **fields})
    model = getattr(transformers, model_class)(config).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "embed" not in name:
                parameter.mul_(3.0)
    model.save_pretrained(folder, max_shard_size="300KB")
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(CHECKPOINT / name, folder / name)
    return model


def read_logits(path: Path, tokens: list[int]) -> numpy.ndarray:
    from llama_cpp import Llama

    model = Llama(
        str(path), n_ctx=256, n_batch=256, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False, type_k=0, type_v=0
    )
    model.eval(tokens)
    logits = numpy.array(model.scores[: len(tokens)])
    model.close()
    return logits


@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_computes_what_transformers_computes(kind: str, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "模型"
    model = make_checkpoint(folder, kind)
    made = convert_checkpoint(folder, tmp_path / "made.gguf", "F32")
    tokens = numpy.random.default_rng(2).integers(3, 4000, 120).tolist()
    with torch.no_grad():
        expected = log_softmax(model(torch.tensor([tokens])).logits[0].numpy())
    found = log_softmax(read_logits(made, tokens))
    assert numpy.abs(found - expected).max() < 1e-3


def test_the_starter_converts_to_the_very_tensors_that_ship(tmp_path: Path) -> None:
    made = convert_checkpoint(CHECKPOINT, tmp_path / "s.gguf", "Q8_0")
    shipped = CHECKPOINT.parent / "yanmo-starter-Q8_0.gguf"
    ours, theirs = read_header(made), read_header(shipped)
    assert {t.name: (t.shape, t.type.name) for t in ours.tensors} == {t.name: (t.shape, t.type.name) for t in theirs.tensors}


def test_tokens_are_those_of_the_hugging_face_tokenizer(tmp_path: Path) -> None:
    from llama_cpp import Llama
    from tokenizers import Tokenizer

    made = convert_checkpoint(CHECKPOINT, tmp_path / "t.gguf", "Q8_0")
    model = Llama(str(made), vocab_only=True, verbose=False)
    tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    for text in (TEXT, "中文，标点。", "a\tb\r\n c   d", "1234567 3.14", "'s 't don't", "🙂🙂", ""):
        assert model.tokenize(text.encode(), add_bos=False, special=True) == tokenizer.encode(text, add_special_tokens=False).ids
    model.close()


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    shutil.copytree(CHECKPOINT, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "architectures": ["NovelForCausalLM"]}))
    with pytest.raises(UnsupportedArchitecture, match="NovelForCausalLM"):
        convert_checkpoint(tmp_path / "m", tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()


def spoil(folder: Path, what: str) -> None:
    if what == "no config":
        (folder / "config.json").unlink()
    elif what == "cut shard":
        path = next(folder.glob("*.safetensors"))
        path.write_bytes(path.read_bytes()[:-500])
    elif what == "missing shard":
        index = {
            "weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors", "model.other": "model-00009.safetensors"}
        }
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    elif what == "NaN":
        path = next(folder.glob("*.safetensors"))
        data = bytearray(path.read_bytes())
        data[-4:] = b"\xc0\x7f\xc0\x7f"
        path.write_bytes(bytes(data))
    elif what == "other tokenizer":
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        tokenizer["model"]["type"] = "Unigram"
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    elif what == "other cut":
        text = (folder / "tokenizer.json").read_text().replace("p{N}", "p{Nd}")
        (folder / "tokenizer.json").write_text(text)


@pytest.mark.parametrize("what", ["no config", "cut shard", "missing shard", "NaN", "other tokenizer", "other cut"])
def test_a_broken_checkpoint_is_explained_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "m"
    shutil.copytree(CHECKPOINT, folder)
    spoil(folder, what)
    with pytest.raises(UserFacingError) as caught:
        convert_checkpoint(folder, tmp_path / "x.gguf")
    assert caught.value.facts.get("reason") and "unexpected" not in caught.value.facts["reason"]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_the_front_matter_of_a_model_card_is_read() -> None:
    card = read_model_card("---\nlicense: mit\nlanguage:\n- en\n- zh\ntags: [a, 'b']\n---\n# Card\nlicense: no\n")
    assert card == {"license": ["mit"], "language": ["en", "zh"], "tags": ["a", "b"]}
