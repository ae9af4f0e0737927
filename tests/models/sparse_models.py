"""GGUF files of well-known shapes whose weights are holes: a header of the right size, and a file that takes no room on the disk.

llama.cpp loads them with ``no_alloc``, which simulates every allocation: that is what the planner is measured against.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.gguf_types import TENSOR_TYPES
from tests.models.gguf_bytes import ARRAY, STRING, Tensor, Value, header_bytes

F32, F16, Q4_0, Q8_0, Q4_K, Q6_K, MXFP4 = 0, 1, 2, 8, 12, 14, 39
Shape = tuple[str, tuple[int, ...], int]


def write_sparse(path: Path, architecture: str, facts: dict[str, Value], shapes: list[Shape], vocabulary: int) -> Path:
    """Write the header and let the file be as long as its weights would be."""
    metadata: dict[str, Value] = {
        "general.architecture": (STRING, architecture),
        **{f"{architecture}.{key}": value for key, value in facts.items()},
        "tokenizer.ggml.model": (STRING, "gpt2"),
        "tokenizer.ggml.pre": (STRING, "default"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, [f"t{number}" for number in range(vocabulary)])),
        "tokenizer.ggml.token_type": (ARRAY, (5, [1] * vocabulary)),
        "tokenizer.ggml.merges": (ARRAY, (STRING, ["t 1"])),
    }
    tensors: list[Tensor] = []
    offset = 0
    for name, shape, kind in shapes:
        tensors.append((name, shape, kind, offset))
        count = 1
        for size in shape:
            count *= size
        type_of = TENSOR_TYPES[kind]
        offset += -(-(count // type_of.block_size * type_of.block_bytes) // 32) * 32
    header = header_bytes(metadata, tensors)
    header += b"\0" * (-len(header) % 32)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + offset)
    return path


def number(value: int) -> Value:
    return (4, value)


def fraction(value: float) -> Value:
    return (6, value)


def numbers(values: list[int]) -> Value:
    return (ARRAY, (5, values))


class Builder:
    """Collects facts and tensors of a decoder."""

    def __init__(self, layers: int, width: int, feed: int, heads: int, pairs: int, head: int, vocabulary: int, kind: int) -> None:
        self.layers, self.width, self.feed, self.heads, self.pairs, self.head = layers, width, feed, heads, pairs, head
        self.vocabulary, self.kind = vocabulary, kind
        self.facts: dict[str, Value] = {
            "block_count": number(layers),
            "context_length": number(131_072),
            "embedding_length": number(width),
            "feed_forward_length": number(feed),
            "attention.head_count": number(heads),
            "attention.head_count_kv": number(pairs),
            "attention.layer_norm_rms_epsilon": fraction(1e-5),
            "rope.freq_base": fraction(10_000.0),
        }
        self.shapes: list[Shape] = []
        self.add("token_embd.weight", width, vocabulary)
        self.add("output_norm.weight", width, kind=F32)

    def add(self, name: str, *shape: int, kind: int | None = None) -> None:
        self.shapes.append((name, shape, self.kind if kind is None else kind))

    def untied(self) -> None:
        self.add("output.weight", self.width, self.vocabulary, kind=Q6_K if self.kind == Q4_K else self.kind)

    def in_layer(self, layer: int, name: str, *shape: int, kind: int | None = None) -> None:
        self.add(f"blk.{layer}.{name}", *shape, kind=kind)

    def norms(self, layer: int, *names: str, size: int = 0) -> None:
        for name in names:
            self.in_layer(layer, f"{name}.weight", size or self.width, kind=F32)

    def attention(self, layer: int, *, biases: bool = False, qk_norms: bool = False) -> None:
        self.norms(layer, "attn_norm")
        sizes = {"attn_q": self.heads * self.head, "attn_k": self.pairs * self.head, "attn_v": self.pairs * self.head}
        for name, size in sizes.items():
            self.in_layer(layer, f"{name}.weight", self.width, size)
            if biases:
                self.in_layer(layer, f"{name}.bias", size, kind=F32)
        self.in_layer(layer, "attn_output.weight", self.heads * self.head, self.width)
        if qk_norms:
            self.norms(layer, "attn_q_norm", "attn_k_norm", size=self.head)

    def feed_forward(self, layer: int) -> None:
        self.norms(layer, "ffn_norm")
        self.in_layer(layer, "ffn_gate.weight", self.width, self.feed)
        self.in_layer(layer, "ffn_up.weight", self.width, self.feed)
        self.in_layer(layer, "ffn_down.weight", self.feed, self.width)

    def experts(self, layer: int, count: int, feed: int, *, kind: int | None = None) -> None:
        self.norms(layer, "ffn_norm")
        self.in_layer(layer, "ffn_gate_inp.weight", self.width, count, kind=F32)
        self.in_layer(layer, "ffn_gate_exps.weight", self.width, feed, count, kind=kind)
        self.in_layer(layer, "ffn_up_exps.weight", self.width, feed, count, kind=kind)
        self.in_layer(layer, "ffn_down_exps.weight", feed, self.width, count, kind=kind)

    def write(self, path: Path, architecture: str) -> Path:
        return write_sparse(path, architecture, self.facts, self.shapes, self.vocabulary)


def llama_8b(path: Path) -> Path:
    """Llama 3.1 8B, Q4_K: grouped queries."""
    made = Builder(32, 4096, 14_336, 32, 8, 128, 128_256, Q4_K)
    made.untied()
    for layer in range(made.layers):
        made.attention(layer)
        made.feed_forward(layer)
    return made.write(path, "llama")


def llama_plain(path: Path) -> Path:
    """A small Llama of the first kind in Q8_0: as many key-value heads as heads."""
    made = Builder(22, 2048, 5632, 32, 32, 64, 32_000, Q8_0)
    made.untied()
    for layer in range(made.layers):
        made.attention(layer)
        made.feed_forward(layer)
    return made.write(path, "llama")


def qwen2_half(path: Path) -> Path:
    """Qwen2.5 0.5B, F16: biases, tied embeddings, two key-value heads."""
    made = Builder(24, 896, 4864, 14, 2, 64, 151_936, F16)
    for layer in range(made.layers):
        made.attention(layer, biases=True)
        made.feed_forward(layer)
    return made.write(path, "qwen2")


def qwen3_4b(path: Path) -> Path:
    """Qwen3 4B, Q4_0: heads wider than the embedding, normed queries and keys."""
    made = Builder(36, 2560, 9728, 32, 8, 128, 151_936, Q4_0)
    made.facts |= {"attention.key_length": number(128), "attention.value_length": number(128)}
    for layer in range(made.layers):
        made.attention(layer, qk_norms=True)
        made.feed_forward(layer)
    return made.write(path, "qwen3")


def qwen3_moe(path: Path) -> Path:
    """Qwen3 30B-A3B, Q4_K: 128 experts of which 8 work."""
    made = Builder(48, 2048, 6144, 32, 4, 128, 151_936, Q4_K)
    made.untied()
    made.facts |= {
        "attention.key_length": number(128),
        "attention.value_length": number(128),
        "expert_count": number(128),
        "expert_used_count": number(8),
        "expert_feed_forward_length": number(768),
    }
    for layer in range(made.layers):
        made.attention(layer, qk_norms=True)
        made.experts(layer, 128, 768)
    return made.write(path, "qwen3moe")


def mixtral(path: Path) -> Path:
    """Mixtral 8x7B, Q4_K: the architecture is called llama."""
    made = Builder(32, 4096, 14_336, 32, 8, 128, 32_000, Q4_K)
    made.untied()
    made.facts |= {"expert_count": number(8), "expert_used_count": number(2)}
    for layer in range(made.layers):
        made.attention(layer)
        made.experts(layer, 8, 14_336)
    return made.write(path, "llama")


def gemma3_12b(path: Path) -> Path:
    """Gemma 3 12B, Q4_0: five of six layers see a window of 1024."""
    made = Builder(48, 3840, 15_360, 16, 8, 256, 262_144, Q4_0)
    made.facts |= {
        "attention.key_length": number(256),
        "attention.value_length": number(256),
        "attention.sliding_window": number(1024),
    }
    for layer in range(made.layers):
        made.attention(layer, qk_norms=True)
        made.norms(layer, "post_attention_norm", "post_ffw_norm")
        made.feed_forward(layer)
    return made.write(path, "gemma3")


def gemma2_2b(path: Path) -> Path:
    """Gemma 2 2B, Q8_0: every second layer sees a window of 4096."""
    made = Builder(26, 2304, 9216, 8, 4, 256, 256_000, Q8_0)
    made.facts |= {
        "attention.key_length": number(256),
        "attention.value_length": number(256),
        "attention.sliding_window": number(4096),
        "attn_logit_softcapping": fraction(50.0),
        "final_logit_softcapping": fraction(30.0),
    }
    for layer in range(made.layers):
        made.attention(layer)
        made.norms(layer, "post_attention_norm", "post_ffw_norm")
        made.feed_forward(layer)
    return made.write(path, "gemma2")


def gpt_oss(path: Path) -> Path:
    """gpt-oss 20B, MXFP4: windows of 128 in every second layer, experts, attention sinks."""
    made = Builder(24, 2880, 2880, 64, 8, 64, 201_088, Q8_0)
    made.untied()
    made.facts |= {
        "attention.key_length": number(64),
        "attention.value_length": number(64),
        "attention.sliding_window": number(128),
        "expert_count": number(32),
        "expert_used_count": number(4),
        "expert_feed_forward_length": number(2880),
    }
    for layer in range(made.layers):
        made.attention(layer, biases=True)
        made.in_layer(layer, "attn_output.bias", made.width, kind=F32)
        made.in_layer(layer, "attn_sinks.weight", 64, kind=F32)
        made.norms(layer, "post_attention_norm")
        made.in_layer(layer, "ffn_gate_inp.weight", made.width, 32, kind=F32)
        made.in_layer(layer, "ffn_gate_inp.bias", 32, kind=F32)
        for name, shape in {"gate": (2880, 2880), "up": (2880, 2880), "down": (2880, 2880)}.items():
            made.in_layer(layer, f"ffn_{name}_exps.weight", *shape, 32, kind=MXFP4)
            made.in_layer(layer, f"ffn_{name}_exps.bias", 2880, 32, kind=F32)
    return made.write(path, "gpt-oss")


def phi3(path: Path) -> Path:
    """Phi 3 mini, Q4_K: fused projections."""
    made = Builder(32, 3072, 8192, 32, 32, 96, 32_064, Q4_K)
    made.untied()
    made.facts |= {"rope.dimension_count": number(96)}
    for layer in range(made.layers):
        made.norms(layer, "attn_norm", "ffn_norm")
        made.in_layer(layer, "attn_qkv.weight", 3072, 9216)
        made.in_layer(layer, "attn_output.weight", 3072, 3072)
        made.in_layer(layer, "ffn_up.weight", 3072, 16_384)
        made.in_layer(layer, "ffn_down.weight", 8192, 3072)
    return made.write(path, "phi3")


def deepseek2_lite(path: Path) -> Path:
    """DeepSeek-V2-Lite, Q4_K: multi-head latent attention, shared and routed experts."""
    made = Builder(27, 2048, 10_944, 16, 1, 192, 102_400, Q4_K)
    made.untied()
    made.facts |= {
        "attention.kv_lora_rank": number(512),
        "attention.key_length": number(576),
        "attention.value_length": number(512),
        "attention.key_length_mla": number(192),
        "attention.value_length_mla": number(128),
        "rope.dimension_count": number(64),
        "leading_dense_block_count": number(1),
        "expert_count": number(64),
        "expert_used_count": number(6),
        "expert_shared_count": number(2),
        "expert_feed_forward_length": number(1408),
        "expert_weights_scale": fraction(1.0),
    }
    for layer in range(made.layers):
        made.norms(layer, "attn_norm")
        made.in_layer(layer, "attn_q.weight", 2048, 16 * 192)
        made.in_layer(layer, "attn_kv_a_mqa.weight", 2048, 576)
        made.in_layer(layer, "attn_kv_a_norm.weight", 512, kind=F32)
        made.in_layer(layer, "attn_k_b.weight", 128, 512, 16, kind=Q8_0)
        made.in_layer(layer, "attn_v_b.weight", 512, 128, 16, kind=Q8_0)
        made.in_layer(layer, "attn_output.weight", 2048, 2048)
        if layer < 1:
            made.norms(layer, "ffn_norm")
            made.in_layer(layer, "ffn_gate.weight", 2048, 10_944, kind=Q8_0)
            made.in_layer(layer, "ffn_up.weight", 2048, 10_944, kind=Q8_0)
            made.in_layer(layer, "ffn_down.weight", 10_944, 2048, kind=Q8_0)
            continue
        made.experts(layer, 64, 1408, kind=Q8_0)
        for name, shape in {"gate": (2048, 2816), "up": (2048, 2816), "down": (2816, 2048)}.items():
            made.in_layer(layer, f"ffn_{name}_shexp.weight", *shape)
    return made.write(path, "deepseek2")


def add_state_space(made: Builder, layer: int, inner: int, state: int, rank: int, *, norms: bool = False) -> None:
    """The tensors of a Mamba layer."""
    made.norms(layer, "attn_norm")
    made.in_layer(layer, "ssm_in.weight", made.width, 2 * inner)
    made.in_layer(layer, "ssm_conv1d.weight", 4, inner, kind=F32)
    made.in_layer(layer, "ssm_conv1d.bias", inner, kind=F32)
    made.in_layer(layer, "ssm_x.weight", inner, rank + 2 * state)
    if norms:
        made.in_layer(layer, "ssm_dt_norm.weight", rank, kind=F32)
        made.in_layer(layer, "ssm_b_norm.weight", state, kind=F32)
        made.in_layer(layer, "ssm_c_norm.weight", state, kind=F32)
    made.in_layer(layer, "ssm_dt.weight", rank, inner, kind=F16)
    made.in_layer(layer, "ssm_dt.bias", inner, kind=F32)
    made.in_layer(layer, "ssm_a", state, inner, kind=F32)
    made.in_layer(layer, "ssm_d", inner, kind=F32)
    made.in_layer(layer, "ssm_out.weight", inner, made.width)


def mamba(path: Path) -> Path:
    """Mamba 790M, Q8_0: no attention at all."""
    made = Builder(48, 1536, 0, 0, 0, 1, 50_280, Q8_0)
    made.facts |= {
        "ssm.conv_kernel": number(4),
        "ssm.inner_size": number(3072),
        "ssm.state_size": number(16),
        "ssm.time_step_rank": number(96),
    }
    for layer in range(made.layers):
        add_state_space(made, layer, 3072, 16, 96)
    return made.write(path, "mamba")


def jamba(path: Path) -> Path:
    """Jamba, cut to 16 layers, Q8_0: one layer of eight has attention, the others a state."""
    made = Builder(16, 4096, 14_336, 32, 8, 128, 65_536, Q8_0)
    made.untied()
    made.facts |= {
        "attention.head_count_kv": numbers([8 if layer % 8 == 4 else 0 for layer in range(16)]),
        "ssm.conv_kernel": number(4),
        "ssm.inner_size": number(8192),
        "ssm.state_size": number(16),
        "ssm.time_step_rank": number(256),
    }
    for layer in range(made.layers):
        if layer % 8 == 4:
            made.attention(layer)
        else:
            add_state_space(made, layer, 8192, 16, 256, norms=True)
        made.feed_forward(layer)
    return made.write(path, "jamba")


SHAPES: dict[str, Callable[[Path], Path]] = {
    builder.__name__: builder
    for builder in (
        llama_8b,
        llama_plain,
        qwen2_half,
        qwen3_4b,
        qwen3_moe,
        mixtral,
        gemma3_12b,
        gemma2_2b,
        gpt_oss,
        phi3,
        deepseek2_lite,
        mamba,
        jamba,
    )
}
