"""DeepSeek-V2 and V3: attention through a small latent space, and experts of which some are always asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.decoder import write_dimensions
from quantize.gguf.architectures.experts import EXPERT_NAMES, convert_experts, write_expert_counts
from quantize.gguf.architectures.rope import rope_settings

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM")
NAME = "deepseek2"
_LAYERS = {
    **EXPERT_NAMES,
    "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm",
    "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
}
_LAYER = re.compile(r"^model\.layers\.(\d+)\.")
_CORRECTION = "mlp.gate.e_score_correction_bias"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture. llama.cpp computes in the latent space, where keys and values have one head."""
    latent, turning = int(config["kv_lora_rank"]), int(config["qk_rope_head_dim"])
    write_dimensions(writer, {**config, "num_key_value_heads": 1, "head_dim": latent + turning}, value_size=latent)
    writer.add_rope_dimension_count(turning)
    writer.add_key_length_mla(int(config["qk_nope_head_dim"]) + turning)
    writer.add_value_length_mla(int(config["v_head_dim"]))
    writer.add_kv_lora_rank(latent)
    if config.get("q_lora_rank"):
        writer.add_q_lora_rank(int(config["q_lora_rank"]))
    write_expert_counts(writer, config)
    has_experts = bool(config.get("n_routed_experts"))
    layers = int(config["num_hidden_layers"])
    writer.add_leading_dense_block_count(int(config.get("first_k_dense_replace") or 0) if has_experts else layers)
    writer.add_expert_feed_forward_length(int(config.get("moe_intermediate_size") or config["intermediate_size"]))
    writer.add_expert_shared_count(int(config.get("n_shared_experts") or 0))
    writer.add_expert_weights_scale(float(config.get("routed_scaling_factor") or 1.0))
    writer.add_expert_weights_norm(bool(config.get("norm_topk_prob")))
    if config.get("n_group") and int(config["n_group"]) > 1:
        writer.add_expert_group_count(int(config["n_group"]))
        writer.add_expert_group_used_count(int(config["topk_group"]))
    import gguf

    is_third = str((config.get("architectures") or [""])[0]).startswith("DeepseekV3")
    scoring = str(config.get("scoring_func") or ("sigmoid" if is_third else "softmax"))
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType[scoring.upper()])
    spread = rope_settings(config).get("mscale_all_dim")
    if spread:
        writer.add_rope_scaling_yarn_log_mul(0.1 * float(spread))


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes. Layers beyond the last one predict further tokens: left out."""
    layer = _LAYER.match(name)
    if layer and int(layer[1]) >= int(config["num_hidden_layers"]):
        return
    if layer and name.endswith(_CORRECTION):
        yield f"blk.{layer[1]}.exp_probs_b.bias", values
    elif layer and name.endswith("kv_b_proj.weight"):
        heads, width, inside = int(config["num_attention_heads"]), int(config["v_head_dim"]), int(config["qk_nope_head_dim"])
        both = values.reshape(heads, inside + width, values.shape[-1])
        yield f"blk.{layer[1]}.attn_k_b.weight", both[:, :inside].swapaxes(1, 2)
        yield f"blk.{layer[1]}.attn_v_b.weight", both[:, inside:]
    else:
        yield from convert_experts(name, values, _LAYERS)
