"""Rows of layer pairs on real blocks of every architecture: which are accepted, and that scaling by them changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from models.errors import QuantizationFailed, UserFacingError
from quantize.awq.block import Block
from quantize.awq.layer_pairs import ANYTHING, rows_for
from quantize.awq.network import Network
from tests.quantize.checkpoints import BASE, DECODERS, make_decoder, save_random

Q, K, V, OUT = (f"self_attn.{name}_proj" for name in "qkvo")
GATE, UP, DOWN = (f"mlp.{name}_proj" for name in ("gate", "up", "down"))
NORM, AFTER = "input_layernorm", "post_attention_layernorm"
LLAMA = {(NORM, Q), (V, OUT), (AFTER, GATE), (UP, DOWN)}
GEMMA = {(NORM, Q), (V, OUT), ("pre_feedforward_layernorm", GATE), (UP, DOWN)}
GLM = {(NORM, Q), (V, OUT), (AFTER, "mlp.gate_up_proj"), ("mlp.gate_up_proj", DOWN)}
EXPECTED = {
    **dict.fromkeys(("llama", "llama 3", "falcon 3", "mistral", "qwen2", "qwen3", "granite", "smollm 3", "stablelm"), LLAMA),
    "gemma 2": GEMMA,
    "gemma 3": GEMMA,
    "phi 3": {
        (NORM, "self_attn.qkv_proj"),
        ("self_attn.qkv_proj", OUT),
        (AFTER, "mlp.gate_up_proj"),
        ("mlp.gate_up_proj", DOWN),
    },
    "glm": GLM,
    "glm 4": GLM,
    "olmo 2": {(V, OUT), (UP, DOWN)},
    "olmo 3": {(V, OUT), (UP, DOWN)},
    "stablelm 12b": {(NORM, Q), (V, OUT), (UP, DOWN)},
}
MORE = {
    "gemma": ("GemmaConfig", "GemmaForCausalLM", {"head_dim": 16}, LLAMA),
    "cohere": ("CohereConfig", "CohereForCausalLM", {}, {(NORM, Q), (V, OUT), (UP, DOWN)}),
    "exaone 4": ("Exaone4Config", "Exaone4ForCausalLM", {}, {(V, OUT), (UP, DOWN)}),
    "starcoder 2": ("Starcoder2Config", "Starcoder2ForCausalLM", {}, {(NORM, Q), (V, OUT), (AFTER, "mlp.c_fc")}),
    "nemotron": ("NemotronConfig", "NemotronForCausalLM", {}, {(NORM, Q), (V, OUT), (AFTER, UP)}),
    "ernie 4.5": ("Ernie4_5Config", "Ernie4_5ForCausalLM", {}, LLAMA),
    "minicpm 3": (
        "MiniCPM3Config",
        "MiniCPM3ForCausalLM",
        {"num_key_value_heads": 4},
        {
            (NORM, "self_attn.q_a_proj"),
            ("self_attn.q_a_layernorm", "self_attn.q_b_proj"),
            ("self_attn.kv_a_layernorm", "self_attn.kv_b_proj"),
            (AFTER, GATE),
            (UP, DOWN),
        },
    ),
    "helium": ("HeliumConfig", "HeliumForCausalLM", {"head_dim": 16}, LLAMA),
}


def look(folder: Path, rows: object = None) -> tuple[Block, list[object], torch.Tensor]:
    network = Network(folder)
    network.check()
    inputs, arguments = network.first_inputs([list(range(3, 51))])
    block = Block(network.load(0), arguments[0], network.model_type, network.config)
    chosen = block.choose_rows(rows or rows_for(network.model_type), inputs[0], 7)  # type: ignore[arg-type]
    return block, chosen, inputs[0]  # type: ignore[return-value]


def check(folder: Path, expected: set[tuple[str, str]]) -> None:
    with torch.inference_mode():
        block, rows, hidden = look(folder)
        assert {(row.previous, row.layers[0]) for row in rows} == expected  # type: ignore[attr-defined]
        before = block.run(hidden)
        for row in rows:
            wide = block._count_scales(row)  # type: ignore[arg-type]
            block.apply(row, torch.linspace(0.3, 3, wide))  # type: ignore[arg-type]
        after = block.run(hidden)
        assert float((after - before).abs().max()) < 1e-3 * float(before.abs().max())
        # a row that is found is one that matters: the weights are really others
        plain = Block(Network(folder).load(0), block.arguments, "", None)
        assert all(not torch.equal(plain.linears[row.layers[0]].weight, block.linears[row.layers[0]].weight) for row in rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", EXPECTED)
def test_the_rows_of_an_architecture_leave_its_block_as_it_is(kind: str, tmp_path: Path) -> None:
    make_decoder(tmp_path, kind)
    check(tmp_path, EXPECTED[kind])


@pytest.mark.parametrize("kind", MORE)
def test_the_rows_of_further_architectures_do_too(kind: str, tmp_path: Path) -> None:
    config, model, fields, expected = MORE[kind]
    save_random(getattr(transformers, model), getattr(transformers, config)(**{**BASE, **fields}), tmp_path)
    check(tmp_path, expected)


@pytest.mark.parametrize("kind", ["llama", "phi 3", "olmo 2"])
def test_what_is_not_listed_is_found_by_its_structure(kind: str, tmp_path: Path) -> None:
    make_decoder(tmp_path, kind)
    with torch.inference_mode():
        _, rows, _ = look(tmp_path, ANYTHING)
    assert {(row.previous, row.layers[0]) for row in rows} == EXPECTED[kind]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["mixtral", "qwen2 moe", "qwen3 moe", "deepseek v2"])
def test_a_mixture_of_experts_is_refused_with_the_reason(kind: str, tmp_path: Path) -> None:
    make_decoder(tmp_path, kind)
    with pytest.raises(QuantizationFailed, match="experts"):
        Network(tmp_path)


@pytest.mark.parametrize("kind", ["deepseek v2 lite", "gpt 2"])
def test_what_cannot_be_quantized_is_refused_and_not_tried(kind: str, tmp_path: Path) -> None:
    assert kind in DECODERS
    make_decoder(tmp_path, kind)
    with pytest.raises(UserFacingError):
        Network(tmp_path)
