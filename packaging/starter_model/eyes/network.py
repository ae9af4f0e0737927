"""The network with eyes: a SigLIP tower and a Gemma 3 text model, whose weights are exactly transformers' own."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes; a picture of ``side`` pixels becomes ``fields`` × ``fields`` tokens."""

    side: int = 72
    patch: int = 8
    fields: int = 3
    eye_width: int = 160
    eye_feed_forward: int = 512
    eye_layers: int = 4
    eye_heads: int = 5
    vocabulary: int = 2048
    hidden: int = 256
    feed_forward: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 64
    context: int = 2048
    rope_base: float = 10000.0
    epsilon: float = 1e-6

    @property
    def patches(self) -> int:
        """Patches a side."""
        return self.side // self.patch

    @property
    def tokens(self) -> int:
        """Tokens a picture."""
        return self.fields**2

    def as_dict(self) -> dict[str, int | float]:
        """Return the sizes by name, for JSON."""
        return asdict(self)


class GemmaNorm(nn.Module):
    """RMS normalisation whose weight counts from one."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of x, computing in float32."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (wide * (1.0 + self.weight.float())).to(x.dtype)


class EyeLayer(nn.Module):
    """One layer of the tower: every patch sees every other."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.eye_width
        self.heads = shape.eye_heads
        self.layer_norm1 = nn.LayerNorm(width, shape.epsilon)
        self.layer_norm2 = nn.LayerNorm(width, shape.epsilon)
        self.self_attn = nn.ModuleDict({name: nn.Linear(width, width) for name in ("q_proj", "k_proj", "v_proj", "out_proj")})
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, shape.eye_feed_forward), "fc2": nn.Linear(shape.eye_feed_forward, width)}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return x (batch, patches, width) after this layer."""
        batch, length, width = x.shape
        inside = self.layer_norm1(x)
        parts = [
            self.self_attn[name](inside).view(batch, length, self.heads, -1).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        ]
        seen = F.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(batch, length, width)
        x = x + self.self_attn["out_proj"](seen)
        out: Tensor = x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.layer_norm2(x)), approximate="tanh"))
        return out


class Tower(nn.Module):
    """SigLIP's vision transformer (Zhai et al., 2023); the patch matrix is its convolution, flattened."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.patch_embedding = nn.Linear(3 * shape.patch**2, shape.eye_width)
        self.position_embedding = nn.Parameter(torch.zeros(shape.patches**2, shape.eye_width))
        self.layers = nn.ModuleList(EyeLayer(shape) for _ in range(shape.eye_layers))
        self.post_layernorm = nn.LayerNorm(shape.eye_width, shape.epsilon)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the averaged patches (batch, tokens, width) of pictures (batch, 3, side, side) between -1 and 1."""
        s = self.shape
        batch, n, p = pictures.shape[0], s.patches, s.patch
        cut = pictures.view(batch, 3, n, p, n, p).permute(0, 2, 4, 1, 3, 5).reshape(batch, n * n, 3 * p * p)
        x = self.patch_embedding(cut) + self.position_embedding
        for layer in self.layers:
            x = layer(x)
        x = self.post_layernorm(x)
        step = n // s.fields
        return x.view(batch, s.fields, step, s.fields, step, s.eye_width).mean((2, 4)).reshape(batch, s.tokens, s.eye_width)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return x * cos + turned * sin


class TextLayer(nn.Module):
    """One layer of Gemma 3 (Gemma Team, 2025): norms before and after attention and feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        s = shape
        norms = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
        for name in norms:
            setattr(self, name, GemmaNorm(s.hidden, s.epsilon))
        sizes = {"q_proj": (s.hidden, s.heads * s.head_size), "k_proj": (s.hidden, s.kv_heads * s.head_size),
                 "v_proj": (s.hidden, s.kv_heads * s.head_size), "o_proj": (s.heads * s.head_size, s.hidden)}  # fmt: skip
        self.self_attn = nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in sizes.items()})
        self.self_attn["q_norm"] = GemmaNorm(s.head_size, s.epsilon)
        self.self_attn["k_norm"] = GemmaNorm(s.head_size, s.epsilon)
        widths = {
            "gate_proj": (s.hidden, s.feed_forward),
            "up_proj": (s.hidden, s.feed_forward),
            "down_proj": (s.feed_forward, s.hidden),
        }
        self.mlp = nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in widths.items()})

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """Return x (batch, length, hidden) after this layer; ``mask`` (batch, 1, length, length) is added to the scores."""
        s = self.shape
        batch, length, _ = x.shape
        inside = self.input_layernorm(x)
        q = self.self_attn["q_norm"](self.self_attn["q_proj"](inside).view(batch, length, s.heads, s.head_size)).transpose(1, 2)
        k = self.self_attn["k_norm"](self.self_attn["k_proj"](inside).view(batch, length, s.kv_heads, s.head_size)).transpose(
            1, 2
        )
        v = self.self_attn["v_proj"](inside).view(batch, length, s.kv_heads, s.head_size).transpose(1, 2)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        repeats = s.heads // s.kv_heads
        seen = F.scaled_dot_product_attention(
            q, k.repeat_interleave(repeats, dim=1), v.repeat_interleave(repeats, dim=1), attn_mask=mask.to(q.dtype)
        )
        out = self.self_attn["o_proj"](seen.transpose(1, 2).reshape(batch, length, s.heads * s.head_size))
        x = x + self.post_attention_layernorm(out)
        inside = self.pre_feedforward_layernorm(x)
        wide = F.gelu(self.mlp["gate_proj"](inside), approximate="tanh") * self.mlp["up_proj"](inside)
        out: Tensor = x + self.post_feedforward_layernorm(self.mlp["down_proj"](wide))
        return out


class Seer(nn.Module):
    """The whole network; the output matrix is the embedding (tied). ``heads`` name what lies on each field, in training only."""

    def __init__(self, shape: Shape, head_sizes: dict[str, int], seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.tower = Tower(shape)
        self.soft_norm = GemmaNorm(shape.eye_width, shape.epsilon)
        self.projection = nn.Parameter(torch.zeros(shape.eye_width, shape.hidden))
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(TextLayer(shape) for _ in range(shape.layers))
        self.norm = GemmaNorm(shape.hidden, shape.epsilon)
        self.heads = nn.ModuleDict({name: nn.Linear(shape.eye_width, size) for name, size in head_sizes.items()})
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                width = parameter.shape[0] if name == "projection" else parameter.shape[1]
                closing = 2.0 if any(part in name for part in ("o_proj", "out_proj", "down_proj", "fc2")) else 1.0
                scale = 0.02 if "embed_tokens" in name or "position" in name else width**-0.5 / closing
                nn.init.normal_(parameter, std=scale, generator=generator)

    def look(self, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the soft tokens (batch, tokens, hidden) of pictures, and what each head says of them."""
        pooled = self.tower(pictures)
        return self.soft_norm(pooled) @ self.projection, {name: head(pooled) for name, head in self.heads.items()}

    def read(self, tokens: Tensor, soft: Tensor, places: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Return the last hidden states (batch, length, hidden).

        ``places`` (batch, length) says which soft token stands at a position, -1 for none; ``positions`` turn queries and keys.
        """
        s = self.shape
        frequencies = s.rope_base ** (-torch.arange(0, s.head_size, 2, dtype=torch.float32) / s.head_size)
        angles = positions[..., None].float() * frequencies
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        x = self.embed_tokens(tokens) * s.hidden**0.5
        given = soft.gather(1, places.clamp(min=0)[..., None].expand(-1, -1, s.hidden))
        x = torch.where((places >= 0)[..., None], given.to(x.dtype), x)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.bfloat16)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits over the vocabulary for hidden states."""
        return F.linear(hidden, self.embed_tokens.weight)
