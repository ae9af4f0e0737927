"""Which weights may be scaled against which without changing what a block computes: data per architecture, each row proven before use.

A row says: divide the outputs of ``previous`` by s and multiply the inputs of ``layers`` by s. Whether that leaves the block as it is
depends on code that this table does not see, so :mod:`quantize.awq.block` tries each row on the real block with random s first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerPair:
    """Names of modules within a decoder layer. ``judged_on`` is the module whose output decides; empty for the Linear alone.

    ``part`` says which outputs of ``previous`` are meant: all, the values at the end of fused queries, keys and values (value),
    or the second half. With ``value`` and ``values`` several inputs share one output where heads share keys and values.
    """

    previous: str
    layers: tuple[str, ...]
    judged_on: str = ""
    part: str = "all"


_Q, _K, _V, _O = (f"self_attn.{name}_proj" for name in "qkvo")
_GATE, _UP, _DOWN = (f"mlp.{name}_proj" for name in ("gate", "up", "down"))

_NORM_QKV = LayerPair("input_layernorm", (_Q, _K, _V), "self_attn")
_VALUE_OUT = LayerPair(_V, (_O,), part="values")
_NORM_MLP = LayerPair("post_attention_layernorm", (_GATE, _UP), "mlp")
_UP_DOWN = LayerPair(_UP, (_DOWN,))

LLAMA = (_NORM_QKV, _VALUE_OUT, _NORM_MLP, _UP_DOWN)
GEMMA_2 = (_NORM_QKV, _VALUE_OUT, LayerPair("pre_feedforward_layernorm", (_GATE, _UP), "mlp"), _UP_DOWN)
PHI_3 = (
    LayerPair("input_layernorm", ("self_attn.qkv_proj",), "self_attn"),
    LayerPair("self_attn.qkv_proj", (_O,), part="value"),
    LayerPair("post_attention_layernorm", ("mlp.gate_up_proj",), "mlp"),
    LayerPair("mlp.gate_up_proj", (_DOWN,), part="second half"),
)
GLM = (_NORM_QKV, _VALUE_OUT, *PHI_3[2:])
POST_NORM = (_VALUE_OUT, _UP_DOWN)
PARALLEL = (LayerPair("input_layernorm", (_Q, _K, _V, _GATE, _UP), "."), _VALUE_OUT, _UP_DOWN)
PLAIN_MLP = (
    _NORM_QKV,
    _VALUE_OUT,
    LayerPair("post_attention_layernorm", (_UP,), "mlp"),
    LayerPair("post_attention_layernorm", ("mlp.c_fc",), "mlp"),
)
APERTUS = (
    LayerPair("attention_layernorm", (_Q, _K, _V), "self_attn"),
    _VALUE_OUT,
    LayerPair("feedforward_layernorm", (_UP,), "mlp"),
)
LATENT = (
    LayerPair("input_layernorm", ("self_attn.q_a_proj", "self_attn.kv_a_proj_with_mqa"), "self_attn"),
    LayerPair("input_layernorm", (_Q, "self_attn.kv_a_proj_with_mqa"), "self_attn"),
    LayerPair("self_attn.q_a_layernorm", ("self_attn.q_b_proj",), "self_attn"),
    LayerPair("self_attn.kv_a_layernorm", ("self_attn.kv_b_proj",), "self_attn"),
    _NORM_MLP,
    _UP_DOWN,
)

ARCHITECTURES: dict[str, tuple[LayerPair, ...]] = {
    **dict.fromkeys(
        ("llama", "mistral", "ministral3", "qwen2", "qwen3", "granite", "smollm3", "gemma", "ernie4_5", "seed_oss", "helium"),
        LLAMA,
    ),
    **dict.fromkeys(("qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text"), LLAMA),
    "stablelm": (*LLAMA, PARALLEL[0]),
    **dict.fromkeys(("gemma2", "gemma3_text"), GEMMA_2),
    "phi3": PHI_3,
    **dict.fromkeys(("glm", "glm4"), GLM),
    **dict.fromkeys(("olmo2", "olmo3", "exaone4", "olmo"), POST_NORM),
    **dict.fromkeys(("cohere", "cohere2"), PARALLEL),
    **dict.fromkeys(("starcoder2", "nemotron", "arcee"), PLAIN_MLP),
    "apertus": APERTUS,
    **dict.fromkeys(("minicpm3", "deepseek_v2", "deepseek_v3"), LATENT),
}
"""By ``model_type``. A family with rows for two kinds of blocks lists both: a row that does not fit a block is dropped there."""

ANYTHING = tuple(dict.fromkeys((*LLAMA, *GEMMA_2, *PHI_3, *PARALLEL, *PLAIN_MLP, *APERTUS, *LATENT)))
"""For architectures that are not listed: whatever is there by name and proves right."""

NORMS_ABOUT_ONE = frozenset(("gemma", "gemma2", "gemma3_text", "nemotron"))
"""Architectures whose norms multiply by 1 + weight."""


def rows_for(model_type: str) -> tuple[LayerPair, ...]:
    """The rows to try for an architecture, in order."""
    return ARCHITECTURES.get(model_type, ANYTHING)
