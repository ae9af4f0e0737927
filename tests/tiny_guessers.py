"""Tiny mixtures of experts in GLM-4.5's shape with random weights, which carry a layer that guesses the token after the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

from tests.tiny_models import SPECIAL, WORDS, byte_characters, write_vocabulary

_HEADS, _EXPERTS, _EXPERT_WIDTH = 4, 4, 32


def make_tiny_guesser(
    path: Path,
    *,
    layers: int = 2,
    is_good: bool = True,
    context: int = 1024,
    seed: int = 1,
    has_guesses: bool = True,
    reads_state: bool = False,
    width: int = 64,
) -> Path:
    """Write a model. What it says depends mostly on its last token; the layer of a good one knows that, a bad one's is random.

    A good one that ``reads_state`` passes on the hidden state of the token before instead. Without ``has_guesses`` the metadata speak of
    the layer, but its tensors are missing, as in files of older converters.
    """
    random = np.random.default_rng(seed)
    tokens = [*byte_characters(), *WORDS, *SPECIAL]
    writer = GGUFWriter(path, "glm4moe")
    writer.add_name("Guesser")
    writer.add_file_type(0)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers + 1)
    writer.add_nextn_predict_layers(1)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS // 2)
    writer.add_key_length(width // _HEADS)
    writer.add_value_length(width // _HEADS)
    writer.add_rope_dimension_count(width // _HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_expert_count(_EXPERTS)
    writer.add_expert_used_count(2)
    writer.add_expert_shared_count(1)
    writer.add_expert_feed_forward_length(_EXPERT_WIDTH)
    writer.add_leading_dense_block_count(0)
    writer.add_expert_weights_scale(1.0)
    writer.add_expert_weights_norm(True)
    write_vocabulary(writer, tokens, len(WORDS))

    def weights(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (random.standard_normal(shape) * scale / np.sqrt(shape[-1])).astype(np.float32)

    writer.add_tensor("token_embd.weight", weights(len(tokens), width, scale=4.0))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", weights(len(tokens), width, scale=6.0))
    for layer in range(layers + int(has_guesses)):
        guesses = layer == layers
        answer = (0.0 if is_good else 2.0) if guesses else 0.01
        shapes = {
            "attn_q": (width, width),
            "attn_k": (width // 2, width),
            "attn_v": (width // 2, width),
            "attn_output": (width, width),
            "ffn_gate_inp": (_EXPERTS, width),
            "ffn_gate_exps": (_EXPERTS, _EXPERT_WIDTH, width),
            "ffn_up_exps": (_EXPERTS, _EXPERT_WIDTH, width),
            "ffn_down_exps": (_EXPERTS, width, _EXPERT_WIDTH),
            "ffn_gate_shexp": (_EXPERT_WIDTH, width),
            "ffn_up_shexp": (_EXPERT_WIDTH, width),
            "ffn_down_shexp": (width, _EXPERT_WIDTH),
        }
        for name, shape in shapes.items():
            is_answer = name == "attn_output" or name.startswith("ffn_down")
            writer.add_tensor(f"blk.{layer}.{name}.weight", weights(*shape, scale=answer if is_answer else 1.0))
        writer.add_tensor(f"blk.{layer}.exp_probs_b.bias", np.zeros(_EXPERTS, np.float32))
        for norm in ("attn_norm", "post_attention_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(width, np.float32))
        if guesses:
            of_token = np.eye(width, dtype=np.float32)
            parts = [np.zeros_like(of_token), of_token] if reads_state else [of_token, np.zeros_like(of_token)]
            both = np.concatenate(parts, 1) if is_good else weights(width, 2 * width)
            writer.add_tensor(f"blk.{layer}.nextn.eh_proj.weight", both)
            for norm in ("enorm", "hnorm"):
                writer.add_tensor(f"blk.{layer}.nextn.{norm}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
