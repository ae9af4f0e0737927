"""Tiny BERT models with random weights as GGUF files, for embeddings and for ranking, and the same network in numpy."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, PoolingType, TokenType

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"\u2581{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class TinyEncoder:
    """A BERT of random weights: ``write`` puts it into a GGUF file, ``vectors`` computes it in numpy."""

    def __init__(self, *, width: int = 32, heads: int = 4, layers: int = 2, context: int = 1024, seed: int = 3) -> None:
        random = np.random.default_rng(seed)
        self.width, self.heads, self.layers, self.context = width, heads, layers, context
        self.tokens = [*WORDS, *LETTERS]
        shapes: dict[str, tuple[int, ...]] = {
            "token_embd.weight": (len(self.tokens), width),
            "token_types.weight": (2, width),
            "position_embd.weight": (context, width),
            "token_embd_norm.weight": (width,),
            "token_embd_norm.bias": (width,),
            "cls.weight": (width, width),
            "cls.bias": (width,),
            "cls.output.weight": (1, width),
            "cls.output.bias": (1,),
        }
        for layer in range(layers):
            for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
                shapes[f"blk.{layer}.{name}.weight"] = (width, width)
                shapes[f"blk.{layer}.{name}.bias"] = (width,)
            shapes[f"blk.{layer}.ffn_up.weight"] = (2 * width, width)
            shapes[f"blk.{layer}.ffn_up.bias"] = (2 * width,)
            shapes[f"blk.{layer}.ffn_down.weight"] = (width, 2 * width)
            shapes[f"blk.{layer}.ffn_down.bias"] = (width,)
            for name in ("attn_output_norm", "layer_output_norm"):
                shapes[f"blk.{layer}.{name}.weight"] = (width,)
                shapes[f"blk.{layer}.{name}.bias"] = (width,)
        self.weights = {name: (random.standard_normal(shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}
        for name in self.weights:
            if name.endswith("norm.weight"):
                self.weights[name] += 1

    def write(self, path: Path, pooling: PoolingType) -> Path:
        """A GGUF file; one with ``PoolingType.RANK`` has a ranking head."""
        writer = GGUFWriter(path, "bert")
        writer.add_name("Tiny encoder")
        writer.add_file_type(0)
        writer.add_context_length(self.context)
        writer.add_embedding_length(self.width)
        writer.add_block_count(self.layers)
        writer.add_feed_forward_length(2 * self.width)
        writer.add_head_count(self.heads)
        writer.add_layer_norm_eps(1e-12)
        writer.add_causal_attention(False)
        writer.add_pooling_type(pooling)
        writer.add_vocab_size(len(self.tokens))
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(self.tokens)
        writer.add_token_types([TokenType.CONTROL] * 5 + [TokenType.NORMAL] * (len(self.tokens) - 5))
        writer.add_token_type_count(2)
        writer.add_pad_token_id(0)
        writer.add_unk_token_id(1)
        writer.add_bos_token_id(2)
        writer.add_sep_token_id(3)
        writer.add_eos_token_id(3)
        writer.add_mask_token_id(4)
        for name, value in self.weights.items():
            if pooling == PoolingType.RANK or not name.startswith("cls"):
                writer.add_tensor(name, value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def encode(self, text: str) -> list[int]:
        """Words of small letters as the WordPiece tokenizer reads them: each letter is a token, the first of a word another."""
        ids = {token: number for number, token in enumerate(self.tokens)}
        return [ids[letter if index else f"\u2581{letter}"] for word in text.split() for index, letter in enumerate(word)]

    def frame(self, *texts: str) -> list[int]:
        """``[CLS] text [SEP] text [SEP]``."""
        return [2, *(token for text in texts for token in (*self.encode(text), 3))]

    def vectors(self, tokens: list[int]) -> np.ndarray:
        """The network's output for each token, (tokens, width), in double precision."""
        w = {name: value.astype(np.float64) for name, value in self.weights.items()}
        x = w["token_embd.weight"][tokens] + w["token_types.weight"][0] + w["position_embd.weight"][: len(tokens)]
        x = _norm(x, w["token_embd_norm.weight"], w["token_embd_norm.bias"])
        size = self.width // self.heads
        for layer in range(self.layers):

            def linear(name: str, values: np.ndarray, layer: int = layer) -> np.ndarray:
                return np.asarray(values @ w[f"blk.{layer}.{name}.weight"].T + w[f"blk.{layer}.{name}.bias"])

            q, k, v = (linear(name, x).reshape(len(tokens), self.heads, size) for name in ("attn_q", "attn_k", "attn_v"))
            scores = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(size)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            attended = np.einsum("hqk,khd->qhd", scores, v).reshape(len(tokens), self.width)
            x = x + linear("attn_output", attended)
            x = _norm(x, w[f"blk.{layer}.attn_output_norm.weight"], w[f"blk.{layer}.attn_output_norm.bias"])
            x = x + linear("ffn_down", _gelu(linear("ffn_up", x)))
            x = _norm(x, w[f"blk.{layer}.layer_output_norm.weight"], w[f"blk.{layer}.layer_output_norm.bias"])
        return x

    def score(self, query: str, document: str) -> float:
        """What the ranking head says of the pair."""
        w = {name: value.astype(np.float64) for name, value in self.weights.items()}
        first = self.vectors(self.frame(query, document))[0]
        hidden = np.tanh(w["cls.weight"] @ first + w["cls.bias"])
        return float((w["cls.output.weight"] @ hidden + w["cls.output.bias"])[0])


def _norm(values: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = values - values.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * weight + bias)


def _gelu(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * values * (1 + np.tanh(math.sqrt(2 / math.pi) * (values + 0.044715 * values**3))))
