"""What decides a checkpoint's memory, read from its configuration and the heads of its files, against what torch takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint_shape import guess_checkpoint_shape, read_checkpoint_shape
from models.errors import DamagedModelFile
from models.formats import read_safetensors_card
from models.memory_fit import LoadShape, kv_bytes
from models.memory_plan import DeviceRoom, PlanRequest, plan_memory
from tests.models.safetensors_bytes import write_safetensors

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2,
    "intermediate_size": 16, "vocab_size": 32, "max_position_embeddings": 128, "dtype": "bfloat16", "architectures": ["LlamaForCausalLM"],
}  # fmt: skip
CODE = """
import sys, torch, psutil
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto")
with torch.no_grad():
    kept = None
    for _ in range(int(sys.argv[2]) // 512):
        kept = model(torch.randint(0, 100, (1, 512)), past_key_values=kept, use_cache=True, logits_to_keep=1).past_key_values
print(psutil.Process().memory_info().rss)
"""


def make(folder: Path, config: dict[str, Any] = LLAMA, tensors: dict[str, tuple[str, list[int]]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    usual = {
        "model.embed_tokens.weight": ("BF16", [32, 8]),
        "model.layers.0.self_attn.q_proj.weight": ("BF16", [8, 8]),
        "model.layers.1.self_attn.q_proj.weight": ("BF16", [8, 8]),
        "model.norm.weight": ("BF16", [8]),
        "lm_head.weight": ("BF16", [32, 8]),
    }
    write_safetensors(folder / "model.safetensors", tensors or usual)
    return folder


def test_weights_are_sorted_by_layer_and_the_cache_follows_the_configuration(tmp_path: Path) -> None:
    folder = make(tmp_path / "m")
    shape = read_checkpoint_shape(folder, [str(folder / "model.safetensors")])
    assert [layer.weights for layer in shape.layers] == [128, 128]
    assert (shape.embedding_weights, shape.output_weights, shape.is_tied) == (512, 512 + 16, False)
    assert (shape.layers[0].keys, shape.layers[0].values, shape.kv_type) == (4, 4, "f16")
    assert kv_bytes(shape.layers, LoadShape(100, shape.kv_type)) == 2 * 8 * 100 * 2
    single = {**LLAMA, "dtype": None, "torch_dtype": "float32"}
    assert read_checkpoint_shape(make(tmp_path / "m", single), [str(folder / "model.safetensors")]).kv_type == "f32"


def test_windows_nested_configurations_and_latent_attention_are_understood(tmp_path: Path) -> None:
    text = {**LLAMA, "sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"]}
    shape = guess_checkpoint_shape({"model_type": "gemma3", "text_config": text, "dtype": "bfloat16"}, 10_000)
    assert [layer.window for layer in shape.layers] == [32, 0]
    assert shape.weights == 10_000
    latent = {**LLAMA, "kv_lora_rank": 16, "qk_nope_head_dim": 6, "qk_rope_head_dim": 2, "v_head_dim": 5}
    layer = guess_checkpoint_shape(latent, 10_000).layers[0]
    assert (layer.keys, layer.values) == (4 * 8, 4 * 5)


def test_packed_weights_count_as_they_lie_and_once_unpacked(tmp_path: Path) -> None:
    tensors = {"model.layers.0.mlp.up_proj.qweight": ("I32", [8, 2]), "model.layers.0.mlp.up_proj.scales": ("F16", [1, 16])}
    folder = make(tmp_path / "m-AWQ", {**LLAMA, "quantization_config": {"quant_method": "awq", "bits": 4}}, tensors)
    card = read_safetensors_card(folder)
    assert (card.quantization, card.kind) == ("AWQ", "base")
    shape = read_checkpoint_shape(folder, card.files)
    assert shape.layers[0].weights == 8 * 2 * 4 + 16 * 2
    plain = read_checkpoint_shape(make(tmp_path / "m"), [str(tmp_path / "m" / "model.safetensors")])
    assert shape.process_bytes - plain.process_bytes == 8 * 2 * 8 * 2


@pytest.mark.parametrize("value", [None, True, -1, 0, 2**70, "many", [3], 1.5])
@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "sliding_window"])
def test_a_configuration_that_makes_no_sense_gives_a_small_number_and_no_error(key: str, value: object) -> None:
    shape = guess_checkpoint_shape({**LLAMA, key: value}, 1000)
    assert plan_memory(shape, [DeviceRoom("RAM", 10**12)], PlanRequest()).needed >= 1000


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    folder = make(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(DamagedModelFile):
        read_checkpoint_shape(folder, [str(folder / "model.safetensors")])


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_torch_takes_about_what_was_predicted(tmp_path: Path, precision: str) -> None:
    import torch
    import transformers

    config = transformers.LlamaConfig(
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=6,
        vocab_size=32_000,
    )
    model = transformers.LlamaForCausalLM(config).to(getattr(torch, precision))
    model.save_pretrained(tmp_path / "m")
    del model
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "m"), "2048"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = int(done.stdout.split()[-1])
    card = read_safetensors_card(tmp_path / "m")
    shape = read_checkpoint_shape(tmp_path / "m", card.files)
    plan = plan_memory(shape, [DeviceRoom("RAM", 64 << 30)], PlanRequest(context=2048, sequences=1))
    print(f"\n{precision}: planned {plan.needed / 2**20:.0f} MiB, torch takes {measured / 2**20:.0f} MiB")
    assert plan.needed == pytest.approx(measured, rel=0.10)
