"""LoRA: llama.cpp with our adapter, our merged checkpoint, and the arithmetic of PEFT agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from models.errors import UserFacingError
from quantize.gguf.convert import convert_checkpoint
from quantize.gguf.lora import convert_adapter, merge_adapter
from quantize.quality import log_softmax
from tests.quantize import checkpoints


def make_adapter(folder: Path, base: Path, parts: tuple[str, ...], **settings: Any) -> None:
    """A random adapter as PEFT saves it."""
    draw = numpy.random.default_rng(4)
    shapes = {name: values.shape for path in base.glob("*.safetensors") for name, values in load_file(path).items()}
    tensors, rank = {}, 4
    for name, shape in shapes.items():
        if any(part in name for part in parts) and len(shape) == 2:
            stem, rows, columns = f"base_model.model.{name.removesuffix('.weight')}", *shape
            if "embed" in name:
                tensors[f"{stem}.lora_embedding_A"] = draw.standard_normal((rank, rows)).astype(numpy.float32)
                tensors[f"{stem}.lora_embedding_B"] = draw.standard_normal((columns, rank)).astype(numpy.float32) * 0.01
            else:
                tensors[f"{stem}.lora_A.weight"] = draw.standard_normal((rank, columns)).astype(numpy.float32)
                tensors[f"{stem}.lora_B.weight"] = draw.standard_normal((rows, rank)).astype(numpy.float32) * 0.02
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "bias": "none", **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))


def logits_with_adapter(model: Path, adapter: Path, tokens: list[int]) -> numpy.ndarray:
    from llama_cpp import Llama

    settings = {"n_threads": 1, "n_threads_batch": 1, "type_k": 0, "type_v": 0, "flash_attn": False}
    llama = Llama(str(model), lora_path=str(adapter), n_ctx=256, n_batch=256, logits_all=True, verbose=False, **settings)
    llama.eval(tokens)
    found = numpy.array(llama.scores[: len(tokens)])
    llama.close()
    return found


PLAIN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "down_proj", "embed_tokens")


@pytest.mark.parametrize(
    ("kind", "parts", "settings"),
    [
        ("llama", PLAIN, {}),
        ("qwen3", PLAIN, {"use_rslora": True}),
        ("phi 3", ("qkv_proj", "gate_up_proj"), {"alpha_pattern": {"qkv_proj": 3}}),
    ],
)
def test_adapter_and_merged_weights_agree(kind: str, parts: tuple[str, ...], settings: dict[str, Any], tmp_path: Path) -> None:
    import transformers

    base = tmp_path / "base"
    checkpoints.make_decoder(base, kind)
    make_adapter(tmp_path / "adapter", base, parts, **settings)
    adapter = convert_adapter(tmp_path / "adapter", base, tmp_path / "adapter.gguf")
    merged = merge_adapter(base, tmp_path / "adapter", tmp_path / "merged")
    plain = convert_checkpoint(base, tmp_path / "base.gguf", "F32")
    tokens = numpy.random.default_rng(2).integers(3, 4000, 60).tolist()
    with_adapter = log_softmax(logits_with_adapter(plain, adapter, tokens))
    import torch

    model = transformers.AutoModelForCausalLM.from_pretrained(merged, attn_implementation="eager").eval().float()
    with torch.no_grad():
        expected = log_softmax(model(torch.tensor([tokens])).logits[0].numpy())
    assert numpy.abs(with_adapter - expected).max() < 1e-3
    assert numpy.abs(log_softmax(checkpoints.read_logits(plain, tokens)) - expected).max() > 0.05
    delta = next(name for name in load_file(tmp_path / "adapter" / "adapter_model.safetensors") if "lora_B" in name)
    weight = delta.removeprefix("base_model.model.").replace("lora_B.", "")
    before, after = (
        {n: v for path in folder.glob("*.safetensors") for n, v in load_file(path).items()}[weight] for folder in (base, merged)
    )
    pair = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    alpha = 3 if "qkv" in weight and settings.get("alpha_pattern") else 8
    scale = alpha / (2 if settings.get("use_rslora") else 4)
    assert numpy.allclose(after, before + scale * pair[delta] @ pair[delta.replace("lora_B", "lora_A")], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"use_dora": True}, "use_dora"), ({"bias": "all"}, "bias"), ({"peft_type": "IA3"}, "peft_type")],
)
def test_more_than_a_plain_lora_is_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    checkpoints.make_decoder(tmp_path / "base", "llama")
    make_adapter(tmp_path / "adapter", tmp_path / "base", ("q_proj",), **settings)
    with pytest.raises(UserFacingError, match=message):
        convert_adapter(tmp_path / "adapter", tmp_path / "base", tmp_path / "a.gguf")


def test_an_adapter_for_another_model_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    checkpoints.make_decoder(tmp_path / "base", "llama")
    checkpoints.make_decoder(tmp_path / "other", "phi 3")
    make_adapter(tmp_path / "adapter", tmp_path / "other", ("qkv_proj",))
    for work in (
        lambda: convert_adapter(tmp_path / "adapter", tmp_path / "base", tmp_path / "a.gguf"),
        lambda: merge_adapter(tmp_path / "base", tmp_path / "adapter", tmp_path / "merged"),
        lambda: convert_adapter(tmp_path / "base", tmp_path / "base", tmp_path / "a.gguf"),
    ):
        with pytest.raises(UserFacingError):
            work()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "base", "other"]


def test_half_a_pair_is_said_to_be_half(tmp_path: Path) -> None:
    checkpoints.make_decoder(tmp_path / "base", "llama")
    make_adapter(tmp_path / "adapter", tmp_path / "base", ("q_proj",))
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = dict(load_file(file))
    tensors.pop(next(name for name in tensors if "lora_B" in name))
    save_file(tensors, file)
    with pytest.raises(UserFacingError, match="missing"):
        convert_adapter(tmp_path / "adapter", tmp_path / "base", tmp_path / "a.gguf")
