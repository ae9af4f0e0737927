"""How much memory a model will take, from its header alone: weights, KV cache and compute buffers."""

from __future__ import annotations

from dataclasses import dataclass

from models.gguf_header import GgufHeader
from models.gguf_types import TENSOR_TYPES

_TYPES = {kind.name.lower(): kind for kind in TENSOR_TYPES.values()}
_RECURRENT_STATE_BYTES = 4


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes. ``weights`` may be shared with the file cache of the system where the file is memory-mapped; the rest never is."""

    weights: int
    kv_cache: int
    compute: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv_cache + self.compute


def estimate_memory(header: GgufHeader, context_length: int, kv_type: str = "f16", micro_batch: int = 512) -> MemoryEstimate:
    """What llama.cpp will allocate for ``context_length`` tokens. Weights are exact, the KV cache is exact for plain attention.

    ``kv_type`` is a GGML type name for keys and values; ``micro_batch`` the most tokens computed at once. The compute buffers
    are an estimate: the logits, the widest activations, and the attention mask.
    """
    weights = sum(tensor.byte_count for tensor in header.tensors)
    micro_batch = min(micro_batch, context_length)
    vocabulary = header.count_of("tokenizer.ggml.tokens") or header.of_architecture("vocab_size")
    width = header.of_architecture("embedding_length")
    forward = max(header.per_layer("feed_forward_length", 1), default=0)
    activations = micro_batch * (vocabulary + 4 * width + 2 * forward) * 4
    mask = micro_batch * context_length * 2
    return MemoryEstimate(weights, _kv_cache_bytes(header, context_length, kv_type), activations + mask)


def _kv_cache_bytes(header: GgufHeader, context_length: int, kv_type: str) -> int:
    layers = header.of_architecture("block_count")
    heads = header.per_layer("attention.head_count", layers)
    pairs = header.per_layer("attention.head_count_kv", layers) or heads
    width = header.of_architecture("embedding_length")
    head_size = width // max(max(heads, default=1), 1)
    keys = header.of_architecture("attention.key_length", head_size)
    values = header.of_architecture("attention.value_length", head_size)
    compressed = header.of_architecture("attention.kv_lora_rank")
    if compressed and f"{header.architecture}.attention.key_length_mla" in header.metadata:
        # Multi-head latent attention keeps one compressed vector and the rotary part (DeepSeek-V2, https://arxiv.org/abs/2405.04434).
        row = layers * (compressed + header.of_architecture("rope.dimension_count"))
    else:
        row = sum(pairs) * (keys + values)
    kind = _TYPES.get(kv_type.lower(), _TYPES["f16"])
    attention = row * context_length * kind.block_bytes // kind.block_size
    return attention + _recurrent_state_bytes(header, sum(1 for count in pairs if not count) or layers)


def _recurrent_state_bytes(header: GgufHeader, layers: int) -> int:
    inner, state = header.of_architecture("ssm.inner_size"), header.of_architecture("ssm.state_size")
    kernel = header.of_architecture("ssm.conv_kernel")
    return layers * inner * (state + max(kernel - 1, 0)) * _RECURRENT_STATE_BYTES
