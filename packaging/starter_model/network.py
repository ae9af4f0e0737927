"""The starter's network: a compact Llama (Touvron et al., 2023) whose weights are exactly transformers' LlamaForCausalLM."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a Llama; the defaults are the starter's (about five million parameters)."""

    vocabulary: int = 4096
    hidden: int = 256
    feed_forward: int = 768
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 64
    context: int = 2048
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    def as_dict(self) -> dict[str, int | float]:
        """Return the sizes by name, for JSON."""
        return asdict(self)


def rope_tables(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine, each (length, head_size), for rotary positions (Su et al., 2021; half-rotation layout)."""
    frequencies = shape.rope_base ** (-torch.arange(0, shape.head_size, 2, dtype=torch.float32) / shape.head_size)
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies[None, :]
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return x * cos + turned * sin


class Norm(nn.Module):
    """RMS normalisation (Zhang and Sennrich, 2019)."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of x, computing in float32."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (wide * self.weight.float()).to(x.dtype)


class Attention(nn.Module):
    """Causal self-attention with grouped key and value heads (Ainslie et al., 2023)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.hidden, shape.heads * shape.head_size, bias=False)
        self.k_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head_size, bias=False)
        self.v_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head_size, bias=False)
        self.o_proj = nn.Linear(shape.heads * shape.head_size, shape.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """Attend over x (batch, length, hidden); mask is additive (batch, 1, length, length), or None for plain causal."""
        batch, length, _ = x.shape
        s = self.shape
        q = self.q_proj(x).view(batch, length, s.heads, s.head_size).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, s.kv_heads, s.head_size).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, s.kv_heads, s.head_size).transpose(1, 2)
        q, k = _rotate(q, cos.to(q.dtype), sin.to(q.dtype)), _rotate(k, cos.to(k.dtype), sin.to(k.dtype))
        repeats = s.heads // s.kv_heads
        k, v = k.repeat_interleave(repeats, dim=1), v.repeat_interleave(repeats, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(batch, length, s.heads * s.head_size))
        return out


class FeedForward(nn.Module):
    """SwiGLU (Shazeer, 2020)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each position of x on its own."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """One layer: attention, then feed-forward, each around a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = Norm(shape.hidden, shape.norm_epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape.hidden, shape.norm_epsilon)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """Return x after this layer, same shape."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Llama(nn.Module):
    """The whole network; the output matrix is the embedding (tied)."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.hidden, shape.norm_epsilon)
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                scale = 0.02 if "embed" in name else shape.hidden**-0.5 / (2.0 if "o_proj" in name or "down" in name else 1.0)
                nn.init.normal_(parameter, std=scale, generator=generator)

    def features(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the last hidden states (batch, length, hidden) of tokens (batch, length)."""
        cos, sin = rope_tables(self.shape, tokens.shape[1])
        x = self.embed_tokens(tokens)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.bfloat16)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        out: Tensor = self.norm(x)
        return out

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the logits (batch, length, vocabulary)."""
        return F.linear(self.features(tokens, mask), self.embed_tokens.weight)

    def loss(self, tokens: Tensor, targets: Tensor, weights: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted sum of cross-entropies (nats) of targets (batch, length); a zero weight is skipped."""
        wide, weights = self.features(tokens, mask).flatten(0, 1), weights.flatten()
        # The logits are a third of the work, so they are made only where something is learnt.
        chosen = weights.nonzero()[:, 0]
        logits = F.linear(wide[chosen], self.embed_tokens.weight)
        losses = F.cross_entropy(logits.float(), targets.flatten()[chosen], reduction="none")
        total: Tensor = (losses * weights[chosen]).sum()
        return total
